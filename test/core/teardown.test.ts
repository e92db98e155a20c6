import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Pipeline, Stream, end, terminal } from 'sluice';
import type { Middleware, Reply, StreamChunk } from 'sluice';
import { Model, failureOf, says, settled, shapeNames, shapes, text, texts } from './harness.ts';

/** A generator layer that logs its signal and its `finally`; the tap above it logs the end. */
function logged(log: string[], name: string): Middleware {
  return async function* layer(context, next) {
    context.onEnd(() => void log.push(`${name} onEnd`));
    context.signal.addEventListener('abort', () => log.push(`${name} signal`));
    try {
      return yield* next().tap({ end: ({ outcome }) => log.push(`${name} tap ${outcome}`) });
    } finally {
      log.push(`${name} finally`);
    }
  };
}

describe('the order of teardown', () => {
  test('is: signals, the wire, finally and tap ends from the innermost, onEnd in reverse order, then the reader', async () => {
    const log: string[] = [];
    const abort = new AbortController();
    const model = new Model({ log });
    const pipeline = new Pipeline([logged(log, 'a'), logged(log, 'b'), model.middleware]);
    const failure = failureOf(pipeline.executeStream('user', 'hi', { signal: abort.signal }).next());
    await settled();
    abort.abort();
    await failure.then(() => log.push('reader'));
    expect(log).toEqual([
      'model 1 called',
      'a signal',
      'b signal',
      'model 1 closed: aborted',
      'b tap cancelled',
      'b finally',
      'a tap cancelled',
      'a finally',
      'b onEnd',
      'a onEnd',
      'reader',
    ]);
  });

  test('the same for taps and async functions in one chain', async () => {
    const log: string[] = [];
    const model = new Model({ log });
    const layers = [shapes.tap(log, 'a'), shapes['async function'](log, 'b'), shapes.tap(log, 'c')];
    const stream = new Pipeline([...layers, model.middleware]).executeStream('user', 'hi');
    const read = stream.next();
    await settled();
    await stream.close();
    await read;
    expect(log).toEqual([
      'model 1 called',
      'model 1 closed: aborted',
      'c end cancelled',
      'b end cancelled',
      'a end cancelled',
    ]);
  });

  test('the reasons of the signals are errors of the library that carry why', async () => {
    const reasons: unknown[] = [];
    const keeps: Middleware = function keeps(context, next) {
      context.signal.addEventListener('abort', () => reasons.push(context.signal.reason));
      return next();
    };
    const stream = new Pipeline([keeps, new Model().middleware]).executeStream('user', 'hi');
    const read = stream.next();
    await settled();
    await stream.close('enough');
    await read;
    expect(reasons).toMatchObject([{ code: 'aborted', cause: 'enough' }]);
  });

  test('a signal asked for after the end of its attempt is aborted already', async () => {
    const kept: { signal?: () => AbortSignal } = {};
    const keeps: Middleware = function keeps(context, next) {
      kept.signal = () => context.signal;
      return next();
    };
    const stream = new Pipeline([keeps, new Model().middleware]).executeStream('user', 'hi');
    const read = stream.next();
    await settled();
    await stream.close();
    await read;
    expect(kept.signal?.().aborted).toBe(true);
  });

  test('at a good end no signal aborts', async () => {
    const log: string[] = [];
    await new Pipeline([logged(log, 'a'), says('x')]).execute('user', 'hi');
    expect(log).toEqual(['a tap completed', 'a finally', 'a onEnd']);
  });
});

describe('layers that ignore their signal', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  const never = new Promise<never>(() => undefined);
  const stuck: [string, Middleware][] = [
    [
      'a generator',
      async function* stuck(_context, next) {
        for await (const chunk of next()) {
          yield chunk;
          await never;
        }
      },
    ],
    [
      'a generator in its finally',
      async function* stuck(_context, next) {
        try {
          return yield* next();
        } finally {
          await never;
        }
      },
    ],
    [
      'a wire whose close hangs',
      function stuck(context) {
        return context.run(
          terminal({ name: 'stuck' }, () => {
            const batches = [texts('a')];
            return Stream.fromSource<StreamChunk, Reply>({
              pull: () => batches.shift() ?? never,
              close: () => never,
            });
          }),
        );
      },
    ],
  ];

  test.each(stuck)(
    '%s is abandoned after closeTimeoutMs, with a warning; finally above it still runs',
    async (_, middleware) => {
      for (const shape of shapeNames) {
        const log: string[] = [];
        const outer: Middleware = function outer(context, next) {
          context.onEnd(() => void log.push('onEnd'));
          return next();
        };
        const model = new Model().give(texts('a'));
        const stream = new Pipeline([outer, shapes[shape](log, 'around'), middleware, model.middleware], {
          closeTimeoutMs: 700,
          streamBufferSize: 0,
        }).executeStream('user', 'hi');
        stream.tap({ end: () => log.push('end') });
        await stream.next();
        const pending = stream.next();
        await settled();
        const closed = stream.close().then(() => log.push('closed'));
        expect(await pending).toEqual({ done: true, value: undefined });
        await vi.advanceTimersByTimeAsync(699);
        expect([shape, log]).toEqual([shape, []]);
        await vi.advanceTimersByTimeAsync(701);
        await closed;
        expect(log.map((line) => line.split(' ')[0])).toEqual(['around', 'onEnd', 'end', 'closed']);
      }
    },
  );

  test('an async body that never settles is abandoned with a warning that names it', async () => {
    const seen: string[] = [];
    const stuckBody: Middleware = async function stuckBody() {
      return never;
    };
    const watch: Middleware = function watch(context, next) {
      context.onEnd(() => void seen.push('onEnd'));
      return next().tap({ end: ({ outcome }) => seen.push(outcome) });
    };
    const stopper: Middleware = function stopper(context, next) {
      setTimeout(() => context.interrupt('enough'), 10);
      return next();
    };
    const result = new Pipeline([watch, stopper, stuckBody, says('a')], { closeTimeoutMs: 500 }).execute(
      'user',
      'hi',
    );
    await vi.advanceTimersByTimeAsync(1_100);
    const { outcome, warnings } = await result;
    expect([outcome, seen]).toEqual(['interrupted', ['interrupted', 'onEnd']]);
    expect(warnings).toEqual(['"stuckBody" did not end within 500 ms and was abandoned.']);
  });

  test('a hook that hangs is left after hookTimeoutMs, with a warning', async () => {
    const hooked: Middleware = function hooked(context, next) {
      context.onEnd(() => never);
      return next();
    };
    const result = new Pipeline([hooked, says('a')], { hookTimeoutMs: 300 }).execute('user', 'hi');
    await vi.advanceTimersByTimeAsync(300);
    expect((await result).warnings).toEqual([
      '"onEnd of hooked" did not end within 300 ms and was abandoned.',
    ]);
  });

  test('what hangs while another layer waits for it in memory does not keep the finally above it from running', async () => {
    const log: string[] = [];
    const outer = shapes['generator that delegates'](log, 'outer');
    const hangs: Middleware = async function* hangs(_context, next) {
      let seen = 0;
      for await (const chunk of next()) {
        yield chunk;
        if (++seen === 2) await never;
      }
    };
    const model = new Model().give(texts('a', 'b', 'c', 'd'));
    const stream = new Pipeline([outer, hangs, model.middleware], {
      closeTimeoutMs: 500,
      streamBufferSize: 0,
    }).executeStream('user', 'hi');
    await stream.next();
    await stream.next();
    const pending = stream.next();
    await settled();
    const closing = stream.close();
    await vi.advanceTimersByTimeAsync(1_000);
    await closing;
    await pending;
    expect(log).toEqual(['outer finally']);
  });
});

describe('what comes late', () => {
  test('a stream that an async body returns after the abort counts as started: its tap end runs, and no call is made', async () => {
    const log: string[] = [];
    const permit = Promise.withResolvers<void>();
    const gate: Middleware = async function gate(_context, next) {
      await permit.promise;
      return next().tap({ end: ({ outcome, error }) => log.push(`released ${outcome} ${error?.code}`) });
    };
    const model = new Model({ log });
    const stream = new Pipeline([gate, model.middleware]).executeStream('user', 'hi');
    const read = stream.next();
    await settled();
    const closing = stream.close();
    permit.resolve();
    await closing;
    expect(await read).toEqual({ done: true, value: undefined });
    expect(log).toEqual(['released cancelled aborted']);
  });

  test('the same above a layer that answers by itself: there is no call in the trace', async () => {
    const log: string[] = [];
    const calls: number[] = [];
    const permit = Promise.withResolvers<void>();
    const gate: Middleware = async function gate(context, next) {
      context.onEnd(({ usage }) => void log.push(`onEnd ${usage.inputTokens}`));
      await permit.promise;
      return next().tap({
        call: (call) => void calls.push(call.number),
        end: ({ outcome }) => log.push(`released ${outcome}`),
      });
    };
    const plain: Middleware = () => Stream.from<StreamChunk, Reply>([text('a')], { finishReason: 'stop' });
    const stream = new Pipeline([gate, plain]).executeStream('user', 'hi');
    const read = stream.next();
    await settled();
    const closing = stream.close();
    permit.resolve();
    await closing;
    await read;
    expect([log, calls]).toEqual([['released cancelled', 'onEnd 0'], []]);
  });

  test('a permit is given back when the body got it after the execution had been given up', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const log: string[] = [];
      const permit = Promise.withResolvers<void>();
      const gate: Middleware = async function gate(_context, next) {
        await permit.promise;
        return next().tap({ end: () => log.push('released') });
      };
      const stream = new Pipeline([gate, says('a')], { closeTimeoutMs: 100 }).executeStream('user', 'hi');
      const read = stream.next();
      await settled();
      const closing = stream.close();
      await vi.advanceTimersByTimeAsync(100);
      await closing;
      await read;
      expect(log).toEqual([]);
      permit.resolve();
      await settled();
      expect(log).toEqual(['released']);
    } finally {
      vi.useRealTimers();
    }
  });

  test('a call that is refused at the abort does not prevent another from being closed', async () => {
    const log: string[] = [];
    const hedging: Middleware = async function hedging(context, next) {
      const first = next().tap({ end: ({ outcome }) => log.push(`first ${outcome}`) });
      await first.read();
      const refused = new Promise<void>((resolve) => {
        context.signal.addEventListener('abort', () => {
          const second = next().read();
          second.catch(() => log.push('second refused')).finally(resolve);
        });
      });
      return Stream.fromSource<StreamChunk, Reply>({
        pull: () => new Promise<never>(() => undefined),
        close: () => refused,
      });
    };
    const model = new Model({ log }).give(texts('a'));
    const stream = new Pipeline([hedging, model.middleware]).executeStream('user', 'hi');
    const read = stream.next();
    await settled();
    await stream.close();
    await read;
    expect(log.toSorted()).toEqual([
      'first cancelled',
      'model 1 called',
      'model 1 closed: aborted',
      'second refused',
    ]);
  });

  test('a close while the end waits for a loser ends every tap once, and closes no source that has ended', async () => {
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    const source = (name: string, batches: StreamChunk[][], closed?: Promise<void>) =>
      terminal({ name }, () =>
        Stream.fromSource<StreamChunk, Reply>({
          pull: () =>
            batches.shift() ??
            (closed === undefined ? end({ finishReason: 'stop' }) : new Promise(() => undefined)),
          close: () => {
            log.push(`${name} closed`);
            return closed;
          },
        }),
      );
    const slow = source('slow', [texts('s')], gate.promise);
    const fast = source('fast', [texts('f')]);
    const hedge: Middleware = async function hedge(context) {
      const [loser, winner] = [context.run(slow), context.run(fast)];
      await loser.ready();
      return winner;
    };
    const watch: Middleware = function watch(context, next) {
      context.onEnd(({ outcome }) => void log.push(`onEnd ${outcome}`));
      return next().tap({ end: ({ outcome }) => log.push(`end ${outcome}`) });
    };
    const stream = new Pipeline([watch, hedge], { streamBufferSize: 0 }).executeStream('user', 'hi');
    await stream.next();
    const pending = stream.next();
    await settled();
    expect(log).toEqual(['slow closed']);
    const closing = stream.close();
    await settled();
    gate.resolve();
    await closing;
    await pending;
    expect(log.filter((line) => line.startsWith('end '))).toHaveLength(1);
    expect(log.filter((line) => line.startsWith('onEnd '))).toEqual(['onEnd cancelled']);
    expect(log.filter((line) => line === 'fast closed')).toEqual([]);
  });
});
