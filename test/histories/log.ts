import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

/** An entry in the log of a worker. It is on disk before the worker goes on. */
export type LogLine =
  | { what: 'begin'; turn: string; session: string }
  /** The caller was told that the turn is finished and stored, with this content. */
  | { what: 'ack'; turn: string; session: string; content: string; replayed: boolean }
  | { what: 'fail'; turn: string; session: string; code: string }
  /** The caller has abandoned the turn. */
  | { what: 'abandon'; turn: string; session: string }
  /** A violation that the worker itself has noticed. */
  | { what: 'violation'; text: string };

/** A worker's log. A killed process leaves at most half a line, which no caller knows about. */
export class Log {
  readonly #file: number;

  constructor(path: string) {
    const torn = existsSync(path) && !/(^|\n)$/.test(readFileSync(path, 'utf8'));
    this.#file = openSync(path, 'a');
    if (torn) writeSync(this.#file, '\n');
  }

  write(line: LogLine): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
    fsyncSync(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** The complete lines of a log. */
export function readLog(path: string): LogLine[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as LogLine];
      } catch {
        return [];
      }
    });
}
