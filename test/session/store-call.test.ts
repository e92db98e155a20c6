import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryStore, Pipeline, SluiceError, storeCall } from 'sluice';
import type { Lease, StateStore } from 'sluice';
import { failureOf, says, settled } from '../core/harness.ts';
import { ForwardingStore } from '../support/forwarding-store.ts';
import { VERBS, callVerb, storeWith } from './hanging-store.ts';

const never = new Promise<never>(() => undefined);

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** Any value instead of the type that a store has promised. */
const any = (value: unknown): never => value as never;

/** Throws a value that need not be an error. */
function thrown(value: unknown): never {
  throw value;
}

/** The store as `pipeline.store` wraps it. */
const timed = (store: StateStore, storeTimeoutMs?: number): StateStore =>
  new Pipeline([says('a')], { store, ...(storeTimeoutMs !== undefined && { storeTimeoutMs }) }).store;

describe('R53 a call of a store', () => {
  test('that gets no answer fails after 5 seconds, with the name of the call', async () => {
    const call = failureOf(storeCall('load', () => never));
    await vi.advanceTimersByTimeAsync(4_999);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    const { code, retryable, message } = await call;
    expect([code, retryable]).toEqual(['store', true]);
    expect(message).toBe(
      'The store gave no answer to load within 5000 ms (see storeTimeoutMs): check that its database can be reached and that its pool has free connections.',
    );
  });

  test('waits as long as timeoutMs says, and forever if it is 0', async () => {
    const late = Promise.withResolvers<string>();
    const short = failureOf(storeCall('load', () => never, { timeoutMs: 20 }));
    const long = storeCall('load', () => late.promise, { timeoutMs: 0 });
    await vi.advanceTimersByTimeAsync(20);
    expect((await short).message).toContain('within 20 ms');
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(3_600_000);
    late.resolve('there');
    expect(await long).toBe('there');
  });

  test('with a timeout beyond the longest timer does not fail at once', async () => {
    const late = Promise.withResolvers<string>();
    const call = storeCall('load', () => late.promise, { timeoutMs: Number.MAX_SAFE_INTEGER });
    await vi.advanceTimersByTimeAsync(60_000);
    late.resolve('there');
    expect(await call).toBe('there');
  });

  test('R22 that is over leaves no timer and no listener', async () => {
    const { signal } = new AbortController();
    const answer = Promise.withResolvers<number>();
    const calls = [
      storeCall('load', () => answer.promise, { signal }),
      failureOf(
        storeCall('load', () => answer.promise.then(() => Promise.reject(new Error('no'))), { signal }),
      ),
      failureOf(storeCall('load', () => never, { signal, timeoutMs: 10 })),
    ];
    await settled();
    expect([vi.getTimerCount(), getEventListeners(signal, 'abort').length]).toEqual([3, 3]);
    await vi.advanceTimersByTimeAsync(10);
    answer.resolve(1);
    await Promise.all(calls);
    expect([vi.getTimerCount(), getEventListeners(signal, 'abort').length]).toEqual([0, 0]);
  });

  test('that a store in memory answers needs no timer', async () => {
    const timers = vi.spyOn(globalThis, 'setTimeout');
    const store = timed(new MemoryStore());
    await store.append('s', [{ message: { role: 'user', content: 'hi' } }], {
      expectedVersion: 0,
      turnId: 't',
    });
    await store.load('s');
    await failureOf(store.fork('none'));
    expect(timers).not.toHaveBeenCalled();
    timers.mockRestore();
  });

  test('ends when its signal aborts, with the reason of the signal', async () => {
    const abort = new AbortController();
    const { signal } = abort;
    const calls = [failureOf(storeCall('load', () => never, { signal }))];
    await settled();
    calls.push(failureOf(storeCall('load', () => never, { signal })));
    abort.abort(new SluiceError('shutting_down', 'Over.'));
    let asked = 0;
    calls.push(failureOf(storeCall('load', async () => asked++, { signal })));
    expect((await Promise.all(calls)).map(({ code }) => code)).toEqual([
      'shutting_down',
      'shutting_down',
      'shutting_down',
    ]);
    expect([asked, vi.getTimerCount()]).toEqual([0, 0]);
  });

  test('passes a late answer on, and ignores a late error', async () => {
    const [answer, error] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    const late: string[] = [];
    const calls = [answer, error].map(({ promise }) =>
      failureOf(storeCall('load', () => promise, { late: (one) => late.push(one) })),
    );
    await vi.advanceTimersByTimeAsync(5_000);
    answer.resolve('late');
    error.reject(new Error('late, too'));
    await settled();
    expect((await Promise.all(calls)).map(({ code }) => code)).toEqual(['store', 'store']);
    expect(late).toEqual(['late']);
  });

  test('fails with a SluiceError, whatever the store throws', async () => {
    const mine = new SluiceError('conflict', 'Mine.');
    const wrapped = new Error('wrapped', { cause: mine });
    const cases: [() => Promise<never>, string, unknown][] = [
      [() => Promise.reject(mine), 'conflict', undefined],
      [() => Promise.reject(wrapped), 'conflict', undefined],
      [() => Promise.reject(new Error('ECONNRESET')), 'store', new Error('ECONNRESET')],
      [() => Promise.resolve().then(() => thrown('a word')), 'store', 'a word'],
      [() => Reflect.apply(any(undefined), undefined, []), 'store', expect.any(TypeError)],
    ];
    for (const [call, code, cause] of cases) {
      const error = await failureOf(storeCall('load', call));
      expect([error.code, error.cause]).toEqual([code, cause]);
      if (code === 'store')
        expect([error.retryable, error.message]).toEqual([
          true,
          'The session store failed at load (see the cause).',
        ]);
    }
  });
});

describe('R53 each method of a store', () => {
  test.each(VERBS)('%s that is never answered fails, with its name', async (verb) => {
    const store = timed(
      storeWith(verb, () => never),
      300,
    );
    const call = failureOf(callVerb(store, verb));
    await vi.advanceTimersByTimeAsync(300);
    const { code, retryable, message } = await call;
    expect([code, retryable]).toEqual(['store', true]);
    expect(message).toContain(`no answer to ${verb} within 300 ms`);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each(VERBS)('%s that throws instead of rejecting rejects', async (verb) => {
    const store = timed(
      storeWith(verb, () => {
        throw new Error('no pool');
      }),
    );
    expect(await failureOf(callVerb(store, verb))).toMatchObject({
      code: 'store',
      cause: new Error('no pool'),
    });
  });

  test.each(VERBS)('%s may answer without a promise, or with another kind of promise', async (verb) => {
    const answer = { token: 1 };
    const thenable = { then: (resolve: (value: unknown) => void) => resolve(answer) };
    for (const given of [answer, thenable]) {
      const answered = await callVerb(timed(storeWith(verb, () => given)), verb);
      if (verb === 'lease') expect((answered as Lease).token).toBe(1);
      else expect(answered).toBe(answer);
    }
  });

  test.each(VERBS)('%s reaches the store with what it was given, and its answer comes back', async (verb) => {
    const [plain, through] = [new MemoryStore(), new MemoryStore()];
    for (const store of [plain, through]) {
      await store.append('s', [{ message: { role: 'user', content: 'hi' } }], {
        expectedVersion: 0,
        turnId: 't',
      });
      // The first lease of a store has the token 1.
      if (verb === 'record') await store.lease('s', 60_000);
    }
    const found = async (store: StateStore): Promise<unknown> => {
      const answer = await callVerb(store, verb);
      if (verb === 'lease') return { token: (answer as Lease).token, expiresAt: (answer as Lease).expiresAt };
      if (verb === 'fork') return (await store.load(any(answer)))?.messages;
      return answer;
    };
    expect(await found(timed(through))).toEqual(await found(plain));
    expect(await through.load('s')).toEqual(await plain.load('s'));
  });

  test('append and record give the store its own lease', async () => {
    const leases: unknown[] = [];
    class Watched extends ForwardingStore {
      override append(...given: Parameters<StateStore['append']>): Promise<number> {
        leases.push(given[2].lease);
        return super.append(...given);
      }

      override record(...given: Parameters<StateStore['record']>): Promise<number> {
        leases.push(given[3].lease);
        return super.record(...given);
      }

      override async lease(...given: Parameters<StateStore['lease']>): Promise<Lease> {
        const lease = await super.lease(...given);
        leases.push(lease);
        return lease;
      }
    }
    const store = new Watched(new MemoryStore());
    const lease = await timed(store).lease('s', 60_000);
    await timed(store).append('s', [], { expectedVersion: 0, turnId: 't', metadata: {}, lease });
    await timed(store).record('s', 't', [{ kind: 'started', callId: 'c' }], { from: 0, lease });
    expect(leases).toHaveLength(3);
    expect(new Set(leases).size).toBe(1);
  });

  test.each(['renew', 'release'] as const)('%s of a lease has the deadline, too', async (verb) => {
    const given: Lease = {
      token: 1,
      expiresAt: 2,
      renew: () => never,
      release: () => never,
      [Symbol.asyncDispose]: () => never,
    };
    const lease = await timed(storeWith('lease', async () => given)).lease('s', 1_000);
    const call = failureOf(verb === 'renew' ? lease.renew(1_000) : lease.release());
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await call).message).toContain(`no answer to ${verb} within 5000 ms`);
  });
});

test('a lease that is granted too late is released at once, and a failure of that is ignored', async () => {
  const late: PromiseWithResolvers<Lease>[] = [];
  const store = storeWith('lease', () => {
    late.push(Promise.withResolvers());
    return late.at(-1)?.promise;
  });
  const calls = [0, 1, 2, 3].map(() => failureOf(timed(store).lease('s', 1_000)));
  await vi.advanceTimersByTimeAsync(5_000);
  expect((await Promise.all(calls)).map(({ code }) => code)).toEqual(Array(4).fill('store'));
  const released: number[] = [];
  const lease = (token: number, release: () => Promise<void>): Lease => ({
    token,
    expiresAt: 0,
    renew: () => never,
    async release() {
      released.push(token);
      await release();
    },
    [Symbol.asyncDispose]: () => never,
  });
  late[0]?.resolve(lease(1, async () => undefined));
  late[1]?.resolve(lease(2, () => Promise.reject(new Error('gone'))));
  late[2]?.resolve(any(undefined));
  late[3]?.resolve(lease(4, () => never));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(released).toEqual([1, 2, 4]);
  expect(vi.getTimerCount()).toBe(0);
});

test('a store gets its own lease objects back', async () => {
  const memory = new MemoryStore();
  const leased: unknown[] = [];
  const appended: unknown[] = [];
  const store = storeWith(
    'append',
    any(async (...given: Parameters<StateStore['append']>) => {
      appended.push(given[2].lease);
      return memory.append(...given);
    }),
    storeWith(
      'lease',
      any(async (...given: Parameters<StateStore['lease']>) => {
        leased.push(await memory.lease(...given));
        return leased.at(-1);
      }),
      memory,
    ),
  );
  const { outcome } = await new Pipeline([says('a')], { store }).executeWithContext('s', 'user', 'hi');
  expect([outcome, leased.length, appended.length]).toEqual(['completed', 1, 2]);
  for (const one of appended) expect(one).toBe(leased[0]);
});

test('the timeout of a pipeline is a number of milliseconds', () => {
  for (const storeTimeoutMs of [-1, Number.NaN, any('5s')]) {
    expect(() => new Pipeline([says('a')], { storeTimeoutMs })).toThrow(
      /storeTimeoutMs is [\w ]+: give a (finite )?number/,
    );
  }
});
