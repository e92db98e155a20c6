import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseReader } from '../../../providers/wire/sse.ts';

function read(bytes: Uint8Array, cuts: readonly number[] = [], max = 1_000): [string, string][] {
  const events: [string, string][] = [];
  const reader = new SseReader((data, name) => events.push([data, name]), max);
  feed(reader, bytes, cuts);
  return events;
}

function feed(reader: SseReader, bytes: Uint8Array, cuts: readonly number[]): void {
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    reader.feed(bytes.subarray(from, cut));
    from = cut;
  }
}

describe('the reader of event streams', () => {
  it.each(['\n', '\r\n', '\r'])('reads data and names with line ends %j at every split', (end) => {
    const lines = [
      '\ufeff: hello',
      'event: a',
      'data: grün 🙂',
      '',
      'data:two',
      'data: lines',
      '',
      'id: 7',
      'x: y',
      '',
      'data: end',
      '',
      'data: cut off',
    ];
    const bytes = Buffer.from(lines.join(end) + (end === '\r' ? '' : end));
    const expected = [
      ['grün 🙂', 'a'],
      ['two\nlines', ''],
      ['end', ''],
    ];
    for (let cut = 0; cut <= bytes.length; cut++) expect(read(bytes, [cut])).toEqual(expected);
    expect(read(bytes, [...bytes.keys()])).toEqual(expected);
  });

  it('gives back any text, whatever the reads', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.infiniteStream(fc.nat(9)), (texts, sizes) => {
        const data = texts.map((text) => JSON.stringify(text));
        const bytes = Buffer.from(data.map((one) => `data: ${one}\n\n`).join(''));
        const cuts: number[] = [];
        for (let at = 0; at < bytes.length;) {
          at += Number(sizes.next().value) + 1;
          if (at < bytes.length) cuts.push(at);
        }
        expect(read(bytes, cuts).map(([one]) => one)).toEqual(data);
      }),
    );
  });

  it.each(['<html>', '\u0000\u0001', '{"error": "x"}', 'Bad Gateway', '\ufffd\ufffddata: x'])(
    'refuses the line %j wherever it stands, in whatever reads, before a later event',
    (line) => {
      const bytes = Buffer.from(`data: a\n\n${line}\ndata: b\n\n`);
      for (let cut = 0; cut < bytes.length; cut++) {
        // A line that begins like a field is only known at its end.
        if (line === 'Bad Gateway' && cut > 9 && cut < 20) continue;
        const events: string[] = [];
        const reader = new SseReader((data) => events.push(data), 1_000);
        expect(() => {
          reader.feed(bytes.subarray(0, cut));
          reader.feed(bytes.subarray(cut));
        }).toThrow('a line that is none of its kind');
        expect(events).toEqual(['a']);
      }
      if (line === 'Bad Gateway') return;
      expect(() => read(bytes, [...bytes.keys()])).toThrow('a line that is none of its kind');
    },
  );

  it.each([
    ['a field name that is cut', 'da', '\nta: {"a":1}\n\n'],
    ['a field name with a word in it', 'da', 'garbageta: {"a":1}\n\n'],
    ['a line end behind the name', 'data', '\n: {"a":1}\n\n'],
    ['a carriage return behind the name', 'data', '\r: {"a":1}\n\n'],
    ['a field behind the name', 'data', '\nx: y\n: {"a":1}\n\n'],
    ['a sentinel under another name', 'da', '\nta: [DONE]\n\n'],
    ['a word alone', '', 'garbage\n\n'],
  ])('loses no event in silence: %s is refused, in whatever reads', (_how, before, behind) => {
    const good = 'data: b\n\n';
    const bytes = Buffer.from(good + before + behind);
    for (const cuts of [[], ...[...bytes.keys()].map((cut) => [cut]), [...bytes.keys()]]) {
      const events: string[] = [];
      const reader = new SseReader((data) => events.push(data), 1_000);
      expect(() => feed(reader, bytes, cuts), `cut at ${cuts.join()}`).toThrow(
        'a line that is none of its kind',
      );
      expect(events.filter((data) => data !== '')).toEqual(['b']);
    }
  });

  it.each([
    ['a byte that begins nothing', [0xff]],
    ['half a character', [0xe2, 0x82]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
  ])('refuses %s, where a replacement character that was sent is text', (_what, garbage) => {
    const before = Buffer.from('data: \ufffd\n\ndata: a\ufffd');
    const bytes = Buffer.concat([before, Buffer.from(garbage), Buffer.from('\ufffdb\n\n')]);
    for (const cuts of [[], ...[...bytes.keys()].map((cut) => [cut]), [...bytes.keys()]]) {
      const events: string[] = [];
      const reader = new SseReader((data) => events.push(data), 1_000);
      expect(() => feed(reader, bytes, cuts), `cut at ${cuts.join()}`).toThrow('bytes that are no UTF-8');
      expect(events).toEqual(['\ufffd']);
    }
  });

  it('S10 ends an event that is too long, in one read or in many, and buffers no more of it', () => {
    const long = Buffer.from(`data: ${'x'.repeat(1_001)}\n\n`);
    const many = [...long.keys()].filter((at) => at % 100 === 99);
    expect(() => read(long)).toThrow('limits.maxEventBytes (1000)');
    expect(() => read(long, many)).toThrow('limits.maxEventBytes (1000)');
    expect(() => read(Buffer.from('data: x\n'.repeat(600)))).toThrow('limits.maxEventBytes (1000)');
    expect(read(Buffer.from(`data: ${'x'.repeat(1_000)}\n\n`))).toHaveLength(1);
  });

  it('does not take comments for an event that grows', () => {
    const reader = new SseReader(() => expect.fail('no event was sent'), 100);
    for (let at = 0; at < 1_000; at++) reader.feed(Buffer.from(': keep-alive '.repeat(10)));
  });
});
