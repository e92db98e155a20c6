import { stripVTControlCharacters } from 'node:util';

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { cleaner, oneLine } from '../../cli/clean-text.ts';

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

describe('oneLine', () => {
  it('joins lines, removes control characters, and shortens long text', () => {
    expect(oneLine(` a\n\n b\t${ESC}[31mc `)).toBe('a b c');
    expect(oneLine('x'.repeat(50), 10)).toBe(`${'x'.repeat(9)}…`);
  });
});
