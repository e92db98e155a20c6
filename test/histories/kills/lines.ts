import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { StepWord } from './step-word.ts';

/** What a process writes down before it goes on. */
export type KillWord =
  /** The store has acknowledged these steps. */
  | { what: 'acked'; turn: string; from: number; steps: StepWord[] }
  /** These steps were found. `at` is from before the store was asked. */
  | { what: 'read'; turn: string; steps: StepWord[]; at: number }
  /** The store has acknowledged the append that ends the turn. */
  | { what: 'ended'; turn: string }
  /** The first line of a tool, and its last one. `by`: the decision that has approved the call. */
  | { what: 'started'; turn: string; call: string; tool: string; by?: string }
  | { what: 'finished'; turn: string; call: string }
  /** The model was asked, and what it was sent is checked. */
  | { what: 'sent'; turn: string }
  /** The model is about to end a reply with so many tokens. */
  | { what: 'issued'; turn: string; tokens: number }
  /** A process has seen itself that a rule is broken. */
  | { what: 'violation'; turn: string; text: string };

/** A line of a process: which run of a turn wrote it, and when, by {@link now}. */
export type KillLine = KillWord & { run: string; at: number };

/** The file of one process. What is written survives the process, although not the machine. */
export class Lines {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  write(run: string, word: KillWord): void {
    const line: KillLine = { run, at: now(), ...word };
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Nanoseconds by a clock that all processes of a machine share. */
export const now = (): number => Number(process.hrtime.bigint());

/** The complete lines of a file. A killed process leaves at most half a line, of something that it has not done yet. */
export function readLines(path: string): KillLine[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as KillLine);
}
