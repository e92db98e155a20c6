import { PassThrough, Writable } from 'node:stream';

import type { Terminal, TerminalInput, TerminalOutput } from '../../cli/terminal.ts';

/** What a command has written, with a way to wait for more. */
export interface Written extends TerminalOutput {
  readonly text: string;
  /** Resolves when the text written so far matches; `after` is the number of characters to skip. */
  until(pattern: RegExp | string, after?: number): Promise<void>;
}

/** A terminal, or pipes, for tests. */
export interface FakeTerminal extends Terminal {
  readonly output: Written;
  readonly errors: Written;
  /** Types into a terminal, or writes into a pipe. */
  type(text: string): void;
  /** Ends a pipe. */
  endInput(): void;
  /** Sends the interrupt signal, like `kill -INT`. */
  interrupt(): void;
}

/** The settings of a fake terminal. */
export interface FakeTerminalOptions {
  /** Keyboard and screen. Default false: pipes. */
  tty?: boolean;
  environment?: Record<string, string>;
}

/** Creates pipes, with separate `output` and `errors`; or a terminal, where both write to one screen, as a user sees it. */
export function fakeTerminal({ tty = false, environment = {} }: FakeTerminalOptions = {}): FakeTerminal {
  const input: TerminalInput & PassThrough = Object.assign(new PassThrough(), tty && keyboard);
  const listeners = new Set<() => void>();
  const output = written(tty);
  return {
    input,
    output,
    errors: tty ? output : written(false),
    // What runs on the machine of the tests is nobody's business.
    environment: { SLUICE_LOCAL_MODELS: '0', ...environment },
    onInterrupt(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    type: (text) => void input.write(text),
    endInput: () => void input.end(),
    interrupt() {
      for (const listener of listeners) listener();
    },
  };
}

const keyboard = { isTTY: true, setRawMode: () => undefined };

/** An output that keeps what is written to it. */
export function written(tty: boolean): Written {
  let text = '';
  const watchers = new Set<() => void>();
  const stream = new Writable({
    decodeStrings: false,
    write(piece: string | Uint8Array, _encoding, done) {
      text += typeof piece === 'string' ? piece : Buffer.from(piece).toString('utf8');
      for (const watch of watchers) watch();
      done();
    },
  });
  const own = {
    isTTY: tty,
    columns: 80,
    until(pattern: RegExp | string, after = 0): Promise<void> {
      return new Promise((resolve) => {
        function watch(): void {
          const rest = text.slice(after);
          if (typeof pattern === 'string' ? !rest.includes(pattern) : !pattern.test(rest)) return;
          watchers.delete(watch);
          resolve();
        }
        watchers.add(watch);
        watch();
      });
    },
  };
  return Object.defineProperty(Object.assign(stream, own, { text: '' }), 'text', { get: () => text });
}
