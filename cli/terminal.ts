import type { Readable, Writable } from 'node:stream';

/** Where input comes from: a terminal, a pipe or a file. */
export interface TerminalInput extends Readable {
  isTTY?: boolean | undefined;
}

/** Where text goes: a terminal, a pipe or a file. */
export interface TerminalOutput extends Writable {
  isTTY?: boolean | undefined;
  columns?: number | undefined;
}

/** What a command knows about the process it runs in. Tests pass their own. */
export interface Terminal {
  readonly input: TerminalInput;
  /** For answers only, so that `> file` contains nothing else. */
  readonly output: TerminalOutput;
  /** For everything else: usage, notes, errors. */
  readonly errors: TerminalOutput;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Calls the listener at each interrupt signal. Dispose of what it returns to remove the listener. */
  onInterrupt(listener: () => void): Disposable;
}

/**
 * The process of an npm script gets each interrupt of the terminal twice: from the terminal, and from npm, which forwards its own.
 */
const SAME_INTERRUPT_MS = 200;

/** The terminal of this process. */
export function processTerminal(): Terminal {
  return {
    input: process.stdin,
    output: process.stdout,
    errors: process.stderr,
    environment: process.env,
    onInterrupt(listener) {
      let last = Number.NEGATIVE_INFINITY;
      function onSignal(): void {
        const now = performance.now();
        const again = now - last < SAME_INTERRUPT_MS;
        last = now;
        if (!again) listener();
      }
      process.on('SIGINT', onSignal);
      return { [Symbol.dispose]: () => void process.off('SIGINT', onSignal) };
    },
  };
}

/** Dims text if the stream is a terminal and styling is allowed (https://no-color.org). */
export function dimmer(
  stream: TerminalOutput,
  environment: Terminal['environment'],
): (text: string) => string {
  const plain = stream.isTTY !== true || Boolean(environment['NO_COLOR']) || environment['TERM'] === 'dumb';
  return plain ? (text) => text : (text) => (text === '' ? '' : `\u001B[2m${text}\u001B[22m`);
}
