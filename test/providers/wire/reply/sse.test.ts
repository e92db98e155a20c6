import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseReader } from '../../../../providers/wire/reply/sse.ts';

function read(bytes: Uint8Array, cuts: readonly number[] = [], max = 1_000): [string, string][] {
  const { events, stray } = readAll(bytes, cuts, max);
  expect(stray).toBe('');
  return events;
}

/** The events of a body, and the text that is not part of any event. */
function readAll(bytes: Uint8Array, cuts: readonly number[] = [], max = 1_000) {
  const events: [string, string][] = [];
  let stray = '';
  const reader = new SseReader(
    (data, name) => events.push([data, name]),
    (piece) => (stray += piece),
    max,
  );
  feed(reader, bytes, cuts);
  reader.end();
  return { events, stray };
}

/** No cut, a cut at each byte, and all cuts at once. */
function allCuts(bytes: Uint8Array): number[][] {
  return [[], ...[...bytes.keys()].map((cut) => [cut]), [...bytes.keys()]];
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

  it('returns any text, whatever the reads', () => {
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

  it.each([
    '<html>',
    '\u0000\u0001',
    '{"error": "x"}',
    'Bad Gateway',
    '\ufffd\ufffddata: x',
    '\ufeffdata: x',
    'error: {"code":500}',
    'error: out of memory',
    'RuntimeError: out of memory',
  ])('passes on the line %j and what follows it as non-event text, whatever the reads', (line) => {
    for (const end of ['\n', '\r\n', '\r']) {
      const bytes = Buffer.from(`data: a${end}${end}${line}${end}data: b${end}${end}`);
      for (const cuts of allCuts(bytes)) {
        const { events, stray } = readAll(bytes, cuts);
        expect(events, `cut at ${cuts.join()}`).toEqual([['a', '']]);
        expect(stray, `cut at ${cuts.join()}`).toBe(`${line}${end}data: b${end}${end}`);
      }
    }
  });

  it.each(['Unauthorized', '{"error": "x"}', 'error: x', 'Bad Gateway'])(
    'passes on %j if it ends the body without a line break',
    (line) => {
      const bytes = Buffer.from(`data: a\n\n${line}`);
      for (const cuts of allCuts(bytes)) {
        expect(readAll(bytes, cuts)).toEqual({ events: [['a', '']], stray: line });
      }
    },
  );

  it.each(['d', 'data', 'data: {"a"', 'event: error', 're', ': {"a":1}', 'x: y'])(
    'takes %j at the end of the body for an event that was cut',
    (line) => {
      const bytes = Buffer.from(`data: a\n\n${line}`);
      for (const cuts of allCuts(bytes)) {
        expect(readAll(bytes, cuts)).toEqual({ events: [['a', '']], stray: '' });
      }
    },
  );

  it('ignores comments with JSON, a byte order mark and retry lines, whatever the reads', () => {
    const lines = [
      '\ufeff: {"status":"queued"}',
      'retry: 3000',
      '',
      ': {"id":1}',
      'data: a',
      '',
      ':{"id":2}',
      'retry: never',
      'id',
      '  ',
    ];
    for (const end of ['\n', '\r\n', '\r']) {
      const bytes = Buffer.from([...lines, '', 'data: b', '', 'data: c', ''].join(end));
      for (const cuts of allCuts(bytes)) {
        expect(read(bytes, cuts).map(([data]) => data)).toEqual(['a', 'b']);
      }
    }
  });

  it.each([
    ['a field name that is cut', 'da', '\nta: {"a":1}\n\n'],
    ['a field name with a word in it', 'da', 'garbageta: {"a":1}\n\n'],
    ['a line end after the name', 'data', '\n: {"a":1}\n\n'],
    ['a carriage return after the name', 'data', '\r: {"a":1}\n\n'],
    ['a field after the name', 'data', '\nx: y\n: {"a":1}\n\n'],
    ['a sentinel under another name', 'da', '\nta: [DONE]\n\n'],
    ['a line end before the payload', 'data:', '\n {"a":1}\n\n'],
    ['a field after a part of the name', 'data', 'x: y\n: {"a":1}\n\n'],
    ['a word alone', '', 'garbage\n\n'],
  ])('loses no event silently: %s is noticed, whatever the reads', (_how, before, after) => {
    const bytes = Buffer.from(`data: b\n\ndata:\n\n${before}${after}`);
    for (const cuts of allCuts(bytes)) {
      const events: string[] = [];
      const strays: string[] = [];
      const reader = new SseReader(
        (data) => events.push(data),
        (piece) => strays.push(piece),
        1_000,
      );
      let message = '';
      try {
        feed(reader, bytes, cuts);
      } catch (error) {
        message = String(error);
      }
      expect(strays.length > 0 || message.includes('lost its colon'), `cut at ${cuts.join()}`).toBe(true);
      expect(events.filter((data) => data !== '')).toEqual(['b']);
    }
  });

  it.each([
    ['a byte that begins nothing', [0xff]],
    ['half a character', [0xe2, 0x82]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
  ])('refuses %s, but not a replacement character that was sent', (_what, garbage) => {
    const before = Buffer.from('data: \ufffd\n\ndata: a\ufffd');
    const bytes = Buffer.concat([before, Buffer.from(garbage), Buffer.from('\ufffdb\n\n')]);
    for (const cuts of allCuts(bytes)) {
      const events: string[] = [];
      const reader = new SseReader((data) => events.push(data), expect.fail, 1_000);
      expect(() => feed(reader, bytes, cuts), `cut at ${cuts.join()}`).toThrow('bytes that are not UTF-8');
      expect(events).toEqual(['\ufffd']);
    }
  });

  it('S10 refuses an event that is too long, in one read or in many, and buffers no more of it', () => {
    const long = Buffer.from(`data: ${'x'.repeat(1_001)}\n\n`);
    const many = [...long.keys()].filter((at) => at % 100 === 99);
    expect(() => read(long)).toThrow('limits.maxEventCharacters (1000)');
    expect(() => read(long, many)).toThrow('limits.maxEventCharacters (1000)');
    expect(() => read(Buffer.from('data: x\n'.repeat(600)))).toThrow('limits.maxEventCharacters (1000)');
    expect(read(Buffer.from(`data: ${'x'.repeat(1_000)}\n\n`))).toHaveLength(1);
  });

  it('does not count comments as part of an event', () => {
    const reader = new SseReader(() => expect.fail('no event was sent'), expect.fail, 100);
    for (let at = 0; at < 1_000; at++) reader.feed(Buffer.from(': keep-alive '.repeat(10)));
  });

  it.each([[['\n\ndata\n', '\n']], [['data\n\n']], [['\n\ndata', '\n\n']], [['data\r\n', '\r\n']]])(
    'refuses a data line that has lost its colon, whatever comes before it: %j',
    (reads) => {
      const reader = new SseReader(
        () => undefined,
        () => undefined,
        1_000,
      );
      const feedAll = () => {
        for (const text of reads) reader.feed(Buffer.from(text));
      };
      expect(feedAll).toThrow('a data line that has lost its colon');
    },
  );
});
