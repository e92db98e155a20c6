import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { Accumulator } from 'sluice';
import { chunksOfSnapshot, snapshotOf } from '../../../server/log/snapshot.ts';
import { isAfter, parseCursor } from '../../../server/stream/cursor.ts';
import type { SentChunk } from '../../../server/stream/parts.ts';
import type { SentItem } from '../../../server/stream/sent-stream.ts';
import { framesOf } from '../formats/folded.ts';
import type { SentFrame } from '../formats/folded.ts';
import { randomItems } from '../formats/random-items.ts';
import { asked, joined, placesIn, timeless, trimmed } from './trimmed.ts';
import type { Asked } from './trimmed.ts';

const RUNS = Number(process.env['RUNS'] ?? 100);
const each = asked.map((one): [string, Asked] => [one.name, one]);

/** A random stream, places up to which it is trimmed, and when a reader joined that comes back later. */
const streams = fc.record({
  items: randomItems({ resets: true }),
  places: fc.array(fc.nat(45), { minLength: 1, maxLength: 3 }),
  early: fc.nat(45),
});

interface Cut {
  whole: SentItem[];
  short: SentItem[];
  first: number;
  count: number;
}

function cut({ items, places }: { items: SentItem[]; places: number[] }): Cut {
  const count = items.length - 2;
  // The newest entry is never dropped.
  const at = places.map((place) => Math.min(place, Math.max(0, count - 1)));
  const whole = joined(items, count);
  return { whole, short: joined(trimmed(items, at), count), first: Math.max(...at), count };
}

/** The id of the last frame of what was dropped. What lies before a reset may have an id of its position. */
function lastOf(items: readonly SentItem[], first: number, { format, options }: Asked): string | undefined {
  const dropped = items.filter((item) => item.type === 'start' || item.position <= first);
  return framesOf(dropped, format, options).findLast(({ id }) => id !== undefined)?.id;
}

function isBefore(id: string, other: string | undefined): boolean {
  return other !== undefined && isAfter(parseCursor(id), ...placesIn(other));
}

describe.each(each)('R63 a trimmed stream, %s', (_name, one) => {
  const { format, options, hasGap } = one;

  test('goes on behind each cursor in the part that is kept as if it were not trimmed', () => {
    let cuts = 0;
    fc.assert(
      fc.property(streams, ({ items, places, early }) => {
        const { whole, short, first, count } = cut({ items, places });
        for (const known of [count, Math.min(early, count)]) {
          const last = lastOf(joined(items, known), first, one);
          for (const { id } of framesOf(joined(items, known), format, options)) {
            if (id === undefined || placesIn(id)[0] < first || isBefore(id, last)) continue;
            cuts++;
            expect(framesOf(short, format, options, id)).toEqual(framesOf(whole, format, options, id));
          }
        }
      }),
      { numRuns: RUNS },
    );
    expect(cuts).toBeGreaterThan(200);
  });

  if (hasGap === true) return;
  test('gives what is missed, and all to whoever has nothing: the same but for its time and what is void', () => {
    fc.assert(
      fc.property(streams, ({ items, places }) => {
        const { whole, short } = cut({ items, places });
        const shows = format.showsResets(options);
        // A format that shows resets shows the first letters of what is void.
        if (shows && whole.some((item) => item.type === 'chunk' && item.chunk.type === 'reset')) return;
        for (const id of [undefined, ...framesOf(whole, format, options).map((sent) => sent.id)]) {
          const lines = (of: SentItem[]): unknown[] =>
            framesOf(of, format, options, id).map((sent) => [sent.id, timeless(sent.frame)]);
          if (id === undefined || placesIn(id)[0] > 0) expect(lines(short)).toEqual(lines(whole));
        }
      }),
      { numRuns: RUNS / 2 },
    );
  });
});

/** What the format tells in events, one after another, also those inside of a gap. */
function told(sent: readonly SentFrame[], inside: 'chunks' | 'events'): Record<string, unknown>[] {
  return sent.flatMap(({ frame }) => {
    const value = JSON.parse(frame.data) as Record<string, unknown>;
    return value['type'] === 'gap' ? (value[inside] as Record<string, unknown>[]) : [value];
  });
}

test('keeps each of two equal blocks of thinking that a reset voids', () => {
  const block = { provider: 'anthropic', data: { type: 'redacted_thinking', data: 'r' } };
  const thought = { type: 'thinking', content: '', block, call: 1 } as const;
  const reset = { type: 'reset', from: 1, calls: [1], reason: 'again', call: 2, index: 2 } as const;
  const chunks: SentChunk[] = [{ ...thought, index: 0 }, { ...thought, index: 1 }, reset];
  const dropped = chunks.map((chunk, from) => ({ from, epoch: 1, at: from, chunks: [chunk] }));
  expect([...chunksOfSnapshot(snapshotOf([], dropped), 0)].map(({ chunk }) => chunk)).toEqual(chunks);
});

const isGap = ({ frame }: SentFrame): boolean => frame.data.startsWith('{"type":"gap"');

/** What a client of the format `sluice` has in the end. */
function reply(sent: readonly SentFrame[]): unknown {
  const accumulator = new Accumulator();
  for (const item of told(sent, 'chunks'))
    if (typeof item['index'] === 'number') accumulator.add(item as unknown as SentChunk);
  return [accumulator.partial(), accumulator.messages()];
}

/** What a client of the agent routes has in the end, if it takes nothing back. */
function said(sent: readonly SentFrame[]): unknown {
  const text = { content: '', thinking: '', deltas: '' };
  const others: unknown[] = [];
  for (const event of told(sent, 'events')) {
    const { type, content, thinking_step, metadata, timestamp: _timestamp, ...more } = event;
    if (type === 'content') text.content += String(content);
    else if (type === 'thinking') text.thinking += String(thinking_step);
    else if (type === 'tool_call_delta')
      text.deltas += String((metadata as Record<string, unknown>)['argumentsDelta']);
    else if (type !== 'tool_progress') others.push({ type, ...more });
  }
  return [text, others];
}

describe.each(each.filter(([, { hasGap }]) => hasGap === true))(
  'a client that lacks what was dropped, %s',
  (name, { format, options }) => {
    test('is told in one event, and has in the end what it would have had', () => {
      let gaps = 0;
      fc.assert(
        fc.property(streams, ({ items, places }) => {
          const { whole, short } = cut({ items, places });
          const every = framesOf(whole, format, options);
          const all = name === 'sluice' ? reply(every) : said(every);
          const shows = name !== 'sluice' && format.showsResets(options);
          if (shows && whole.some((item) => item.type === 'chunk' && item.chunk.type === 'reset')) return;
          for (let at = -1; at < every.length; at++) {
            const id = every[at]?.id;
            if (at >= 0 && id === undefined) continue;
            const rest = framesOf(short, format, options, id);
            gaps += rest.filter(isGap).length;
            expect(rest.filter(isGap).length).toBeLessThan(2);
            const got = [...every.slice(0, at + 1), ...rest];
            expect(name === 'sluice' ? reply(got) : said(got)).toEqual(all);
            // Cut behind each event once more: nothing is told twice.
            rest.forEach((sent, place) => {
              const again = framesOf(short, format, options, sent.id);
              if (sent.id !== undefined) expect(again).toEqual(rest.slice(place + 1));
            });
          }
        }),
        { numRuns: RUNS / 2 },
      );
      expect(gaps).toBeGreaterThan(10);
    });
  },
);
