import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

import { cleaner } from '../clean-text.ts';
import type { Terminal, TerminalOutput } from '../terminal.ts';

/** Reads messages from a terminal, with history and editing keys. */
export interface LineEditor extends Disposable {
  /**
   * Shows the prompt, and a text that can be edited; resolves to the next message, or undefined when the input has ended or the editor was closed.
   */
  read(prompt?: string, text?: string): Promise<string | undefined>;
  /** What was typed but not sent. */
  readonly line: string;
  clearLine(): void;
  /** Drops what was typed during a reply. */
  dropTypedAhead(): void;
  close(): void;
}

const PROMPT = '> ';
/** Asks the terminal to mark pasted text, so that it is not sent line by line. */
const MARK_PASTES = '\u001B[?2004h';
const LEAVE_PASTES = '\u001B[?2004l';

/**
 * A line editor that uses Node's readline. Between two calls of `read()` nothing is echoed, so that what the user types does not mix with a reply.
 * Lines that are typed in that time are kept for the next `read()`.
 */
export function lineEditor(terminal: Terminal, onInterrupt: () => void): LineEditor {
  // If the answers go into a file, the user still sees what is typed.
  const visible = terminal.output.isTTY === true ? terminal.output : terminal.errors;
  const screen = mutable(visible);
  const isTerminal = terminal.input.isTTY === true && visible.isTTY === true;
  const editor = createInterface({
    input: terminal.input,
    output: screen.stream,
    terminal: isTerminal,
    prompt: PROMPT,
    historySize: 500,
    removeHistoryDuplicates: true,
  });
  const typedAhead: string[] = [];
  let pasted: string[] = [];
  let pasting = false;
  let closed = false;
  let waiting: ((message: string | undefined) => void) | undefined;

  function onKey(_text: unknown, key: { name?: string | undefined } | undefined): void {
    if (key?.name === 'paste-start') pasting = true;
    if (key?.name === 'paste-end') pasting = false;
  }

  editor.on('line', function onLine(line) {
    pasted.push(line);
    if (pasting) return;
    const message = pasted.join('\n');
    pasted = [];
    if (waiting === undefined) typedAhead.push(message);
    else answer(message);
  });
  editor.on('SIGINT', onInterrupt);
  // If the terminal is gone, the input has ended, too.
  editor.on('error', () => editor.close());
  editor.on('close', function onClose() {
    closed = true;
    terminal.input.off('keypress', onKey);
    if (isTerminal) visible.write(LEAVE_PASTES);
    // So that the shell's prompt starts on a new line.
    if (waiting !== undefined) visible.write('\n');
    answer(undefined);
  });
  terminal.input.on('keypress', onKey);
  if (isTerminal) visible.write(MARK_PASTES);

  function answer(message: string | undefined): void {
    const resolve = waiting;
    waiting = undefined;
    screen.mute();
    resolve?.(message);
  }

  return {
    read(prompt = PROMPT, text = '') {
      const next = typedAhead.shift();
      if (next !== undefined) {
        visible.write(`${prompt}${cleaner()(next)}\n`);
        return Promise.resolve(next);
      }
      if (closed) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        waiting = resolve;
        screen.unmute();
        editor.setPrompt(prompt);
        editor.prompt(true);
        if (text !== '') editor.write(text);
      });
    },
    get line() {
      return pasted.join('\n') + editor.line;
    },
    clearLine() {
      pasted = [];
      editor.write(null, { ctrl: true, name: 'e' });
      editor.write(null, { ctrl: true, name: 'u' });
    },
    dropTypedAhead() {
      typedAhead.length = 0;
    },
    close: () => editor.close(),
    [Symbol.dispose]: () => editor.close(),
  };
}

/** A stream that passes everything on to another one while it is not muted. */
function mutable(target: TerminalOutput): { stream: Writable; mute(): void; unmute(): void } {
  let muted = true;
  const stream = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      if (!muted) target.write(text);
      done();
    },
  });
  // readline needs it to wrap long lines.
  Object.defineProperty(stream, 'columns', { get: () => target.columns });
  target.on('resize', () => stream.emit('resize'));
  return {
    stream,
    mute: () => void (muted = true),
    unmute: () => void (muted = false),
  };
}
