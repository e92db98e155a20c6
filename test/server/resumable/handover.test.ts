import { describe, expect, test, vi } from 'vitest';
import { Pipeline, SluiceError } from 'sluice';
import { memoryLog } from '../../../server/log/memory-log.ts';
import { resumable } from '../../../server/resumable/resumable.ts';
import { Model, says, stop, texts } from '../../core/harness.ts';
import { linesOf } from '../../session/stage.ts';
import { GRACE_MS, LEASE_MS, Stage, reading, streamIn, tick, virtualTime } from './stage.ts';

const session = { owner: 'ada', id: 's' };
const key = { owner: 'ada', id: 't' };

virtualTime();

describe('a process that shuts down', () => {
  test('gives its turns up at the deadline: a reader elsewhere has the turn run again at once', async () => {
    const stage = new Stage();
    const model = new Model().give(texts('a '));
    const one = stage.process(model.middleware);
    const two = stage.process(says('b'));
    const mine = reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    const got = reading(await streamIn(two.runs.read(key)));
    await tick();
    const deadline = new AbortController();
    const closed = one.runs.close({ signal: deadline.signal });
    await tick(10 * LEASE_MS);
    // Until the deadline it may end by itself.
    expect([got.text, one.runs.size]).toEqual(['a ', 1]);
    deadline.abort();
    await tick(20);
    await closed;
    expect([got.text, got.end?.outcome]).toEqual(['b', 'completed']);
    const resets = got.items.flatMap((item) =>
      item.type === 'chunk' && item.chunk.type === 'reset' ? [item.chunk] : [],
    );
    expect(resets).toMatchObject([{ calls: [1], reason: 'handed_over' }]);
    // Its own reader is cut off, and comes back elsewhere.
    await mine.done;
    expect([mine.text, mine.end, mine.error]).toEqual(['a ', undefined, undefined]);
    expect(model.log.at(-1)).toBe('model 1 closed: aborted');
    expect(await linesOf(stage.store, session)).toEqual(['user: hi', 'assistant: b']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('ends what nobody may go on with', async () => {
    const stage = new Stage();
    const one = stage.process(new Model().give(texts('a ')).middleware);
    const lonely = reading(one.runs.stream(undefined, 'hi', { owner: 'ada' }));
    await tick();
    await one.runs.close({ signal: AbortSignal.abort() });
    await tick();
    expect([lonely.text, lonely.end?.error?.code]).toEqual(['a ', 'shutting_down']);
    expect(one.log.count('release')).toBe(0);
  });

  test('gives up a turn that was asked to stop: whoever finds it does not run it again', async () => {
    const stage = new Stage();
    const one = stage.process(new Model().give(texts('a ')).middleware);
    const model = new Model();
    const two = stage.process(model.middleware);
    void reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    await stage.log.stop(key, 'enough');
    await one.runs.close({ signal: AbortSignal.abort() });
    expect(await two.runs.sweep()).toBe(1);
    const page = await stage.log.read(key, { after: 0 });
    expect([page?.end?.outcome, page?.end?.reason, model.calls.length]).toEqual(['cancelled', 'enough', 0]);
  });

  test('ends all turns if no other process has its log', async () => {
    const runs = resumable(new Pipeline([new Model().give(texts('a ')).middleware]), {
      log: memoryLog(),
      onOwnerLost: 'restart',
    });
    const got = reading(runs.stream(undefined, 'hi'));
    await tick();
    await runs.close({ signal: AbortSignal.abort() });
    await tick();
    expect(got.end?.error?.code).toBe('shutting_down');
  });

  test('whose log does not answer then: others find out when the lease is over', async () => {
    const stage = new Stage();
    const one = stage.process(new Model().give(texts('a ')).middleware, { storeWaitMs: 500 });
    const two = stage.process(says('b'));
    void reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    const got = reading(await streamIn(two.runs.read(key)));
    await tick();
    one.log.failure = new SluiceError('store', 'The log is down.');
    const closed = one.runs.close({ signal: AbortSignal.abort() });
    await tick(600);
    await closed;
    expect(got.text).toBe('a ');
    await tick(LEASE_MS + GRACE_MS);
    await tick(20);
    expect([got.text, got.end?.outcome]).toEqual(['b', 'completed']);
  });

  test('again and again: a turn is handed over more often than it is taken over', async () => {
    const stage = new Stage();
    for (let round = 0; round < 4; round++) {
      const one = stage.process(new Model().give(texts('a ')).middleware, { maxTakeovers: 1 });
      const got =
        round === 0
          ? reading(one.runs.stream(session, 'hi', { turnId: 't' }))
          : reading(await streamIn(one.runs.read(key)));
      await tick(20);
      expect(got.text).toBe('a ');
      await one.runs.close({ signal: AbortSignal.abort() });
      await tick();
    }
    const last = reading(await streamIn(stage.process(says('b'), { maxTakeovers: 1 }).runs.read(key)));
    await tick(20);
    expect([last.text, last.end?.outcome]).toEqual(['b', 'completed']);
  });
});

describe('a dead turn that nobody reads', () => {
  const SWEEP_MS = 10_000;

  test('is found by a sweep: one process runs it again, and the session has its reply', async () => {
    const stage = new Stage();
    const one = stage.process(new Model().give(texts('a ')).middleware);
    const models = [new Model().give(texts('b'), stop()), new Model().give(texts('b'), stop())];
    const others = models.map(({ middleware }) => stage.process(middleware, { sweepMs: SWEEP_MS }));
    void reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    for (const { runs } of others) runs.start();
    one.log.halt();
    await tick(LEASE_MS + GRACE_MS + 1.5 * SWEEP_MS);
    await tick(LEASE_MS);
    await tick(20);
    expect(models.reduce((sum, { calls }) => sum + calls.length, 0)).toBe(1);
    expect(await linesOf(stage.store, session)).toEqual(['user: hi', 'assistant: b']);
    expect((await stage.log.read(key, { after: 0 }))?.end?.outcome).toBe('completed');
    for (const { runs } of others) await runs.close();
    one.log.goOn();
    await tick();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('gets its end from a sweep if nobody may go on with it', async () => {
    const stage = new Stage();
    const one = stage.process(new Model().give(texts('a ')).middleware);
    const two = stage.process(says('never'));
    void reading(one.runs.stream(undefined, 'hi', { owner: 'ada', turnId: 't' }));
    await tick();
    one.log.halt();
    await tick(LEASE_MS + GRACE_MS + 5);
    const swept = two.runs.sweep();
    await tick(LEASE_MS);
    expect(await swept).toBe(1);
    expect((await stage.log.read(key, { after: 0 }))?.end).toMatchObject({
      ...{ outcome: 'failed', reason: 'owner_lost', by: 'finder', error: { code: 'lease_lost' } },
    });
    one.log.goOn();
    await tick();
  });

  test('is not one whose process comes back while the sweep looks again', async () => {
    const stage = new Stage();
    const model = new Model().give(texts('a '));
    const one = stage.process(model.middleware);
    const two = stage.process(says('never'));
    const mine = reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    one.log.halt();
    await tick(LEASE_MS + GRACE_MS + 5);
    const swept = two.runs.sweep();
    await tick(1);
    one.log.goOn();
    await tick(LEASE_MS);
    expect(await swept).toBe(0);
    model.give(texts('b'), stop());
    await tick();
    expect([mine.text, mine.end?.outcome]).toEqual(['a b', 'completed']);
  });

  test('is looked for again after a sweep to which the log did not answer, and never after the end', async () => {
    const stage = new Stage();
    const two = stage.process(says('never'), { sweepMs: SWEEP_MS });
    two.runs.start();
    two.log.failure = new SluiceError('store', 'The log is down.');
    await tick(3 * SWEEP_MS);
    const tried = two.log.count('unowned');
    expect(tried).toBeGreaterThan(0);
    two.log.failure = undefined;
    await tick(2 * SWEEP_MS);
    const asked = two.log.count('unowned');
    expect(asked).toBeGreaterThan(tried);
    await two.runs.close();
    await tick(5 * SWEEP_MS);
    expect(two.log.count('unowned')).toBe(asked);
    await expect(two.runs.sweep()).rejects.toMatchObject({ code: 'shutting_down' });
  });

  test('is never looked for in a log that no other process has', async () => {
    const log = memoryLog();
    const asked = vi.spyOn(log, 'unowned');
    const runs = resumable(new Pipeline([says('a')]), { log, sweepMs: SWEEP_MS });
    await reading(runs.stream(undefined, 'hi')).done;
    await tick(10 * SWEEP_MS);
    expect([asked.mock.calls.length, vi.getTimerCount()]).toEqual([0, 0]);
  });
});
