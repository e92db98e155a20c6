import assert from 'node:assert/strict';

import type { ChunkLog, StreamKey } from '../../server/chunk-log.ts';
import { settled } from '../contract.ts';
import { timersLeftBy, unhandledRejectionsOf } from '../leaks.ts';
import { eventually } from '../store/stage.ts';
import type { LogCase } from './contract.ts';
import { LONG_MS, TINY_MS, done, leaseOver, lost, own, pageOf, texts, written } from './stage.ts';

/** A waiter that reads whenever it is woken. */
class Waiter {
  wakes = 0;
  readonly end: () => void;

  constructor(log: ChunkLog, key: StreamKey, what: 'chunks' | 'stop') {
    this.end = log.watch(key, what, () => (this.wakes += 1));
  }

  /** Waits until it is woken. */
  async woken(): Promise<void> {
    const { wakes } = this;
    await eventually(async () => (this.wakes > wakes ? true : undefined));
  }
}

/** Reads, as a reader does that is about to wait. */
async function present(log: ChunkLog, key: StreamKey): Promise<void> {
  await log.read(key, { after: 0, presentMs: LONG_MS });
}

/**
 * Asserts that something wakes none of some waiters. A log that has to connect first may wake everybody once, whenever that is: so it is done
 * again if somebody was woken.
 */
async function wakesNobody(waiters: readonly Waiter[], act: () => Promise<unknown>): Promise<void> {
  const wakes = (): number[] => waiters.map((waiter) => waiter.wakes);
  for (let tries = 1; ; tries++) {
    const before = wakes();
    await act();
    await settled();
    if (tries === 3) assert.deepEqual(wakes(), before);
    if (wakes().every((count, at) => count === before[at])) return;
  }
}

/** Hints. They may come late or for nothing, so these cases ask only that they come. */
export const hintCases: readonly LogCase[] = [
  {
    name: 'wakes the readers of a stream on every process when chunks or its end come',
    async run({ log, other, key }) {
      const { held } = await own(log, key());
      const waiters = [log, other].map((one) => new Waiter(one, key(), 'chunks'));
      await present(log, key());
      await present(other, key());
      for (const [from, end] of [[0], [1, done]] as const) {
        const woken = waiters.map((waiter) => waiter.woken());
        await log.append(held, from, texts(from, 'a'), end);
        await Promise.all(woken);
      }
      for (const waiter of waiters) waiter.end();
    },
  },
  {
    name: 'wakes the readers when a stream is settled, and when it is opened again',
    async run({ log, other, key }) {
      await own(log, key(), { leaseMs: TINY_MS });
      const waiter = new Waiter(other, key(), 'chunks');
      await present(other, key());
      await leaseOver(log, key());
      const settle = waiter.woken();
      assert.equal(await log.settle(key(), lost, { graceMs: 0 }), true);
      await settle;
      const again = waiter.woken();
      await own(log, key(), { again: true });
      await again;
      waiter.end();
    },
  },
  {
    name: 'wakes the readers when the owner gives the stream up',
    async run({ log, other, key }) {
      const { held } = await own(log, key());
      const waiters = [log, other].map((one) => new Waiter(one, key(), 'chunks'));
      await present(log, key());
      await present(other, key());
      const woken = waiters.map((waiter) => waiter.woken());
      await log.release(held);
      await Promise.all(woken);
      for (const waiter of waiters) waiter.end();
    },
  },
  {
    name: 'wakes the owner when a stop comes, from every process',
    async run({ log, other, key }) {
      for (const [at, one] of [log, other].entries()) {
        const id = `turn ${at}`;
        const { held } = await own(log, key(id));
        const waiter = new Waiter(log, key(id), 'stop');
        const stop = waiter.woken();
        await one.stop(key(id), 'stopped');
        await stop;
        assert.equal((await log.append(held, 0, [])).stop, 'stopped');
        waiter.end();
      }
    },
  },
  {
    name: 'an append wakes nobody who waits for a stop, and a stop nobody who waits for chunks',
    async run({ log, key }) {
      const { held } = await own(log, key());
      const stop = new Waiter(log, key(), 'stop');
      let from = 0;
      await wakesNobody([stop], async () => {
        for (const end = from + 20; from < end; from++) await log.append(held, from, texts(from, 'a'));
      });
      stop.end();
      const chunks = new Waiter(log, key(), 'chunks');
      await wakesNobody([chunks], () => log.stop(key(), 'stopped'));
      chunks.end();
    },
  },
  {
    name: 'wakes nobody who has stopped waiting, and nobody for another stream',
    async run({ log, other, key, stranger }) {
      const { held } = await own(log, key());
      const gone = new Waiter(log, key(), 'chunks');
      gone.end();
      gone.end();
      const elsewhere = [{ owner: stranger, id: key().id }, key('another')].map(
        (one) => new Waiter(log, one, 'chunks'),
      );
      const here = new Waiter(log, key(), 'chunks');
      let from = 0;
      await wakesNobody([gone, ...elsewhere], async () => {
        const woken = here.woken();
        await log.append(held, from, texts(from, 'a'));
        from++;
        await woken;
      });
      assert.equal(gone.wakes, 0);
      for (const waiter of [here, ...elsewhere]) waiter.end();
      await pageOf(other, key());
    },
  },
  {
    name: 'keeps no timer running and leaves no unhandled rejection after it is closed, also with a waiter',
    async run({ log, key }) {
      const reasons = await unhandledRejectionsOf(async () => {
        const work = async (): Promise<void> => {
          const waiters = (['chunks', 'stop'] as const).map((what) => new Waiter(log, key(), what));
          const held = await written(log, key(), 'a');
          await present(log, key());
          await log.append(held, 1, texts(1, 'b'));
          await log.forget(key().owner);
          await log.close();
          await log.close();
          for (const waiter of waiters) waiter.end();
        };
        const left = await timersLeftBy(work, { closingMs: 1_000 });
        assert.equal(left, 0, `${left} timers that keep the process alive are left`);
      });
      assert.deepEqual(reasons, []);
    },
  },
];
