import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

/** What a turn does: it says something new, answers the last message anew, or says something in the place of the message with this id. */
export type Act = { does: 'say' } | { does: 'regenerate' } | { does: 'edit'; of: string };

/** An entry in the log of a worker. It is on disk before the worker goes on. */
export type LogLine =
  | { what: 'begin'; turn: string; session: string; act: Act }
  /** The caller was told that the turn is finished and stored, with this content. */
  | { what: 'ack'; turn: string; session: string; content: string; replayed: boolean }
  | { what: 'fail'; turn: string; session: string; code: string }
  /** The caller has abandoned the turn. */
  | { what: 'abandon'; turn: string; session: string }
  /** The head of the session is about to be moved by an append with this id, which is of no turn. */
  | { what: 'move'; session: string; id: string }
  /** The session was copied. */
  | { what: 'fork'; session: string; copy: string }
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
