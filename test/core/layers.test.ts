import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError, compose } from 'sluice';
import type { Middleware } from 'sluice';
import { Model, says, shapeNames, shapes, stop, text, texts } from './harness.ts';
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
  test.each(shapeNames)('%s: lets chunks and reply through and is called at the end once', async (shape) => {
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

test('an execution of many joined layers ends without more work for each layer', async () => {
  const layers = Array.from({ length: 60 }, () => shapes.tap([]));
  const model = new Model();
  const stream = new Pipeline([...layers, model.middleware]).executeStream('user', 'hi');
  const reads = collect(stream);
  await new Promise<void>((resolve) => setImmediate(resolve));
  await stream.close();
  expect([await reads, model.log]).toEqual([[], ['model 1 called', 'model 1 closed: aborted']]);
});
