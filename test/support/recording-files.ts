import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Wire } from '../../testing/upstream/wires.ts';

/** A recorded stream of a real provider. It can be given to the fault server as a `stream`. */
export interface Recording {
  /** The file's name without its ending, e.g. `deepseek-tool-call`. */
  readonly name: string;
  readonly wire: Wire;
  /** One event's JSON payload each, in the order in which they came. */
  readonly lines: readonly string[];
}

/** The wires that there are recordings of. */
export const WIRES: readonly Wire[] = ['openai-chat', 'openai-responses', 'anthropic-messages'];

/** Where the recordings are: `SLUICE_RECORDINGS`, or the folder beside the repository. */
export const recordingsFolder = resolve(
  process.env.SLUICE_RECORDINGS ?? fileURLToPath(new URL('../../../shared/recordings', import.meta.url)),
);

/** Whether the recordings are there. */
export function haveRecordings(): boolean {
  return existsSync(recordingsFolder);
}

/** All recordings of a wire, sorted by name; of all wires without one. Empty where the folder is not there. */
export function recordings(wire?: Wire): Recording[] {
  if (wire === undefined) return WIRES.flatMap((each) => recordings(each));
  const folder = join(recordingsFolder, wire);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.chunks.txt'))
    .toSorted()
    .map((file) => ({
      name: file.slice(0, -'.chunks.txt'.length),
      wire,
      lines: linesOf(join(folder, file)),
    }));
}

/** One recording by its name. Throws when the folder does not have it. */
export function recording(wire: Wire, name: string): Recording {
  const found = recordings(wire).find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no recording ${wire}/${name} in ${recordingsFolder}`);
  return found;
}

function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
}
