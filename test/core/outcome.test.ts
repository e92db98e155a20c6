import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError } from 'sluice';
import type { Middleware, PipelineOptions } from 'sluice';
import { Model, failureOf, readAll, says, settled, text, texts, witness } from './harness.ts';

const open = (middleware: Middleware[], options?: PipelineOptions, signal?: AbortSignal) =>
  new Pipeline(middleware, options).executeStream('user', 'hi', { ...(signal && { signal }) });

describe('the outcome', () => {
  test('completed: the model came to its end', async () => {
    const log: string[] = [];
    const { content, result } = await readAll(open([witness(log), says('a', 'b')]));
    expect([content, result?.outcome, log]).toEqual([
      'ab',
      'completed',
      ['witness end completed', 'witness onEnd completed'],
    ]);
  });

  test('failed: an error, with what had come', async () => {
    const log: string[] = [];
    const model = new Model().give(texts('a', 'b'), new SluiceError('truncated', 'cut'));
    const stream = open([witness(log), model.middleware]);
    const { content, error } = await readAll(stream);
    expect(content).toBe('ab');
    expect(error).toMatchObject({ code: 'truncated', partial: { content: 'ab' } });
    expect(await failureOf(stream.result)).toBe(error);
    expect(log).toEqual(['witness end failed truncated', 'witness onEnd failed truncated']);
  });

  test('cancelled: its reader closed it; result rejects as aborted with the reason and the partial', async () => {
    const log: string[] = [];
    const model = new Model({ log }).give(texts('a'));
    const stream = open([witness(log), model.middleware]);
    await stream.next();
    const pending = stream.next();
    await stream.close('enough');
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(await failureOf(stream.result)).toMatchObject({
      code: 'aborted',
      cause: 'enough',
      partial: { content: 'a' },
    });
    expect(log).toEqual([
      'model 1 called',
      'model 1 closed: aborted',
      'witness end cancelled aborted',
      'witness onEnd cancelled aborted enough',
    ]);
  });

  test('cancelled: its signal aborted; the reader gets an error, not an end', async () => {
    const log: string[] = [];
    const abort = new AbortController();
    const model = new Model({ log }).give(texts('a'));
    const stream = open([witness(log), model.middleware], {}, abort.signal);
    await stream.next();
    const pending = failureOf(stream.next());
    abort.abort('user left');
    expect(await pending).toMatchObject({ code: 'aborted', cause: 'user left', partial: { content: 'a' } });
    expect(log.slice(1)).toEqual([
      'model 1 closed: aborted',
      'witness end cancelled aborted',
      'witness onEnd cancelled aborted user left',
    ]);
  });

  test('interrupted: a done with the reason and what had come', async () => {
    const log: string[] = [];
    const stopper: Middleware = function stopper(context, next) {
      return next().tap(() => context.interrupt('enough'));
    };
    const model = new Model({ log }).give(texts('a', 'b'));
    const { content, result } = await readAll(open([witness(log), stopper, model.middleware]));
    expect(content).toBe('a');
    expect(result).toMatchObject({ outcome: 'interrupted', reason: 'enough', response: { content: 'a' } });
    expect(log.slice(1)).toEqual([
      'model 1 closed: aborted',
      'witness end interrupted aborted',
      'witness onEnd interrupted enough',
    ]);
  });

  test('a signal aborted before the start makes no call', async () => {
    const log: string[] = [];
    const model = new Model({ log });
    const stream = open([witness(log), model.middleware], {}, AbortSignal.abort('early'));
    expect(await failureOf(stream.next())).toMatchObject({ code: 'aborted', cause: 'early' });
    expect(await failureOf(stream.result)).toMatchObject({ code: 'aborted', partial: { content: '' } });
    expect(log).toEqual([]);
  });
});

describe('the first decides', () => {
  /** A hook that waits, so that something else can happen during it. */
  function held(log: string[]): { middleware: Middleware; entered: Promise<void>; release(): void } {
    const entered = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const middleware: Middleware = function held(context, next) {
      context.onEnd(async ({ outcome }) => {
        log.push(`onEnd ${outcome}`);
        entered.resolve();
        await gate.promise;
      });
      return next();
    };
    return { middleware, entered: entered.promise, release: () => gate.resolve() };
  }

  test('close() during onEnd of a completed one waits for the hooks and changes nothing', async () => {
    const log: string[] = [];
    const { middleware, entered, release } = held(log);
    const stream = open([middleware, says('a')]);
    const reading = readAll(stream);
    await entered;
    const closed = stream.close().then(() => log.push('closed'));
    await settled();
    log.push('released');
    release();
    await closed;
    expect((await stream.result).outcome).toBe('completed');
    expect((await reading).content).toBe('a');
    expect(log).toEqual(['onEnd completed', 'released', 'closed']);
  });

  test('a signal during onEnd of a failed one changes nothing', async () => {
    const log: string[] = [];
    const abort = new AbortController();
    const { middleware, entered, release } = held(log);
    const model = new Model().give(new SluiceError('server', 'down'));
    const failure = failureOf(open([middleware, model.middleware], {}, abort.signal).next());
    await entered;
    abort.abort();
    release();
    expect((await failure).code).toBe('server');
    expect(log).toEqual(['onEnd failed']);
  });

  test('an interrupt after a completed end changes nothing', async () => {
    const late: Middleware = function late(context, next) {
      context.onEnd(() => context.interrupt('late'));
      return next();
    };
    const result = await new Pipeline([late, says('a')]).execute('user', 'hi');
    expect([result.outcome, result.reason]).toEqual(['completed', undefined]);
  });

  test('a signal in the same tick as an interrupt changes nothing, and the other way round', async () => {
    for (const first of ['interrupt', 'signal'] as const) {
      const abort = new AbortController();
      const both: Middleware = function both(context, next) {
        return next().tap(() => {
          if (first === 'signal') abort.abort();
          context.interrupt('enough');
          if (first === 'interrupt') abort.abort();
        });
      };
      const { result, error } = await readAll(open([both, says('a', 'b')], {}, abort.signal));
      expect([first, result?.outcome, error?.code]).toEqual(
        first === 'interrupt' ? [first, 'interrupted', undefined] : [first, undefined, 'aborted'],
      );
    }
  });

  test('the signal aborts twice: the first reason stands, and everything ends once', async () => {
    const log: string[] = [];
    const abort = new AbortController();
    const model = new Model({ log });
    const stream = open([witness(log), model.middleware], {}, abort.signal);
    const read = failureOf(stream.next());
    await settled();
    abort.abort('first');
    abort.abort('second');
    expect(await read).toMatchObject({ code: 'aborted', cause: 'first' });
    expect(log).toEqual([
      'model 1 called',
      'model 1 closed: aborted',
      'witness end cancelled aborted',
      'witness onEnd cancelled aborted first',
    ]);
  });

  test('closes after a signal wait for the same cleanup, and the reason of the signal stays', async () => {
    const log: string[] = [];
    const abort = new AbortController();
    const model = new Model({ log });
    const stream = open([witness(log), model.middleware], {}, abort.signal);
    const read = stream.next();
    await settled();
    abort.abort('first');
    await Promise.all([stream.close('second'), stream.close('third')]);
    expect(log.slice(1)).toEqual([
      'model 1 closed: aborted',
      'witness end cancelled aborted',
      'witness onEnd cancelled aborted first',
    ]);
    expect(await read).toEqual({ done: true, value: undefined });
    expect(await failureOf(stream.result)).toMatchObject({ cause: 'first' });
  });

  test('an error after a close is ignored', async () => {
    const model = new Model();
    const stream = open([model.middleware]);
    const pending = stream.next();
    await settled();
    const closing = stream.close();
    model.give(new SluiceError('server', 'down'));
    await closing;
    expect(await pending).toEqual({ done: true, value: undefined });
    expect((await failureOf(stream.result)).code).toBe('aborted');
  });

  test('a layer that swallows the abort and answers on its own cannot undo a close', async () => {
    const stubborn: Middleware = async function* stubborn(_context, next) {
      try {
        return yield* next();
      } catch {
        yield text('all is well');
        return { finishReason: 'stop' };
      }
    };
    const log: string[] = [];
    const abort = new AbortController();
    const model = new Model().give(texts('a'));
    const stream = open([witness(log), stubborn, model.middleware], {}, abort.signal);
    await stream.next();
    const failure = failureOf(stream.next());
    abort.abort();
    expect(await failure).toMatchObject({ code: 'aborted', partial: { content: 'a' } });
    expect(log).toEqual(['witness end cancelled aborted', 'witness onEnd cancelled aborted']);
  });

  test('a timeout from a tap below is an error like any other: the layers above hear it and may go on', async () => {
    const log: string[] = [];
    const tooSlow = new SluiceError('timeout', 'too slow', { phase: 'idle' });
    const clock: Middleware = function clock(_context, next) {
      const stream = next();
      return stream.tap(() => stream.abort(tooSlow));
    };
    const model = new Model({ log }).give(texts('a', 'b'));
    const { content, error } = await readAll(open([witness(log), clock, model.middleware]));
    expect([content, error]).toEqual(['a', tooSlow]);
    expect(log.slice(1)).toEqual([
      'model 1 closed: aborted',
      'witness end failed timeout',
      'witness onEnd failed timeout',
    ]);
  });
});

describe('onEnd', () => {
  test('hooks run one by one, the last registered first, before done is delivered', async () => {
    const log: string[] = [];
    const hooked = (name: string): Middleware =>
      function hooked(context, next) {
        context.onEnd(async () => {
          log.push(`${name} begins`);
          await settled();
          log.push(`${name} ends`);
        });
        return next();
      };
    for await (const chunk of open([hooked('a'), hooked('b'), says('x')], { streamBufferSize: 0 }))
      log.push(chunk.type);
    expect(log).toEqual(['content', 'b begins', 'b ends', 'a begins', 'a ends', 'done']);
  });

  test('and before the error is', async () => {
    const log: string[] = [];
    const hooked: Middleware = function hooked(context, next) {
      context.onEnd(async () => {
        await settled();
        log.push('hook');
      });
      return next();
    };
    const model = new Model().give(new SluiceError('server', 'down'));
    await failureOf(open([hooked, model.middleware]).next()).then(() => log.push('error'));
    expect(log).toEqual(['hook', 'error']);
  });

  test('one that throws adds a warning; the others run and the outcome stands', async () => {
    const log: string[] = [];
    const throwing: Middleware = function throwing(context, next) {
      context.onEnd(() => void log.push('first'));
      context.onEnd(() => {
        throw new TypeError('secret');
      });
      context.onEnd(() => Promise.reject(new RangeError('secret')));
      return next();
    };
    const { outcome, warnings } = await new Pipeline([throwing, says('a')]).execute('user', 'hi');
    expect([outcome, log]).toEqual(['completed', ['first']]);
    expect(warnings).toEqual([
      '"onEnd of throwing" threw RangeError while it was torn down.',
      '"onEnd of throwing" threw TypeError while it was torn down.',
    ]);
  });

  test('it sees usage, cost, latency and time to the first chunk', async () => {
    const seen: unknown[] = [];
    const hooked: Middleware = function hooked(context, next) {
      context.onEnd((end) => void seen.push(end));
      return next();
    };
    const { usage, cost, latencyMs, timeToFirstChunkMs } = await new Pipeline([hooked, says('a')]).execute(
      'user',
      'hi',
    );
    expect(seen).toEqual([{ outcome: 'completed', usage, cost, latencyMs, timeToFirstChunkMs }]);
  });

  test('one registered after the end is refused, naming the middleware', async () => {
    const kept: { late?: () => void } = {};
    const keeps: Middleware = function keeps(context, next) {
      kept.late = () => context.onEnd(() => undefined);
      return next();
    };
    await new Pipeline([keeps, says('a')]).execute('user', 'hi');
    expect(() => kept.late?.()).toThrow('Middleware "keeps" called onEnd() after the execution had ended.');
  });
});
