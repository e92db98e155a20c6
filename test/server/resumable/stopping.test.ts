import { describe, expect, test, vi } from 'vitest';
import { Model, says, stop, texts } from '../../core/harness.ts';
import type { LoggedStart } from '../../../server/log/chunk-log.ts';
import type { SentEnd } from '../../../server/stream/parts.ts';
import { linesOf } from '../../session/stage.ts';
import { GRACE_MS, LEASE_MS, Stage, reading, streamIn, tick, virtualTime } from './stage.ts';

const session = { owner: 'ada', id: 's' };

virtualTime();

describe('R62 a stop', () => {
  test('from another process ends a turn with its reason; log, reader and session have the same words', async () => {
    const stage = new Stage();
    const model = new Model().give(texts('a ', 'b '));
    const one = stage.process(model.middleware);
    const two = stage.process(says('never'));
    const stream = one.runs.stream(session, 'hi', { turnId: 't' });
    const got = reading(stream);
    await tick();
    expect(await two.runs.stop(stream.key)).toEqual({ status: 'pending', turnId: 't' });
    await tick();
    expect(got.end).toMatchObject({
      outcome: 'cancelled',
      reason: 'stopped',
      error: { code: 'aborted', reason: 'stopped' },
    });
    expect([got.text, model.log.at(-1)]).toEqual(['a b ', 'model 1 closed: aborted']);
    expect(await linesOf(stage.store, session)).toEqual(['user: hi', 'assistant: a b  *']);
    expect((await stage.store.turn(session, 't.reply'))?.end?.reason).toBe('stopped');
    expect(await two.runs.stop(stream.key)).toEqual({ status: 'stopped', turnId: 't' });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('by session names the turn that it stops, and never the next one', async () => {
    const stage = new Stage();
    const model = new Model().give(texts('a '));
    const { runs } = stage.process(model.middleware);
    const first = reading(runs.stream(session, 'hi', { turnId: 'one' }));
    await tick();
    const second = reading(runs.stream(session, 'ho', { turnId: 'two' }));
    await tick(1);
    expect(await runs.running(session)).toEqual(['one', 'two']);
    expect(await runs.stopTurn(session, { reason: 'changed my mind' })).toEqual({
      status: 'pending',
      turnId: 'one',
    });
    await tick();
    expect(first.end?.reason).toBe('changed my mind');
    expect(await runs.stopTurn(session, { turnId: 'one' })).toEqual({ status: 'stopped', turnId: 'one' });
    // The call that was closed still waits for something.
    model.give(texts('late'), texts('b'), stop());
    await tick();
    expect([second.text, second.end?.outcome]).toEqual(['b', 'completed']);
    expect(await runs.stopTurn(session)).toEqual({ status: 'unknown' });
  });

  test('before the first token ends it without one', async () => {
    const model = new Model();
    const { runs } = new Stage().process(model.middleware);
    const got = reading(runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    await runs.stop({ owner: 'ada', id: 't' });
    await tick();
    expect([got.text, got.end?.reason, model.calls.length]).toEqual(['', 'stopped', 1]);
  });

  test('of a turn that waits for its session makes no call, and the turn before it goes on', async () => {
    const stage = new Stage();
    const model = new Model().give(texts('a '));
    const { runs } = stage.process(model.middleware);
    const first = reading(runs.stream(session, 'hi', { turnId: 'one' }));
    await tick();
    const second = reading(runs.stream(session, 'ho', { turnId: 'two' }));
    await tick(1);
    await runs.stop({ owner: 'ada', id: 'two' });
    await tick();
    expect([second.end?.reason, second.end?.outcome]).toEqual(['stopped', 'cancelled']);
    model.give(stop());
    await tick();
    expect([first.end?.outcome, model.calls.length]).toEqual(['completed', 1]);
    expect(await linesOf(stage.store, session)).toEqual(['user: hi', 'assistant: a ']);
  });

  test('that comes before its stream is opened holds', async () => {
    const model = new Model();
    const { runs } = new Stage().process(model.middleware);
    expect(await runs.stop({ owner: 'ada', id: 't' })).toEqual({ status: 'unknown' });
    const got = reading(runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    expect([got.end?.reason, model.calls.length]).toEqual(['stopped', 0]);
  });

  test('whose hint is lost comes with the next renewal, after a third of the lease', async () => {
    const stage = new Stage();
    const model = new Model().give(texts('a '));
    const one = stage.process(model.middleware);
    one.log.watch = () => () => undefined;
    const got = reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    await one.runs.stop({ owner: 'ada', id: 't' });
    await tick(LEASE_MS / 3 - 1);
    expect(got.end).toBeUndefined();
    await tick(2);
    expect(got.end?.reason).toBe('stopped');
  });
});

describe('a turn that nobody reads', () => {
  const orphanMs = 10_000;
  const presentMs = 2 * (LEASE_MS + GRACE_MS);

  test('ends after orphanMs as orphaned, also before its first token', async () => {
    const stage = new Stage();
    const model = new Model();
    const { runs } = stage.process(model.middleware, { orphanMs });
    const stream = runs.stream(session, 'hi', { turnId: 't' });
    void stream.next();
    await tick();
    await stream.close();
    await tick(orphanMs - 100);
    expect(runs.size).toBe(1);
    await tick(LEASE_MS);
    expect(runs.size).toBe(0);
    const got = reading(await streamIn(runs.read(stream.key)));
    await tick();
    expect([got.end?.outcome, got.end?.reason]).toEqual(['cancelled', 'orphaned']);
  });

  test('one reader is enough, here or on another process; it counts from the last one that left', async () => {
    const stage = new Stage();
    const model = new Model();
    const one = stage.process(model.middleware, { orphanMs });
    const two = stage.process(says('never'));
    const first = one.runs.stream(session, 'hi', { turnId: 't' });
    const got = reading(first);
    await tick(3 * orphanMs);
    const there = await streamIn(two.runs.read(first.key));
    const elsewhere = reading(there);
    await first.close();
    await tick(3 * orphanMs);
    expect(one.runs.size).toBe(1);
    await there.close();
    await tick(orphanMs);
    expect(one.runs.size).toBe(1);
    await tick(presentMs + LEASE_MS);
    expect(one.runs.size).toBe(0);
    await Promise.all([got.done, elsewhere.done]);
  });

  test('orphanMs 0: goes on to its end', async () => {
    const model = new Model();
    const { runs } = new Stage().process(model.middleware, { orphanMs: 0 }, { idleTimeoutMs: 0 });
    const stream = runs.stream(session, 'hi', { turnId: 't' });
    void stream.next();
    await tick();
    await stream.close();
    await tick(600_000);
    expect(runs.size).toBe(1);
    model.give(texts('a'), stop());
    await tick();
    expect(runs.size).toBe(0);
  });
});

describe('close()', () => {
  test('waits for runs, and takes no new ones', async () => {
    const model = new Model().give(texts('a'));
    const { runs } = new Stage().process(model.middleware);
    const got = reading(runs.stream(session, 'hi'));
    await tick();
    let isClosed = false;
    void runs.close().then(() => (isClosed = true));
    await tick(1_000);
    expect(isClosed).toBe(false);
    expect(() => runs.stream(session, 'ho')).toThrow('shutting down');
    model.give(stop());
    await tick();
    expect([isClosed, got.end?.outcome]).toEqual([true, 'completed']);
  });

  test.each([
    ['goes on to its end', false, ['completed', undefined]],
    ['ends if the signal aborts meanwhile', true, ['failed', 'shutdown']],
  ])('waits for a turn that was taken and is being opened, which %s', async (_what, isAborted, end) => {
    const model = new Model().give(texts('a'));
    const stage = new Stage();
    const gate = Promise.withResolvers<void>();
    const open = stage.log.open.bind(stage.log);
    stage.log.open = async (...given) => {
      await gate.promise;
      return open(...given);
    };
    const { runs } = stage.process(model.middleware, { onOwnerLost: 'end' });
    const got = reading(runs.stream(session, 'hi'));
    const controller = new AbortController();
    let isClosed = false;
    // Both calls wait.
    const closed = [runs.close({ signal: controller.signal }), runs.close()];
    void Promise.all(closed).then(() => (isClosed = true));
    await tick();
    if (isAborted) controller.abort();
    gate.resolve();
    await tick();
    expect(isClosed).toBe(isAborted);
    model.give(stop());
    await tick();
    expect([isClosed, got.end?.outcome, got.end?.reason]).toEqual([true, ...end]);
  });

  test('gives up a turn that was asked for before and is read after that', async () => {
    const model = new Model();
    const { runs } = new Stage().process(model.middleware, { onOwnerLost: 'end' });
    const stream = runs.stream(session, 'hi', { turnId: 't' });
    await runs.close();
    const got = reading(stream);
    await tick();
    expect([got.end?.outcome, got.end?.reason, model.calls]).toEqual(['failed', 'shutdown', []]);
  });

  test('ends them when its signal aborts, and their readers learn why', async () => {
    const model = new Model().give(texts('a'));
    const { runs } = new Stage().process(model.middleware, { onOwnerLost: 'end' });
    const got = reading(runs.stream(session, 'hi'));
    await tick();
    const controller = new AbortController();
    const closed = runs.close({ signal: controller.signal });
    controller.abort();
    await tick();
    await closed;
    expect([got.text, got.end?.outcome, got.end?.reason, got.end?.error?.code]).toEqual([
      ...['a', 'failed', 'shutdown', 'shutting_down'],
    ]);
  });
});

describe('onEnd', () => {
  test('is called once for each run in this process, however it ends', async () => {
    const ends: string[] = [];
    const onEnd = (start: LoggedStart, end: SentEnd): void => {
      ends.push(`${start.turnId} ${end.outcome} ${end.reason ?? end.error?.code ?? ''}`.trim());
      throw new RangeError('a listener that fails');
    };
    const stage = new Stage();
    const model = new Model().give(texts('a'), stop(), texts('b'));
    const one = stage.process(model.middleware, { onEnd });
    const two = stage.process(says('c'), { onEnd: () => void ends.push('two') });
    await Promise.all([reading(one.runs.stream(session, 'hi', { turnId: 'done' })).done, tick()]);
    const stopped = reading(one.runs.stream(session, 'hi', { turnId: 'stopped' }));
    await tick();
    await two.runs.stop({ owner: 'ada', id: 'stopped' });
    await tick();
    const lost = reading(one.runs.stream(session, 'hi', { turnId: 'lost' }));
    await tick();
    await stage.log.forget('ada');
    await tick(LEASE_MS);
    expect(ends).toEqual(['done completed', 'stopped cancelled stopped', 'lost failed lease_lost']);
    await Promise.all([stopped.done, lost.done]);
  });
});
