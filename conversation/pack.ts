import { SluiceError, isSluiceError } from '../src/index.ts';
import { parseOptions } from '../src/kit/index.ts';
import { textOfBytes } from './file-text.ts';
import { packSchema } from './pack-schema.ts';
import type { PromptPack } from './pack-types.ts';
import { Prompt } from './prompt.ts';

/**
 * Checks a PromptPack (https://promptpack.org): the form of its fields, the defaults of its variables, and that each template can be filled in. It takes
 * the parsed JSON and returns a copy with the defaults of the specification. Fields that the library does not know are kept.
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
 * Reads a PromptPack from a JSON file, and checks it like {@link parsePack}. Treat a pack like code: load it only from a source that you trust.
 *
 * Rejects with `invalid_options`, also if the file cannot be read, is not in UTF-8, or is not JSON.
 *
 * @example
 * const pack = await loadPack('./hello.pack.json');
 */
export async function loadPack(path: string | URL): Promise<PromptPack> {
  const name = `loadPack(): the file ${String(path)}`;
  const files = typeof process === 'undefined' ? undefined : process.getBuiltinModule?.('node:fs/promises');
  if (files === undefined) {
    const advice = 'import or fetch its JSON, and pass that to parsePack()';
    throw new SluiceError(
      'invalid_options',
      `${name} cannot be read, because this runtime has no files: ${advice}.`,
    );
  }
  let bytes: Uint8Array;
  try {
    bytes = await files.readFile(path);
  } catch (error) {
    const advice = 'give the path of a file, relative to the working directory, or a file: URL';
    throw new SluiceError('invalid_options', `${name} cannot be read: ${advice}.`, { cause: error });
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
      `${name} is not valid JSON${place === undefined ? '' : ` ${place}`}: fix it.`,
    );
  }
}
