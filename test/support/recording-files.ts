import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Wire } from '../../testing/upstream/wires.ts';
import { madeRecordings } from '../recordings/index.ts';

/** A stream of a provider: recorded from a real one, or written after its documentation. It can be used as a `stream` of the fault server. */
export interface Recording {
  /** The name of the file without its extension, such as `deepseek-tool-call`. */
  readonly name: string;
  readonly wire: Wire;
  /** The JSON payload of each event, in order. */
  readonly lines: readonly string[];
}

/** The wires that have recordings. */
export const WIRES: readonly Wire[] = ['openai-chat', 'openai-responses', 'anthropic-messages'];

/** The folder with recordings of real providers, which are not part of the project: `SLUICE_RECORDINGS`, or one next to the repository. */
const realFolder = resolve(
  process.env.SLUICE_RECORDINGS ?? fileURLToPath(new URL('../../../shared/recordings', import.meta.url)),
);

/** Whether there are recordings of real providers. */
export function haveRealRecordings(): boolean {
  return existsSync(realFolder);
}

/** All recordings of a wire, or of all wires: those that are part of the project, and then those of real providers, if there are any. */
export function recordings(wire?: Wire): Recording[] {
  if (wire === undefined) return WIRES.flatMap((each) => recordings(each));
  return [...madeRecordings.filter((made) => made.wire === wire), ...realRecordings(wire)];
}

function realRecordings(wire: Wire): Recording[] {
  const folder = join(realFolder, wire);
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

/** The recording with this name. Throws if there is none. */
export function recording(wire: Wire, name: string): Recording {
  const found = recordings(wire).find((each) => each.name === name);
  if (found === undefined) throw new Error(`There is no recording ${wire}/${name}.`);
  return found;
}

function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
}
