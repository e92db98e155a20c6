import { readFile } from 'node:fs/promises';
import { SluiceError, isSluiceError } from '../src/index.ts';
import { parseOptions } from '../src/kit/index.ts';
import { textOfBytes } from './file-text.ts';
import { packSchema } from './pack-schema.ts';
import type { PromptPack } from './pack-types.ts';
import { Prompt } from './prompt.ts';

/**
 * Checks a PromptPack (https://promptpack.org): the form of its fields, the defaults of its variables, and that each template can be filled in. Takes the
 * parsed JSON; gives a copy with the specification's defaults. Fields that the library does not know are kept.
 *
 * Throws `invalid_options` that names the JSON path of what is wrong, such as `prompts.chat.variables.0.type`.
 *
 * @example
 * const pack = parsePack(JSON.parse(text));
 */
export function parsePack(json: unknown): PromptPack {
  const pack = parseOptions('Pack', packSchema, json);
  for (const name of Object.keys(pack.prompts)) new Prompt(pack, name);
  return pack;
}

/**
 * Reads a PromptPack from a JSON file, and checks it as {@link parsePack} does. A pack is like code: take it from where you take code.
 *
 * Rejects with `invalid_options`, also if the file cannot be read, is not UTF-8, or is no JSON.
 *
 * @example
 * const pack = await loadPack('./hello.pack.json');
 */
export async function loadPack(path: string | URL): Promise<PromptPack> {
  const name = `loadPack(): the file ${String(path)}`;
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const mend = 'give the path of a file, from the working directory, or a file: URL';
    throw new SluiceError('invalid_options', `${name} cannot be read: ${mend}.`, { cause: error });
  }
  const json = parseJson(textOfBytes(bytes, name), name);
  try {
    return parsePack(json);
  } catch (error) {
    if (!isSluiceError(error)) throw error;
    throw new SluiceError(error.code, `${name}: ${error.message}`, { cause: error });
  }
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The engine's own message quotes the text, which is a prompt.
    const place = error instanceof Error ? /at position \d+/.exec(error.message)?.[0] : undefined;
    throw new SluiceError(
      'invalid_options',
      `${name} is no JSON${place === undefined ? '' : ` ${place}`}: fix it.`,
    );
  }
}
