import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError, Stream, compose } from 'sluice';
import type { Middleware, Reply, StreamChunk } from 'sluice';
import { Model, answers, failureOf, says, shapeNames, shapes, stop, text, texts } from './harness.ts';
import { collect } from '../support/feed.ts';

const shout: Middleware = function shout(_context, next) {
  return next().map((chunk) =>
    chunk.type === 'content' ? { ...chunk, content: chunk.content.toUpperCase() } : chunk,
  );
};
const noE: Middleware = function noE(_context, next) {
  return next().filter((chunk) => chunk.type !== 'content' || chunk.content !== 'e');
};

describe('each shape of a middleware', () => {
  test.each(shapeNames)('%s: lets chunks and reply through and hears of the end once', async (shape) => {
    const log: string[] = [];
    const model = new Model().give(texts('a', 'b'), texts('c'), stop({ model: 'made-7' }));
    const result = await new Pipeline([shapes[shape](log), model.middleware]).execute('user', 'hi');
    expect(result.response).toMatchObject({ content: 'abc', finishReason: 'stop' });
    expect(result.model).toBe('made-7');
    expect(log).toHaveLength(1);
  });

  test('four shapes above each other end innermost first, whatever their order', async () => {
    for (const order of [shapeNames, [...shapeNames].reverse()]) {
      const log: string[] = [];
      const layers = order.map((shape, index) => shapes[shape](log, String(index)));
      const { response } = await new Pipeline([...layers, says('a', 'b')]).execute('user', 'hi');
      expect(response.content).toBe('ab');
      expect(log.map((line) => line[0])).toEqual(['3', '2', '1', '0']);
    }
  });

  test('map and filter change what comes out, between every two shapes', async () => {
    for (const shape of shapeNames) {
      const layer = shapes[shape]([]);
      const pipeline = new Pipeline([shout, layer, noE, layer, says('h', 'e', 'y')]);
      expect((await pipeline.execute('user', 'hi')).response.content).toBe('HY');
    }
  });

  test('a tap sees the chunks in order, each before it is delivered, and one end with the reply', async () => {
    const log: string[] = [];
    const watch: Middleware = function watch(_context, next) {
      return next().tap({
        chunk: (chunk) => log.push(`chunk ${chunk.type === 'content' ? chunk.content : chunk.type}`),
        end: ({ outcome, reply, error }) => log.push(`end ${outcome} ${reply?.finishReason} ${error?.code}`),
      });
    };
    const model = new Model().give(texts('a'), texts('b'), stop());
    const stream = new Pipeline([watch, model.middleware], { streamBufferSize: 0 }).executeStream(
      'user',
      'hi',
    );
    for await (const chunk of stream) log.push(`read ${chunk.type}`);
    expect(log).toEqual([
      'chunk a',
      'read content',
      'chunk b',
      'read content',
      'end completed stop undefined',
      'read done',
    ]);
  });

  test('a generator may add, change and drop chunks; what it lets out is the answer', async () => {
    const frame: Middleware = async function* frame(_context, next) {
      yield text('<');
      for await (const chunk of next()) if (chunk.type === 'content' && chunk.content !== 'b') yield chunk;
      yield text('>');
    };
    const { response, messages } = await new Pipeline([frame, says('a', 'b', 'c')]).execute('user', 'hi');
    expect(response.content).toBe('<ac>');
    expect(messages.at(-1)).toEqual({ role: 'assistant', content: '<ac>' });
  });
});

describe('replies', () => {
  test("a generator's partial reply overlays the one it let through", async () => {
    const relabel: Middleware = async function* relabel(_context, next) {
      yield* next();
      return { model: 'mine' };
    };
    const model = new Model().give(texts('a'), stop({ model: 'theirs', finishReason: 'length' }));
    const result = await new Pipeline([relabel, model.middleware]).execute('user', 'hi');
    expect([result.model, result.response.finishReason]).toEqual(['mine', 'length']);
  });

  test('of several attempts in sequence the last one gives the reply', async () => {
    const twice: Middleware = async function* twice(_context, next) {
      yield* next();
      yield* next();
    };
    const { middleware } = answers(
      [texts('a'), stop({ finishReason: 'length' })],
      [texts('b'), stop({ finishReason: 'content_filter' })],
    );
    const { response, trace } = await new Pipeline([twice, middleware]).execute('user', 'hi');
    expect(response).toMatchObject({ content: 'ab', finishReason: 'content_filter' });
    expect(trace.filter(({ kind }) => kind === 'call')).toHaveLength(2);
  });

  test('a middleware that answers by itself makes no call', async () => {
    const model = new Model();
    const cached: Middleware = async function* cached() {
      yield text('kept');
      return { finishReason: 'stop' };
    };
    const result = await new Pipeline([cached, model.middleware]).execute('user', 'hi');
    expect(result.response.content).toBe('kept');
    expect([model.calls, result.usage.totalTokens, result.cost]).toEqual([
      [],
      0,
      { status: 'exact', totalUsd: 0 },
    ]);
  });

  test('one that gives neither a reply nor calls next() is named in an error', async () => {
    const empty: Middleware = async function* empty() {
      yield text('x');
    };
    const error = await failureOf(new Pipeline([empty, says('a')]).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'middleware', middleware: 'empty', partial: { content: 'x' } });
    expect(error.message).toContain('neither called next() nor returned a reply with a finishReason');
  });

  test('one that calls next() and forgets to read what it returns is named in an error', async () => {
    const forgetful: Middleware = async function* forgetful(_context, next) {
      next();
    };
    const error = await failureOf(new Pipeline([forgetful, says('a')]).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'middleware', middleware: 'forgetful' });
    expect(error.message).toContain('let none through');
  });
});

describe('lazy attempts', () => {
  test('next() starts nothing: the layer below runs at the first pull', async () => {
    const log: string[] = [];
    const late: Middleware = async function* late(_context, next) {
      const stream = next();
      log.push('before');
      yield text('-');
      log.push('pulled');
      return yield* stream;
    };
    const model = new Model({ log }).give(texts('a'), stop());
    await new Pipeline([late, model.middleware]).execute('user', 'hi');
    expect(log).toEqual(['before', 'pulled', 'model 1 called']);
  });

  test('a stream that nobody pulls runs no body, no tap end and no onEnd, and its close is quiet', async () => {
    const log: string[] = [];
    const noisy: Middleware = function noisy(context, next) {
      log.push('body');
      context.onEnd(() => void log.push('onEnd'));
      return next().tap({ end: () => log.push('end') });
    };
    const stream = new Pipeline([noisy, says('a')]).executeStream('user', 'hi');
    await stream.close();
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(log).toEqual([]);
  });

  test('an attempt that a layer made and never pulled leaves nothing', async () => {
    const log: string[] = [];
    const spare: Middleware = async function* spare(_context, next) {
      next().tap({ end: () => log.push('spare end') });
      return yield* next();
    };
    const { trace } = await new Pipeline([spare, says('a')]).execute('user', 'hi');
    expect(log).toEqual([]);
    expect(trace.filter(({ kind }) => kind === 'call')).toHaveLength(1);
  });
});

describe('views and changes', () => {
  test('changes replace whole keys, and each layer sees its own request', async () => {
    const seen: Record<string, unknown> = {};
    const outer: Middleware = function outer(context, next) {
      const stream = next({ parameters: { topP: 0.5 } });
      seen['outer'] = context.request.parameters;
      return stream;
    };
    const inner: Middleware = function inner(context, next) {
      seen['inner'] = context.request.parameters;
      return next({ messages: [{ role: 'user', content: 'changed' }] });
    };
    const model = new Model().give(texts('a'), stop());
    const result = await new Pipeline([outer, inner, model.middleware]).execute('user', 'hi', {
      parameters: { temperature: 1, maxTokens: 5 },
      model: 'm',
    });
    expect(seen).toEqual({ outer: { temperature: 1, maxTokens: 5 }, inner: { topP: 0.5 } });
    expect(model.calls[0]?.request).toEqual({
      model: 'm',
      parameters: { topP: 0.5 },
      messages: [{ role: 'user', content: 'changed' }],
    });
    expect(result.messages[0]).toEqual({ role: 'user', content: 'hi' });
  });

  test('a second attempt starts from the request of the layer that makes it', async () => {
    const again: Middleware = async function* again(_context, next) {
      yield* next({ model: 'first' });
      return yield* next();
    };
    const { middleware, calls } = answers([stop()], [stop()]);
    await new Pipeline([again, middleware]).execute('user', 'hi', { model: 'own' });
    expect(calls.map(({ request }) => request.model)).toEqual(['first', 'own']);
  });
});

describe('names in errors', () => {
  const throws = (): Middleware[] => [
    (_context, next) => next(),
    async function* named() {
      throw new TypeError('secret');
    },
  ];

  test('a named function is called by its name, the message stays in the cause', async () => {
    const error = await failureOf(new Pipeline(throws()).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'middleware', middleware: 'named' });
    expect(error.message).toBe('Middleware "named" threw TypeError (see the cause).');
    expect(error.cause).toMatchObject({ message: 'secret' });
  });

  test('an unnamed one is called by its place, counted from 1 through composed ones', async () => {
    const unnamed = (): Middleware => () => {
      throw new TypeError('x');
    };
    const through = (): Middleware => (_context, next) => next();
    const pipeline = new Pipeline([through(), compose(through(), compose(unnamed())), says('a')]);
    const error = await failureOf(pipeline.execute('user', 'hi'));
    expect(error.middleware).toBe('#3');
  });

  test.each([
    ['a tap', (_c, next) => next().tap(fails), 'outer'],
    ['a map', (_c, next) => next().map(fails), 'outer'],
    ['a filter', (_c, next) => next().filter(fails), 'outer'],
  ] satisfies [string, Middleware, string][])('%s that throws is its layer\'s fault', async (_, run, name) => {
    const outer: Middleware = function outer(context, next) {
      return run(context, next);
    };
    const inner: Middleware = function inner(_context, next) {
      return next().tap(() => undefined);
    };
    const error = await failureOf(new Pipeline([outer, inner, says('a')]).execute('user', 'hi'));
    expect(error.middleware).toBe(name);
  });

  test('a value that is no Error is named by its kind', async () => {
    const odd: Middleware = function odd() {
      throw 'text';
    };
    const error = await failureOf(new Pipeline([odd, says('a')]).execute('user', 'hi'));
    expect(error.message).toBe('Middleware "odd" threw a value of kind string, not an Error.');
  });

  test('an error of the library passes every shape as the same object', async () => {
    for (const shape of shapeNames) {
      const down = new SluiceError('overloaded', 'busy', { status: 529 });
      const model = new Model().give(texts('a'), down);
      const error = await failureOf(new Pipeline([shapes[shape]([]), model.middleware]).execute('user', 'hi'));
      expect(error).toBe(down);
      expect(error.partial?.content).toBe('a');
    }
  });
});

describe('misuse', () => {
  const misused: [string, Middleware, string][] = [
    [
      'returning nothing',
      // @ts-expect-error it returns no stream
      function forgets(_context, next) {
        next();
      },
      'Middleware "forgets" returned undefined, not a stream: return the stream of next(), or yield* it from an async generator.',
    ],
    [
      'returning a promise of nothing',
      // @ts-expect-error it returns no stream
      async function forgets() {
        await Promise.resolve();
      },
      'Middleware "forgets" returned undefined, not a stream: return the stream of next(), or yield* it from an async generator.',
    ],
  ];
  test.each(misused)('%s is an error that says the mend', async (_, middleware, message) => {
    const error = await failureOf(new Pipeline([middleware, says('a')]).execute('user', 'hi'));
    expect([error.code, error.message]).toEqual(['middleware', message]);
  });

  test('one stream returned by two runs is an error, not two answers', async () => {
    const kept: { stream?: Stream<StreamChunk, Reply> } = {};
    const twice: Middleware = async function* twice(context, next) {
      const one: Middleware = function one(_inner, below) {
        kept.stream ??= below();
        return kept.stream;
      };
      const first = context.run(one);
      const second = context.run(one);
      await first.ready();
      yield* second;
      return yield* first;
    };
    const error = await failureOf(new Pipeline([twice, says('a')]).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'middleware', middleware: 'one' });
    expect(error.cause).toMatchObject({ message: 'a stream was returned twice' });
  });

  test('next() with nothing below says where the provider belongs', async () => {
    const last: Middleware = function last(_context, next) {
      return next();
    };
    const error = await failureOf(new Pipeline([last]).execute('user', 'hi'));
    expect(error.message).toBe(
      'Middleware "last" called next(), but nothing is below it. Put a provider at the end of the stack.',
    );
  });

  test('next() after the end names the middleware', async () => {
    const late: { error?: unknown } = {};
    const keeps: Middleware = function keeps(context, next) {
      context.onEnd(() => {
        try {
          next();
        } catch (error) {
          late.error = error;
        }
      });
      return next();
    };
    await new Pipeline([keeps, says('a')]).execute('user', 'hi');
    expect(late.error).toMatchObject({ code: 'middleware', middleware: 'keeps' });
    expect(String(late.error)).toContain('called next() after its stream had ended');
  });

  test('a tap after the first pull is refused with the mend', async () => {
    const tardy: Middleware = async function* tardy(_context, next) {
      const stream = next();
      await stream.ready();
      stream.tap(() => undefined);
      return yield* stream;
    };
    const error = await failureOf(new Pipeline([tardy, says('a')]).execute('user', 'hi'));
    expect(error.message).toBe('tap() came after the stream had started: add taps before the first pull.');
  });
});

describe('compose and run', () => {
  const mark = (log: string[], name: string): Middleware =>
    function marked(_context, next) {
      log.push(name);
      return next().tap({ end: () => log.push(`${name} end`) });
    };

  test('a composed stack, nested too, runs as if it were spread', async () => {
    const log: string[] = [];
    const inner = compose(mark(log, 'b'), compose(mark(log, 'c')), compose());
    const pipeline = new Pipeline([compose(mark(log, 'a'), inner), says('x')]);
    expect((await pipeline.execute('user', 'hi')).response.content).toBe('x');
    expect(log).toEqual(['a', 'b', 'c', 'c end', 'b end', 'a end']);
  });

  test('context.run runs a composed stack below the caller, over its own next', async () => {
    const log: string[] = [];
    const branch: Middleware = function branch(context) {
      return context.run(compose(mark(log, 'a'), mark(log, 'b')), { model: 'branch' });
    };
    const model = new Model().give(texts('x'), stop());
    const pipeline = new Pipeline([branch, mark(log, 'c'), model.middleware]);
    const { response } = await pipeline.execute('user', 'hi');
    expect([response.content, model.calls[0]?.request.model]).toEqual(['x', 'branch']);
    expect(log).toEqual(['a', 'b', 'c', 'c end', 'b end', 'a end']);
  });

  test('context.run of a terminal middleware is the call, also from the last place', async () => {
    const fallback: Middleware = async function* fallback(context) {
      try {
        return yield* context.run(broken.middleware);
      } catch {
        return yield* context.run(spare.middleware);
      }
    };
    const broken = new Model({ name: 'broken' }).give(new SluiceError('server', 'down', { status: 500 }));
    const spare = new Model({ name: 'spare' }).give(texts('ok'), stop());
    const result = await new Pipeline([fallback]).execute('user', 'hi');
    expect(result.response.content).toBe('ok');
    expect(result.trace.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['execution', 'completed'],
      ['broken', 'failed'],
      ['spare', 'completed'],
    ]);
  });

  test('run() after the end names the middleware', async () => {
    const late: { error?: unknown } = {};
    const keeps: Middleware = function keeps(context, next) {
      context.onEnd(() => {
        try {
          context.run(says('b'));
        } catch (error) {
          late.error = error;
        }
      });
      return next();
    };
    await new Pipeline([keeps, says('a')]).execute('user', 'hi');
    expect(String(late.error)).toContain('Middleware "keeps" called run() after its stream had ended');
  });
});

describe('hedging', () => {
  const hedge: Middleware = async function* hedge(_context, next) {
    const attempts = [next({ model: 'slow' }), next({ model: 'fast' })];
    const winner = await Promise.race(attempts.map((attempt) => attempt.ready().then(() => attempt)));
    return yield* winner;
  };

  test('the winner is delivered, and the runtime closes the loser before the end is told', async () => {
    const log: string[] = [];
    const slow = new Model({ log, name: 'slow' });
    const fast = new Model({ log, name: 'fast' }).give(texts('quick'), stop());
    const route: Middleware = function route(context) {
      return context.run(context.request.model === 'slow' ? slow.middleware : fast.middleware);
    };
    const outer: Middleware = function outer(_context, next) {
      return next().tap({ end: ({ outcome }) => log.push(`outer end ${outcome}`) });
    };
    const result = await new Pipeline([outer, hedge, route]).execute('user', 'hi');
    expect(result.response.content).toBe('quick');
    expect(log).toEqual([
      'slow 1 called',
      'fast 2 called',
      'slow 1 closed: aborted',
      'outer end completed',
    ]);
    expect(result.trace.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
      'execution completed',
      'slow cancelled',
      'fast completed',
    ]);
  });

  test('closing the consumer closes both', async () => {
    const log: string[] = [];
    const model = new Model({ log });
    const stream = new Pipeline([hedge, model.middleware]).executeStream('user', 'hi');
    const read = stream.next();
    await new Promise<void>((resolve) => setImmediate(resolve));
    await stream.close();
    expect(await read).toEqual({ done: true, value: undefined });
    expect(log).toEqual(['model 1 called', 'model 2 called', 'model 1 closed: aborted', 'model 2 closed: aborted']);
  });
});

test('an execution of many fused layers is torn down without more work a layer', async () => {
  const layers = Array.from({ length: 60 }, () => shapes.tap([]));
  const model = new Model();
  const stream = new Pipeline([...layers, model.middleware]).executeStream('user', 'hi');
  const reads = collect(stream);
  await new Promise<void>((resolve) => setImmediate(resolve));
  await stream.close();
  expect([await reads, model.log]).toEqual([[], ['model 1 called', 'model 1 closed: aborted']]);
});

function fails(): never {
  throw new RangeError('no');
}
