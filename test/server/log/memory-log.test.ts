import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { memoryLog } from '../../../server/chunk-log.ts';
import type { ChunkLog, Opened, StreamLease } from '../../../server/chunk-log.ts';
import type { SentChunk } from '../../../server/index.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const done = { outcome: 'completed' } as const;

function texts(from: number, ...contents: string[]): SentChunk[] {
  return contents.map((content, at) => ({ type: 'content', content, call: 1, index: from + at }));
}

const keyOf = (id: string): { owner: string; id: string } => ({ owner: 'a', id });

async function begin(log: ChunkLog, id: string, session = 's'): Promise<StreamLease> {
  const start = { turnId: id, session: { owner: 'a', id: session } };
  return heldOf(await log.open(keyOf(id), start, { leaseMs: 5_000 }));
}

function heldOf(opened: Opened): StreamLease {
  if (opened.as !== 'owner') throw new Error(`expected the owner, got ${opened.as}`);
  return opened.held;
}

async function finish(log: ChunkLog, id: string, ...contents: string[]): Promise<void> {
  await log.append(await begin(log, id), 0, texts(0, ...contents), done);
}

async function known(log: ChunkLog, ...ids: string[]): Promise<string[]> {
  const pages = await Promise.all(ids.map((id) => log.read(keyOf(id), { after: 0 })));
  return ids.filter((_, at) => pages[at] !== undefined);
}

test('drops a stream when its time after the end is over', async () => {
  const log = memoryLog({ ttlMs: 1_000 });
  await finish(log, 'one', 'x');
  await vi.advanceTimersByTimeAsync(999);
  expect(await known(log, 'one')).toEqual(['one']);
  await vi.advanceTimersByTimeAsync(1);
  expect(await known(log, 'one')).toEqual([]);
});

test('drops a stream that runs an hour after its lease is over', async () => {
  const log = memoryLog();
  await begin(log, 'one');
  await vi.advanceTimersByTimeAsync(3_600_000 + 4_999);
  expect(await log.running(keyOf('s'))).toEqual(['one']);
  await vi.advanceTimersByTimeAsync(1);
  expect(await log.running(keyOf('s'))).toEqual([]);
  expect(await known(log, 'one')).toEqual([]);
});

test('drops what ended first if there are too many streams, and none that runs', async () => {
  const log = memoryLog({ maxStreams: 3 });
  await begin(log, 'runs');
  for (const id of ['one', 'two', 'three']) await finish(log, id, 'x');
  expect(await known(log, 'runs', 'one', 'two', 'three')).toEqual(['runs', 'three']);
  for (const id of ['four', 'five', 'six']) await begin(log, id);
  expect(await known(log, 'runs', 'three', 'four', 'five', 'six')).toEqual(['runs', 'four', 'five', 'six']);
});

test('drops what ended first if the streams are too large together', async () => {
  const log = memoryLog({ maxBytes: 10_000 });
  const large = 'x'.repeat(2_000);
  for (const id of ['one', 'two', 'three']) await finish(log, id, large);
  expect(await known(log, 'one', 'two', 'three')).toEqual(['two', 'three']);
});

test('drops the oldest chunks of a stream that is too large, and says from which it is kept', async () => {
  const log = memoryLog({ maxStreamBytes: 10_000 });
  const held = await begin(log, 'one');
  for (let at = 0; at < 10; at++) await log.append(held, at, texts(at, 'x'.repeat(450)));
  expect(await log.read(keyOf('one'), { after: 0 })).toMatchObject({ first: 0, next: 10 });
  await log.append(held, 10, texts(10, 'y'));
  const page = await log.read(keyOf('one'), { after: 0 });
  expect(page).toMatchObject({ first: 3, next: 11 });
  expect(page?.entries.map(({ from }) => from)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
});

test('keeps the newest append, however large it is', async () => {
  const log = memoryLog({ maxStreamBytes: 100 });
  const held = await begin(log, 'one');
  await log.append(held, 0, texts(0, 'x'.repeat(450), 'y'));
  await log.append(held, 2, texts(2, 'z'.repeat(450)));
  expect(await log.read(keyOf('one'), { after: 0 })).toMatchObject({ first: 2, next: 3 });
});

test('keeps a stop of a stream that is not there for a minute', async () => {
  const log = memoryLog();
  for (const [waitMs, stop] of [
    [59_999, 'stopped'],
    [60_000, undefined],
  ] as const) {
    const id = `after ${waitMs}`;
    expect(await log.stop(keyOf(id), 'stopped')).toBe('unknown');
    await vi.advanceTimersByTimeAsync(waitMs);
    const opened = await log.open(keyOf(id), { turnId: id }, { leaseMs: 5_000 });
    expect(opened).toMatchObject({ as: 'owner', next: 0 });
    expect(opened.as === 'owner' && opened.stop).toBe(stop);
  }
});

test('keeps no more stops of streams that are not there than it keeps streams', async () => {
  const log = memoryLog({ maxStreams: 2 });
  for (const id of ['one', 'two', 'three']) await log.stop(keyOf(id), 'stopped');
  const stops = [];
  for (const id of ['one', 'two', 'three']) {
    const opened = await log.open(keyOf(id), { turnId: id }, { leaseMs: 5_000 });
    stops.push(opened.as === 'owner' ? opened.stop : opened.as);
  }
  expect(stops).toEqual([undefined, 'stopped', 'stopped']);
});

test('says which option is wrong', () => {
  expect(() => memoryLog({ ttlMs: -1, maxStreams: 0 })).toThrow(
    'memoryLog(): ttlMs is a number: give a number of at least 0; maxStreams is a number: give a number of at least 1.',
  );
});

test('holds nothing after it is closed, and no timer ever', async () => {
  const log = memoryLog();
  await finish(log, 'one', 'x');
  await begin(log, 'two');
  expect(vi.getTimerCount()).toBe(0);
  await log.close();
  expect(await known(log, 'one', 'two')).toEqual([]);
});
