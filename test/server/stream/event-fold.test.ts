import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { isVoided } from 'sluice';
import type { Encoder, Format, Frame } from '../../../server/formats/format.ts';
import { Resets } from '../../../server/log/resets.ts';
import { parseCursor } from '../../../server/stream/cursor.ts';
import { EventFold } from '../../../server/stream/event-fold.ts';
import type { SentChunk, SentEnd } from '../../../server/stream/parts.ts';
import type { SentItem } from '../../../server/stream/sent-stream.ts';

/** Parts that are opened and closed around the text of one call, each named by the position that opened it: as the usual protocols have them. */
function parts(showsResets: boolean): Format {
  const encoder = (): Encoder => {
    let open: { id: number; call: number } | undefined;
    const close = (): Frame[] => {
      const frames = open === undefined ? [] : [{ data: `close ${open.id}` }];
      open = undefined;
      return frames;
    };
    return {
      start: ({ turnId }) => [{ data: `start ${turnId}` }],
      chunk(chunk, position) {
        if (chunk.type === 'reset') return [...close(), { data: `reset ${chunk.calls.join()}` }];
        if (chunk.type !== 'content') return [];
        const frames = open?.call === chunk.call ? [] : close();
        if (open === undefined) {
          open = { id: position, call: chunk.call };
          frames.push({ data: `open ${position}` });
        }
        return [...frames, { data: `text ${open.id} ${chunk.content}` }];
      },
      end: ({ outcome, error }) => [...close(), { data: `end ${error?.code ?? outcome}` }, { data: 'done' }],
    };
  };
  return {
    name: 'parts',
    showsResets: () => showsResets,
    encoder,
    heartbeat: ':\n\n',
    headers: {},
    error: () => ({ status: 500, headers: {}, body: {} }),
  };
}

interface Line {
  id: string | undefined;
  data: string;
}

const start = { turnId: 't', startedAt: 0 };
const end: SentEnd = { outcome: 'completed' };

/** What a client gets that has everything up to a cursor, and joins when `known` chunks are there. */
function read(chunks: readonly SentChunk[], format: Format, after?: string, known = chunks.length): Line[] {
  const fold = new EventFold(format, {}, after === undefined ? undefined : parseCursor(after));
  const resets = new Resets();
  for (const chunk of chunks.slice(0, known)) resets.add(chunk);
  const lines: Line[] = [];
  const items: SentItem[] = [
    { type: 'start', start, resets: resets.list, count: known },
    ...chunks.map((chunk, index): SentItem => ({ type: 'chunk', chunk, position: index + 1, at: 0 })),
    { type: 'end', end, position: chunks.length + 1, at: 0 },
  ];
  for (const item of items) fold.add(item, ({ data }, id) => lines.push({ id, data }));
  expect(fold.given).toBe(lines.length);
  return lines;
}

const texts = (call: number, ...pieces: string[]): SentChunk[] =>
  pieces.map((content) => ({ type: 'content', content, call, index: 0 }));
const reset = (...calls: number[]): SentChunk => ({
  type: 'reset',
  from: calls[0] ?? 0,
  calls,
  reason: 'again',
  call: 0,
  index: 0,
});
const placed = (...chunks: SentChunk[]): SentChunk[] =>
  chunks.map((chunk, index): SentChunk => ({ ...chunk, index }));
const datas = (lines: readonly Line[]): string[] => lines.map(({ data }) => data);

describe('the frames of a stream', () => {
  const chunks = placed(...texts(1, 'a', 'b'), ...texts(2, 'c'));

  test('have position and place as their ids, from the start on', () => {
    expect(read(chunks, parts(false))).toEqual([
      { id: '0.0', data: 'start t' },
      { id: '1.0', data: 'open 1' },
      { id: '1.1', data: 'text 1 a' },
      { id: '2.0', data: 'text 1 b' },
      { id: '3.0', data: 'close 1' },
      { id: '3.1', data: 'open 3' },
      { id: '3.2', data: 'text 3 c' },
      { id: '4.0', data: 'close 3' },
      { id: '4.1', data: 'end completed' },
      { id: '4.2', data: 'done' },
    ]);
  });

  test('R63 go on behind any of them, each once', () => {
    const all = read(chunks, parts(false));
    all.forEach(({ id }, at) => expect(read(chunks, parts(false), id)).toEqual(all.slice(at + 1)));
  });

  test('a cursor without a second number has all frames of its position', () => {
    expect(datas(read(chunks, parts(false), '3'))).toEqual(['close 3', 'end completed', 'done']);
  });
});

describe('resets, in a format that shows them', () => {
  test('are frames like others', () => {
    const chunks = placed(...texts(1, 'a'), reset(1), ...texts(2, 'b'));
    expect(datas(read(chunks, parts(true)))).toEqual([
      ...['start t', 'open 1', 'text 1 a', 'close 1', 'reset 1', 'open 3', 'text 3 b', 'close 3'],
      ...['end completed', 'done'],
    ]);
  });
});

describe('resets, in a format that cannot show them', () => {
  const chunks = placed(...texts(1, 'a'), ...texts(2, 'b'), reset(2), ...texts(3, 'c'));

  test('whoever joins later gets only what stands, and all of it before the reset is one position', () => {
    expect(read(chunks, parts(false))).toEqual([
      { id: '0.0', data: 'start t' },
      { id: '3.0', data: 'open 1' },
      { id: '3.1', data: 'text 1 a' },
      { id: '4.0', data: 'close 1' },
      { id: '4.1', data: 'open 4' },
      { id: '4.2', data: 'text 4 c' },
      { id: '5.0', data: 'close 4' },
      { id: '5.1', data: 'end completed' },
      { id: '5.2', data: 'done' },
    ]);
  });

  test('a reader that was shown what is void gets an error that closes what is open, without an id', () => {
    const lines = read(chunks, parts(false), undefined, 2);
    expect(lines.slice(-3)).toEqual([
      { id: undefined, data: 'close 2' },
      { id: undefined, data: 'end truncated' },
      { id: undefined, data: 'done' },
    ]);
    // It is told the same again if it comes back by itself.
    const last = lines.findLast(({ id }) => id !== undefined)?.id;
    expect(read(chunks, parts(false), last)).toEqual(lines.slice(-3));
  });

  test('a reader that was not shown what is void goes on, and misses nothing', () => {
    expect(datas(read(chunks, parts(false), '1.1'))).toEqual([
      ...['close 1', 'open 4', 'text 4 c', 'close 4', 'end completed', 'done'],
    ]);
  });

  test.each([1, 2])('a reader that was shown calls in turns knows each of them: %d', (call) => {
    const turns = [1, 2, 1, 2, 1].flatMap((one) => texts(one, `${one}`));
    const [last, ...others] = read(placed(...turns, reset(call)), parts(false), undefined, 0).reverse();
    expect([last?.id, last?.data, others[0]?.data]).toEqual([undefined, 'done', 'end truncated']);
    // A call that was not among them voids nothing.
    expect(datas(read(placed(...turns, reset(3)), parts(false), undefined, 0))).toContain('end completed');
  });

  test('one that voids nothing that was shown is left out', () => {
    const hidden = placed(
      ...texts(1, 'a'),
      { type: 'tool_progress', id: 'c', name: 'n', data: 1, call: 2, index: 0 },
      reset(2),
      ...texts(1, 'b'),
    );
    expect(datas(read(hidden, parts(false), undefined, 0))).toEqual([
      ...['start t', 'open 1', 'text 1 a', 'text 1 b', 'close 1', 'end completed', 'done'],
    ]);
  });
});

/** A log with resets, as a pipeline and takeovers of it make them: numbers rise within one run, and a takeover voids all and begins at 1 again. */
const logs = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('text' as const), back: fc.nat(2) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('call' as const), back: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('hidden' as const), back: fc.constant(0) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('reset' as const), back: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('takeover' as const), back: fc.constant(0) }) },
    ),
    { maxLength: 30 },
  )
  .map((steps) => {
    const chunks: SentChunk[] = [];
    let call = 1;
    for (const [at, { kind, back }] of steps.entries()) {
      const of = Math.max(1, call - back);
      if (kind === 'text') chunks.push(...texts(of, `${at}`));
      else if (kind === 'call') call++;
      else if (kind === 'hidden')
        chunks.push({ type: 'tool_progress', id: 'x', name: 'n', data: at, call, index: 0 });
      else if (kind === 'reset') {
        chunks.push(reset(...Array.from({ length: call - of + 1 }, (_, more) => of + more)));
        call++;
      } else if (chunks.length > 0) {
        chunks.push(reset(...Array.from({ length: call }, (_, more) => 1 + more)));
        call = 1;
      }
    }
    return placed(...chunks);
  });

/** What a log holds at its end. */
function standing(chunks: readonly SentChunk[]): SentChunk[] {
  let kept: SentChunk[] = [];
  for (const chunk of chunks) {
    if (chunk.type === 'reset') kept = kept.filter(({ call }) => !isVoided(chunk, call));
    else kept.push(chunk);
  }
  return kept;
}

const standingTexts = (chunks: readonly SentChunk[]): string[] =>
  standing(chunks).flatMap((chunk) => (chunk.type === 'content' ? [chunk.content] : []));

const textsOf = (lines: readonly Line[]): string[] =>
  lines.flatMap(({ data }) => (data.startsWith('text ') ? [data.split(' ')[2] ?? ''] : []));

/** That ids rise, parts are opened once and closed once, and the stream ends. */
function checkShape(lines: readonly Line[]): void {
  let last = [-1, -1];
  const open = new Set<string>();
  const seen = new Set<string>();
  for (const { id, data } of lines) {
    const now = id?.split('.').map(Number);
    if (now !== undefined) {
      const [p = 0, s = 0] = now;
      const [lastP = 0, lastS = 0] = last;
      expect(p > lastP || (p === lastP && s > lastS), `${id} behind ${last.join('.')}`).toBe(true);
      last = now;
    }
    const [verb, part = ''] = data.split(' ');
    if (verb === 'open') {
      expect(seen.has(part)).toBe(false);
      seen.add(part);
      open.add(part);
    }
    if (verb === 'text') expect(open.has(part)).toBe(true);
    if (verb === 'close') expect(open.delete(part)).toBe(true);
  }
  expect(open.size).toBe(0);
  expect(lines.at(-1)?.data).toBe('done');
}

/** Cuts streams behind each frame, and reads them on. Says how often, and how often that ended with an error. */
function cutBehindEach(parameters: { seed?: number } = {}): { cuts: number; failures: number } {
  let cuts = 0;
  let failures = 0;
  fc.assert(
    fc.property(logs, fc.nat(30), fc.nat(30), (chunks, first, second) => {
      const format = parts(false);
      const known = Math.min(first, chunks.length);
      const later = Math.min(known + second, chunks.length);
      const seen = read(chunks, format, undefined, known);
      checkShape(seen);
      for (let at = 0; at < seen.length && seen[at]?.id !== undefined; at++) {
        // A frame can only have come if the log had got so far. It is read again at that time or later.
        const position = Number(seen[at]?.id?.split('.')[0]);
        const had = seen.slice(0, at + 1);
        for (const when of new Set([Math.max(later, position, known), chunks.length])) {
          if (when > chunks.length) continue;
          const rest = read(chunks, format, seen[at]?.id, when);
          const whole = [...had, ...rest];
          cuts++;
          checkShape(whole);
          const failed = rest.some(({ data }) => data === 'end truncated');
          if (!failed) {
            expect(textsOf(whole)).toEqual(standingTexts(chunks));
            continue;
          }
          failures++;
          // Only something void that was shown is a reason.
          const stands = new Set([
            ...standing(chunks).map(({ index }) => `open ${index + 1}`),
            ...standingTexts(chunks),
          ]);
          const opens = whole.map(({ data }) => data).filter((data) => data.startsWith('open'));
          expect([...opens, ...textsOf(whole)].some((one) => !stands.has(one))).toBe(true);
          expect(rest.findLast(({ id }) => id === undefined)?.data).toBe('done');
        }
      }
    }),
    { numRuns: 400, ...parameters },
  );
  return { cuts, failures };
}

describe('R63 a stream that is cut behind any frame, with resets anywhere', () => {
  test('gives the rest once, or an error if something that was shown is void', () => {
    cutBehindEach();
  });

  test('is cut often, and ends both ways: the same streams each time', () => {
    expect(cutBehindEach({ seed: 63 })).toEqual({ cuts: 2_560, failures: 296 });
  });

  test('gives the very same frames to whoever joins at the end, behind each of them', () => {
    fc.assert(
      fc.property(logs, (chunks) => {
        for (const format of [parts(false), parts(true)]) {
          const all = read(chunks, format);
          checkShape(all);
          all.forEach(({ id }, at) => expect(read(chunks, format, id)).toEqual(all.slice(at + 1)));
        }
        expect(textsOf(read(chunks, parts(false)))).toEqual(standingTexts(chunks));
      }),
      { numRuns: 300 },
    );
  });
});
