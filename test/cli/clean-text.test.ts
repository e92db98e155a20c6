import { stripVTControlCharacters } from 'node:util';

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { cleaner, jsonLine, oneLine } from '../../cli/clean-text.ts';

const ESC = '\u001B';

describe('cleaner', () => {
  it('keeps text in any script, newlines and tabs', () => {
    const text = 'Grüße,\n\tこんにちは 👋🏽 — \u{10FFFF}\u00A0end';
    expect(cleaner()(text)).toBe(text);
  });

  it.each([
    ['colors', `${ESC}[1;31mred${ESC}[0m`, 'red'],
    ['moves of the cursor', `a${ESC}[2Jb${ESC}[10;10Hc`, 'abc'],
    ['the title of the window, ended by a bell', `x${ESC}]0;owned\u0007y`, 'xy'],
    ['the clipboard, ended by ESC \\', `x${ESC}]52;c;ZXZpbA==${ESC}\\y`, 'xy'],
    ['a device control string', `x${ESC}P+q544e${ESC}\\y`, 'xy'],
    ['8-bit sequences', 'x\u009B31my\u009D0;t\u009Cz', 'xyz'],
    ['short escapes', `a${ESC}cb${ESC}(0c`, 'abc'],
    ['a return that would overwrite the line', 'safe\rrm -rf', 'saferm -rf'],
    ['CRLF', 'a\r\nb', 'a\nb'],
    ['bells, backspaces and deletes', 'a\u0007b\bc\u007Fd', 'abcd'],
  ])('takes out %s', (_what, text, clean) => {
    expect(cleaner()(text)).toBe(clean);
  });

  it.each([
    ['overrides of the direction', 'rm \u202Egpj.exe\u202C', 'rm gpj.exe'],
    ['embeddings and isolates', '\u202Aa\u202B\u2066b\u2067c\u2068\u2069', 'abc'],
    ['marks of direction', 'a\u200E\u200F\u061Cb', 'ab'],
    ['spaces without width, and what joins words', 'a\u200Bb\u2060c\uFEFFd', 'abcd'],
    ['soft hyphens and invisible operators', 'pass\u00ADword\u2061\u2062\u2063\u2064', 'password'],
    [
      'tags, which can hide a whole text',
      `hi\u{E0001}${String.fromCodePoint(0xe0068, 0xe0069)}\u{E007F}`,
      'hi',
    ],
    ['fillers', 'a\u3164\u115F\u1160\uFFA0b', 'ab'],
    ['variation selectors that hide bytes', 'a\uFE00\uFE01\u{E0100}\u{E01EF}b', 'ab'],
    ['a row of selectors', '\u2764\uFE0F\uFE0E\uFE0F!', '\u2764\uFE0F!'],
    ['joiners that join nothing', '\u200Da\u200D b\u200C\n\u200D\u200Dc\u200D', 'a b\nc'],
    ['a row of joiners', 'a\u200D\u200C\u200D\u200Cb', 'ab'],
    ['separators of lines', 'a\u2028b\u2029c', 'a\nb\nc'],
  ])('takes out %s', (_what, text, clean) => {
    expect(cleaner()(text)).toBe(clean);
    const pieces = cleaner();
    expect(Array.from(text, (character) => pieces(character)).join('')).toBe(clean);
  });

  it.each([
    ['a family', '\u{1F468}\u200D\u{1F469}\u200D\u{1F467}\u200D\u{1F466}'],
    ['a heart on fire', '\u2764\uFE0F\u200D\u{1F525}'],
    ['a rainbow flag', '\u{1F3F3}\uFE0F\u200D\u{1F308}'],
    ['a tone of skin', '\u{1F44B}\u{1F3FD}'],
    ['a keycap', '1\uFE0F\u20E3'],
    ['Persian', '\u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645'],
    ['Malayalam', '\u0D28\u0D4D\u200D\u0D28'],
    ['Arabic and Hebrew', '\u0645\u0631\u062D\u0628\u0627 \u05E9\u05DC\u05D5\u05DD'],
    ['Braille', '\u2801\u2800\u2803'],
  ])('keeps %s, however it is split', (_what, text) => {
    expect(cleaner()(text)).toBe(text);
    const pieces = cleaner();
    expect(Array.from(text, (character) => pieces(character)).join('')).toBe(text);
  });

  it('removes a sequence that is split across pieces', () => {
    const clean = cleaner();
    expect([`a${ESC}`, ']0;ti', 'tle', '\u0007b', `${ESC}[3`, '1mc'].map((piece) => clean(piece))).toEqual([
      'a',
      '',
      '',
      'b',
      '',
      'c',
    ]);
  });

  it('hides no more than one line if a sequence is not finished', () => {
    expect(cleaner()(`a${ESC}]0;never ended\nstill here`)).toBe('a\nstill here');
  });

  it('leaves nothing that a terminal obeys, wherever the text is split', () => {
    const nasty = fc.string({
      unit: fc.constantFrom(
        ESC,
        '[',
        ']',
        'P',
        '\\',
        '\u0007',
        '\u009B',
        '\u009C',
        '\n',
        '\r',
        '0',
        ';',
        'm',
        'x',
      ),
      maxLength: 40,
    });
    fc.assert(
      fc.property(fc.array(nasty, { maxLength: 5 }), (pieces) => {
        const clean = cleaner();
        const cleaned = pieces.map((piece) => clean(piece)).join('');
        // eslint-disable-next-line no-control-regex -- none of these may be left
        expect(cleaned).not.toMatch(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/);
        expect(cleaned).toBe(cleaner()(pieces.join('')));
        expect(stripVTControlCharacters(cleaned)).toBe(cleaned);
      }),
    );
  });
});

describe('jsonLine', () => {
  it('escapes what a terminal obeys or cannot show, and stays the same value', () => {
    const value = { text: 'a\u202Eb\u0085c\u2028d\u{E0041}e\u200Df\u001B[2J', more: 'Grüße \u{1F44B}' };
    const line = jsonLine(value);
    expect(line).toBe(
      String.raw`{"text":"a\u202eb\u0085c\u2028d\udb40\udc41e\u200df\u001b[2J","more":"Grüße ${'\u{1F44B}'}"}`,
    );
    expect(JSON.parse(line)).toEqual(value);
  });
});

describe('oneLine', () => {
  it('takes out what cannot be seen, and cuts no character in half', () => {
    expect(oneLine('a\u202Eb\u2028c')).toBe('ab c');
    expect(oneLine('\u{1F44B}'.repeat(10), 10).isWellFormed()).toBe(true);
  });

  it('joins lines, removes control characters, and shortens long text', () => {
    expect(oneLine(` a\n\n b\t${ESC}[31mc `)).toBe('a b c');
    expect(oneLine('x'.repeat(50), 10)).toBe(`${'x'.repeat(9)}…`);
  });
});
