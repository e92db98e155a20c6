/** Removes control characters and escape sequences from a text that arrives in pieces. */
export type Cleaner = (piece: string) => string;

type State = 'text' | 'escape' | 'sequence' | 'string';

const ESCAPE = 0x1b;
const BELL = 0x07;
const NEWLINE = 0x0a;
const TAB = 0x09;
/** The 8-bit forms of `ESC [`, of the sequences that open a string, and of the one that ends it. */
const CSI = 0x9b;
const STRING_OPENERS: ReadonlySet<number> = new Set([0x90, 0x98, 0x9d, 0x9e, 0x9f]);
const STRING_END = 0x9c;

/**
 * Returns a cleaner for text that a model writes. A terminal obeys escape sequences, which could move the cursor, rename the window or write to the
 * clipboard. The cleaner keeps text, newlines and tabs, and drops whole sequences (ECMA-48), even if they are split across pieces. A newline ends a
 * sequence, so that an unfinished one cannot hide the rest.
 */
export function cleaner(): Cleaner {
  let state: State = 'text';

  /** The state after one code unit. Only text is kept. */
  function step(code: number): State {
    if (code === NEWLINE) return 'text';
    if (code === ESCAPE) return 'escape';
    switch (state) {
      case 'escape':
        return afterEscape(code);
      case 'sequence':
        return code >= 0x40 ? 'text' : 'sequence';
      case 'string':
        return code === BELL || code === STRING_END ? 'text' : 'string';
      case 'text':
        if (code === CSI) return 'sequence';
        return STRING_OPENERS.has(code) ? 'string' : 'text';
    }
  }

  return function clean(piece) {
    if (state === 'text' && !CONTROL.test(piece)) return piece;
    let kept = '';
    for (let index = 0; index < piece.length; index++) {
      const code = piece.charCodeAt(index);
      const before = state;
      state = step(code);
      const printed = before === 'text' && state === 'text' && isPrinted(code);
      if (printed || code === NEWLINE) kept += piece.charAt(index);
    }
    return kept;
  };
}

/** Puts a text on one line of at most `most` characters, without control characters. */
export function oneLine(text: string, most = 600): string {
  const line = cleaner()(text).replaceAll(/\s+/g, ' ').trim();
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}

function afterEscape(code: number): State {
  if (code === 0x5b) return 'sequence'; // [
  if (code === 0x5d || code === 0x50 || code === 0x58 || code === 0x5e || code === 0x5f) return 'string'; // ] P X ^ _
  return code >= 0x20 && code <= 0x2f ? 'escape' : 'text';
}

function isPrinted(code: number): boolean {
  return code === TAB || (code >= 0x20 && code < 0x7f) || code > 0x9f;
}

// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/;
