/** Removes control characters, escape sequences and invisible characters from a text that arrives in pieces. */
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
 * Returns a cleaner for text that a model, a server or a tool has written. A terminal obeys escape sequences, which could move the cursor, rename the
 * window or write to the clipboard. The cleaner keeps text, newlines and tabs, and drops whole sequences (ECMA-48), even if they are split across
 * pieces. A newline ends a sequence, so that an unfinished one cannot hide the rest.
 *
 * It also drops what cannot be seen and changes what is seen, or hides text in it: the controls of writing direction, spaces without width, soft
 * hyphens, tags, fillers and variation selectors. What joins letters and emoji (U+200C, U+200D) and chooses their form (U+FE0E, U+FE0F) is kept
 * where it does so: one of them after a visible character, and a joiner only before another one. Separators of lines and paragraphs become newlines.
 */
export function cleaner(): Cleaner {
  let state: State = 'text';
  /** What the last character was. */
  let last: 'visible' | 'selector' | 'other' = 'other';
  /** What is kept only if a visible character follows. */
  let joiner = '';

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

  /** What is kept of a character of text. */
  function kept(character: string): string {
    const follows = last;
    const before = joiner;
    last = 'other';
    joiner = '';
    if (character === '\n' || LINE_ENDS.test(character)) return '\n';
    if (JOINERS.test(character)) {
      // An emoji with a selector may be joined to the next one.
      joiner = follows === 'other' ? '' : character;
      return '';
    }
    if (SELECTORS.test(character)) {
      if (follows !== 'visible') return '';
      last = 'selector';
      return character;
    }
    if (UNSEEN.test(character)) return '';
    if (/\s/.test(character)) return character;
    last = 'visible';
    return before + character;
  }

  return function clean(piece) {
    if (state === 'text' && joiner === '' && PLAIN.test(piece)) {
      if (piece !== '') last = /\s$/.test(piece) ? 'other' : 'visible';
      return piece;
    }
    let text = '';
    for (const character of piece) {
      const code = character.codePointAt(0) ?? 0;
      const before = state;
      state = step(code);
      const isText = before === 'text' && state === 'text' && isPrinted(code);
      if (isText || code === NEWLINE) text += kept(character);
    }
    return text;
  };
}

/** Puts a text on one line of at most `most` characters, without what {@link cleaner} removes. */
export function oneLine(text: string, most = 600): string {
  const line = cleaner()(text).replaceAll(/\s+/g, ' ').trim();
  return line.length <= most ? line : `${line.slice(0, most - 1).toWellFormed()}…`;
}

/** A value as JSON, with all that {@link cleaner} would remove or check escaped: the value is the same, and a terminal shows each character. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replaceAll(ESCAPED, (characters) =>
    Array.from({ length: characters.length }, (_, at) => {
      return `\\u${characters.charCodeAt(at).toString(16).padStart(4, '0')}`;
    }).join(''),
  );
}

function afterEscape(code: number): State {
  if (code === 0x5b) return 'sequence'; // [
  if (code === 0x5d || code === 0x50 || code === 0x58 || code === 0x5e || code === 0x5f) return 'string'; // ] P X ^ _
  return code >= 0x20 && code <= 0x2f ? 'escape' : 'text';
}

function isPrinted(code: number): boolean {
  return code === TAB || (code >= 0x20 && code < 0x7f) || code > 0x9f;
}

const JOINERS = /^[\u200C\u200D]$/;
const SELECTORS = /^[\uFE0E\uFE0F]$/;
const LINE_ENDS = /^[\u2028\u2029]$/;

/**
 * Characters that Unicode says are not displayed, the controls of direction among them
 * (https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point) and the anchors of annotations.
 */
const UNSEEN = /^(?:\p{Default_Ignorable_Code_Point}|\p{Bidi_Control}|[\uFFF9-\uFFFB])$/u;

/** The same, the controls, and the separators of lines. */
const ESCAPED =
  /\p{Default_Ignorable_Code_Point}|\p{Bidi_Control}|[\u007F-\u009F\u2028\u2029\uFFF9-\uFFFB]/gu;

/** A text that is kept as it is: it has none of these. */
const PLAIN =
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  /^(?:(?!\p{Default_Ignorable_Code_Point}|\p{Bidi_Control})[^\u0000-\u0008\u000B-\u001F\u007F-\u009F\u2028\u2029\uFFF9-\uFFFB])*$/u;
