import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryStore, Pipeline, SluiceError } from 'sluice';
import type { StartedTurn } from 'sluice';
import { Model, failureOf, readAll, says, settled, stop, texts } from '../core/harness.ts';
import { TroubledStore, linesOf } from './stage.ts';

const lost = new SluiceError('lease_lost', 'Another process has the stream.');

describe('a turn whose execution ends with lease_lost', () => {
  test('stores no partial reply and gives the session back, although its own lease is good', async () => {
    const store = new MemoryStore();
    const model = new Model().give(texts('a '));
    const stream = new Pipeline([model.middleware], { store }).executeStreamWithContext('s', 'user', 'hi', {
      turnId: 't',
    });
    await stream.next();
    stream.abort(lost);
    const error = await failureOf(stream.result);
    expect([error.code, error.partial?.content]).toEqual(['lease_lost', 'a ']);
    expect(await linesOf(store)).toEqual(['user: hi']);
    expect(await store.turn('s', 't.reply')).toBeUndefined();
    await (await store.lease('s', 1_000)).release();
  });

  test('says to those who wait for it that it was not stored', async () => {
    const told: boolean[] = [];
    const model = new Model().give(texts('a '));
    const asks = function asks(...[context, next]: Parameters<Model['middleware']>) {
      context.onEnd(() => (stored: boolean) => void told.push(stored));
      return next();
    };
    const stream = new Pipeline([asks, model.middleware]).executeStreamWithContext('s', 'user', 'hi');
    await stream.next();
    stream.abort(lost);
    await failureOf(stream.result);
    expect(told).toEqual([false]);
  });

  test('that ends with another code still stores it', async () => {
    const store = new MemoryStore();
    const model = new Model().give(texts('a '));
    const stream = new Pipeline([model.middleware], { store }).executeStreamWithContext('s', 'user', 'hi');
    await stream.next();
    stream.abort(new SluiceError('aborted', 'It ends.'));
    await failureOf(stream.result);
    expect(await linesOf(store)).toEqual(['user: hi', 'assistant: a  *']);
  });
});

describe('leaseMs', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  test('is how long a session is held, and a third of it the time between renewals', async () => {
    const store = new TroubledStore();
    const model = new Model().give(texts('a '));
    const options = { store, leaseMs: 3_000, executionTimeoutMs: 0 };
    const read = readAll(
      new Pipeline([model.middleware], options).executeStreamWithContext('s', 'user', 'hi'),
    );
    await vi.advanceTimersByTimeAsync(10_500);
    expect(store.log.filter((line) => line.startsWith('renew'))).toEqual(Array(10).fill('renew 3000'));
    expect((await failureOf(store.lease('s', 1_000))).code).toBe('session_busy');
    model.give(stop());
    await vi.advanceTimersByTimeAsync(0);
    expect((await read).content).toBe('a ');
  });

  test('a process that dies keeps the session for so long', async () => {
    const store = new TroubledStore();
    store.trouble('renew', new Promise<never>(() => undefined), 1_000);
    const model = new Model().give(texts('a '));
    const options = { store, leaseMs: 3_000, executionTimeoutMs: 0 };
    const read = readAll(
      new Pipeline([model.middleware], options).executeStreamWithContext('s', 'user', 'hi'),
    );
    await vi.advanceTimersByTimeAsync(2_999);
    expect((await failureOf(store.lease('s', 1_000))).code).toBe('session_busy');
    await vi.advanceTimersByTimeAsync(2);
    await (await store.lease('s', 1_000)).release();
    model.give(stop());
    await vi.advanceTimersByTimeAsync(60_000);
    await read;
  });

  test('below a second is refused', () => {
    expect(() => new Pipeline([says('a')], { leaseMs: 999 })).toThrow('leaseMs');
  });
});

describe('onTurn', () => {
  test('is called when the turn has its session: not while it waits for its place', async () => {
    const turns: StartedTurn[] = [];
    const onTurn = (turn: StartedTurn): void => void turns.push(turn);
    const model = new Model().give(texts('a'));
    const pipeline = new Pipeline([model.middleware]);
    const first = readAll(pipeline.executeStreamWithContext('s', 'user', 'hi', { turnId: 'one', onTurn }));
    const second = readAll(pipeline.executeStreamWithContext('s', 'user', 'hi', { turnId: 'two', onTurn }));
    await settled();
    expect(turns).toEqual([{ id: 'one' }]);
    model.give(stop(), texts('b'), stop());
    await Promise.all([first, second]);
    expect(turns).toEqual([{ id: 'one' }, { id: 'two' }]);
  });

  test('is called with the id of a turn that nobody named, and says that a finished one is only read again', async () => {
    const turns: StartedTurn[] = [];
    const onTurn = (turn: StartedTurn): void => void turns.push(turn);
    const pipeline = new Pipeline([says('a')]);
    const { turn } = await pipeline.executeWithContext('s', 'user', 'hi', { onTurn });
    expect(turns).toEqual([{ id: turn?.id }]);
    for (let time = 0; time < 2; time++)
      await pipeline.executeWithContext('s', 'user', 'ho', { turnId: 'two', onTurn });
    expect(turns.slice(1)).toEqual([{ id: 'two' }, { id: 'two', replayed: true }]);
  });

  test('that throws is a warning', async () => {
    const { warnings, outcome } = await new Pipeline([says('a')]).executeWithContext('s', 'user', 'hi', {
      onTurn: () => {
        throw new RangeError('words of a user');
      },
    });
    expect([outcome, warnings]).toEqual(['completed', ['onTurn threw RangeError.']]);
  });

  test('is for turns of a session', async () => {
    const error = await failureOf(
      Promise.resolve().then(() =>
        new Pipeline([says('a')]).execute('user', 'hi', { onTurn: () => undefined }),
      ),
    );
    expect([error.code, error.message]).toEqual(['invalid_options', expect.stringContaining('onTurn')]);
  });
});

describe('what had arrived when a turn ended early', () => {
  test.each([
    ['cancelled', new SluiceError('aborted', 'It ends.')],
    ['failed', new SluiceError('timeout', 'It ends.')],
  ])('has its cost if it was %s', async (outcome, error) => {
    const ends: string[] = [];
    const model = new Model().give(texts('abcdefgh'));
    const charging = function charging(...[context, next]: Parameters<Model['middleware']>) {
      context.onEnd((end) => void ends.push(`${end.outcome} ${end.cost.totalUsd ?? 'unknown'}`));
      return next().tap({
        call: (call) => ({ end: () => void (call.cost = { status: 'estimated', totalUsd: 0.25 }) }),
      });
    };
    const stream = new Pipeline([charging, model.middleware]).executeStreamWithContext('s', 'user', 'hi');
    await stream.next();
    stream.abort(error);
    const { partial } = await failureOf(stream.result);
    expect([partial?.cost, ends]).toEqual([{ status: 'estimated', totalUsd: 0.25 }, [`${outcome} 0.25`]]);
  });

  test('a reply whose usage lacks fields is stored, and the result warns', async () => {
    const store = new MemoryStore();
    const usage = JSON.parse('{"inputTokens":3}');
    const model = new Model().give(texts('a'), stop({ usage }));
    const { usage: sum, warnings } = await new Pipeline([model.middleware], { store }).executeWithContext(
      's',
      'user',
      'hi',
    );
    expect(Object.values(sum).every((value) => !Number.isNaN(value))).toBe(true);
    expect([sum.inputTokens, sum.estimated, warnings.length]).toEqual([3, true, 1]);
    expect(await linesOf(store)).toEqual(['user: hi', 'assistant: a']);
  });
});
