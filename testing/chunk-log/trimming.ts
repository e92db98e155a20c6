import assert from 'node:assert/strict';

import type { ChunkLog, Page, SentChunk, SnapshotRun, StreamKey } from '../../server/chunk-log.ts';
import type { LogCase } from './contract.ts';
import { chunksAfter, done, own, pageOf, takenOver, texts, textOf, TINY_MS } from './stage.ts';

const MAX_BYTES = 20_000;
const log = { maxStreamBytes: MAX_BYTES };

/** Appends chunks, each by itself. */
async function appendAll(log: ChunkLog, key: StreamKey, chunks: readonly SentChunk[]): Promise<void> {
  const { held } = await own(log, key);
  for (const [at, chunk] of chunks.entries()) await log.append(held, at, [chunk]);
  await log.append(held, chunks.length, [], done);
}

/** What a page has of what was dropped. Fails if it has nothing. */
function snapshotIn({ snapshot, first }: Page): readonly SnapshotRun[] {
  assert.ok(snapshot !== undefined, `there is no snapshot of the first ${first} chunks`);
  return snapshot;
}

/** The texts of a snapshot, by the indices of the chunks that they came in. */
function piecesOf(runs: readonly SnapshotRun[]): Map<number, string> {
  const found = new Map<number, string>();
  for (const { chunk, pieces } of runs) {
    const text = chunk.type === 'content' || chunk.type === 'thinking' ? chunk.content : '';
    let { index } = chunk;
    let from = 0;
    for (const piece of pieces ?? [text.length]) {
      if (piece < 0) index -= piece;
      else {
        if (chunk.type === 'content') found.set(index, text.slice(from, from + piece));
        from += piece;
        index++;
      }
    }
  }
  return found;
}

/** What is kept of a stream that is too large. */
export const trimmingCases: readonly LogCase[] = [
  {
    name: 'drops the oldest chunks of a stream that is too large, and says from which it is kept',
    log,
    async run({ log, other, key }) {
      const contents = Array.from({ length: 60 }, (_, at) => `${at} `.padEnd(2_000, 'x'));
      await appendAll(log, key(), texts(0, ...contents));
      const page = await pageOf(other, key());
      assert.equal(page.next, 60);
      assert.ok(page.first > 40 && page.first < 60, `it is kept from ${page.first}`);
      assert.equal(page.entries[0]?.from, page.first);
      assert.deepEqual(await textOf(other, key(), page.first), contents.slice(page.first));
      assert.deepEqual(page.end, done);
    },
  },
  {
    name: 'keeps a snapshot of what it drops, with the text and the place of each piece',
    log,
    async run({ log, other, key }) {
      // Mostly reports, of which the newest is kept.
      const chunks: SentChunk[] = Array.from({ length: 90 }, (_, index) => {
        if (index % 3 === 0) return { type: 'content', content: `é${index} `, call: 1, index };
        if (index % 3 === 1) return { type: 'thinking', content: `t${index}`, call: 1, index };
        const data = { said: `${index} `.padEnd(1_500, 'x') };
        return { type: 'tool_progress', id: 'c', name: 'n', data, call: 1, index };
      });
      await appendAll(log, key(), chunks);
      const page = await pageOf(other, key());
      assert.ok(page.first > 40, `it is kept from ${page.first}`);
      const runs = snapshotIn(page);
      const pieces = piecesOf(runs);
      for (const { type, content, index } of chunks.filter((chunk) => chunk.type === 'content'))
        assert.equal(pieces.get(index), index < page.first ? content : undefined, `${type} ${index}`);
      const reports = runs.filter(({ chunk }) => chunk.type === 'tool_progress');
      const newest = chunks.findLast(({ type, index }) => type === 'tool_progress' && index < page.first);
      assert.ok(newest?.type === 'tool_progress');
      assert.deepEqual(
        reports.map(({ chunk }) => chunk),
        [{ ...newest, index: 2 }],
      );
      const { startedAt } = page;
      assert.ok(runs.every(({ at }) => at >= startedAt));
      assert.deepEqual(await chunksAfter(other, key(), page.first), chunks.slice(page.first));
    },
  },
  {
    name: 'drops any number of chunks, and keeps a snapshot of all of them',
    log: { maxStreamBytes: 300_000 },
    async run({ log, other, key }) {
      const { held } = await own(log, key());
      let next = 0;
      for (const count of [10_000, 9_000, 1]) {
        const piece = count === 1 ? 'x'.repeat(290_000) : 'é';
        await log.append(held, next, texts(next, ...Array.from({ length: count }, () => piece)));
        next += count;
      }
      const page = await pageOf(other, key());
      assert.equal(page.first, 19_000);
      const pieces = piecesOf(snapshotIn(page));
      assert.equal(pieces.size, 19_000);
      assert.ok([...pieces.values()].every((piece) => piece === 'é'));
      assert.equal((await textOf(other, key(), 19_000)).join('').length, 290_000);
    },
  },
  {
    name: 'gives the snapshot to every read that begins before what is kept, and to no other',
    log,
    async run({ log, other, key }) {
      const report = 'x'.repeat(1_500);
      const chunks: SentChunk[] = Array.from({ length: 40 }, (_, index) => ({
        ...{ type: 'tool_progress', id: 'c', name: 'n', data: report, call: 1, index },
      }));
      await appendAll(log, key(), chunks);
      const { first } = await pageOf(other, key());
      assert.ok(first > 1, `it is kept from ${first}`);
      for (const after of [0, 1, first - 1]) snapshotIn(await pageOf(other, key(), after));
      for (const after of [first, 39, 40, 50])
        assert.equal((await pageOf(other, key(), after)).snapshot, undefined, `after ${after}`);
      await appendAll(log, key('small'), texts(0, 'a'));
      assert.equal((await pageOf(other, key('small'))).snapshot, undefined);
    },
  },
  {
    name: 'a snapshot has no text of what was taken back',
    log,
    async run({ log, other, key }) {
      const said = (index: number): SentChunk => {
        if (index < 6) return { type: 'content', content: 'x'.repeat(1_000), call: 1, index };
        if (index === 6) return { type: 'reset', from: 1, calls: [1], reason: 'again', call: 2, index };
        if (index % 2 === 0) return { type: 'content', content: `${index} `, call: 2, index };
        return { type: 'tool_progress', id: 'c', name: 'n', data: 'x'.repeat(1_500), call: 2, index };
      };
      const chunks = Array.from({ length: 50 }, (_, index) => said(index));
      await appendAll(log, key(), chunks);
      const page = await pageOf(other, key());
      assert.ok(page.first > 12, `it is kept from ${page.first}`);
      const runs = snapshotIn(page);
      for (const { chunk } of runs)
        if (chunk.type === 'content' && chunk.call === 1) assert.equal(chunk.content, 'x');
      assert.deepEqual(
        runs.filter(({ chunk }) => chunk.type === 'reset').map(({ chunk }) => chunk),
        [chunks[6]],
      );
      for (const [index, text] of piecesOf(runs)) if (index > 6) assert.equal(text, `${index} `);
    },
  },
  {
    name: 'drops a snapshot that is too large itself, and never has one of a part',
    log,
    async run({ log, other, key }) {
      const contents = Array.from({ length: 60 }, (_, at) => `${at} `.padEnd(2_000, 'x'));
      const { held } = await own(log, key());
      let lost = 0;
      for (const [at, content] of contents.entries()) {
        await log.append(held, at, texts(at, content));
        const page = await pageOf(other, key());
        if (page.first === 0) continue;
        if (page.snapshot === undefined) lost++;
        else {
          assert.equal(lost, 0, 'a snapshot has come back');
          assert.equal(piecesOf(page.snapshot).size, page.first);
        }
      }
      assert.ok(lost > 10, `${lost} reads without a snapshot`);
      assert.equal((await pageOf(other, key())).next, 60);
    },
  },
  {
    name: 'goes on with the snapshot after a takeover, and the old owner drops nothing',
    log,
    async run({ log, other, key }) {
      const report = (index: number): SentChunk => ({
        ...{ type: 'tool_progress', id: 'c', name: 'n', data: 'x'.repeat(1_500), call: 1, index },
      });
      const { held } = await own(log, key(), { leaseMs: TINY_MS });
      for (let at = 0; at < 30; at++) await log.append(held, at, [report(at)]);
      const before = await pageOf(other, key());
      const next = await takenOver(log, key());
      await assert.rejects(
        log.append(
          held,
          30,
          Array.from({ length: 20 }, (_, at) => report(30 + at)),
        ),
      );
      assert.deepEqual(snapshotIn(await pageOf(log, key())), snapshotIn(before));
      for (let at = 30; at < 60; at++) await log.append(next.held, at, [report(at)]);
      const page = await pageOf(other, key());
      assert.ok(page.first > before.first, `it is kept from ${page.first}`);
      const [run] = snapshotIn(page);
      assert.deepEqual([run?.chunk.index, run?.pieces?.length], [0, page.first]);
    },
  },
];
