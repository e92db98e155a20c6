import { describe, expect, test } from 'vitest';
import { Pipeline, Stream, contextKey } from 'sluice';
import type { Middleware, Reply, StreamChunk } from 'sluice';
import { Model, readAll, says, settled, shapeNames, shapes, stop, text, texts } from './harness.ts';

/** Interrupts at the chunk `at`, by a tap. */
const tapAt = (at: string): Middleware =>
  function stopper(context, next) {
    return next().tap((chunk) => {
      if (chunk.type === 'content' && chunk.content === at) context.interrupt(`saw ${at}`);
    });
  };
/** The same, by a generator that lets the chunk through. */
const generatorAt = (at: string): Middleware =>
  async function* stopper(context, next) {
    for await (const chunk of next()) {
      if (chunk.type === 'content' && chunk.content === at) context.interrupt(`saw ${at}`);
      yield chunk;
    }
  };

const places = shapeNames.flatMap((above) => shapeNames.map((below): [string, string] => [above, below]));

describe.each([
  ['a tap', tapAt],
  ['a generator', generatorAt],
])('an interrupt from %s', (_name, stopperAt) => {
  test.each(places)(
    'below %s and above %s: the current chunk is delivered, the rest dropped',
    async (above, below) => {
      for (const batches of [[texts('a', 'b', 'c')], [texts('a'), texts('b'), texts('c')]]) {
        const log: string[] = [];
        const model = new Model().give(...batches, stop());
        const layerOf = (name: string, place: string): Middleware =>
          Object.entries(shapes).find(([shape]) => shape === name)?.[1](log, place) ?? says();
        const pipeline = new Pipeline([
          layerOf(above, 'above'),
          stopperAt('b'),
          layerOf(below, 'below'),
          model.middleware,
        ]);
        const { content, result } = await readAll(pipeline.executeStream('user', 'hi'));
        expect(content).toBe('ab');
        expect(result).toMatchObject({
          outcome: 'interrupted',
          reason: 'saw b',
          response: { content: 'ab' },
        });
        expect(result?.messages.at(-1)).toEqual({ role: 'assistant', content: 'ab', partial: true });
        expect(result?.warnings).toEqual([]);
        expect(log.map((line) => line.split(' ')[0])).toEqual(['below', 'above']);
      }
    },
  );
});

test('an interrupt at a chunk that no call made still delivers that chunk', async () => {
  const cached: Middleware = () =>
    Stream.from<StreamChunk, Reply>(texts('a', 'b', 'c'), { finishReason: 'stop' });
  const replay: Middleware = async function* replay(context) {
    yield* Stream.from<StreamChunk, Reply>(texts('a', 'b', 'c'), { finishReason: 'stop' });
    context.warn('read on');
    return { finishReason: 'stop' };
  };
  for (const source of [cached, replay]) {
    for (const above of shapeNames) {
      const pipeline = new Pipeline([shapes[above]([]), tapAt('b'), source, says('never')]);
      const { content, result } = await readAll(pipeline.executeStream('user', 'hi'));
      expect([source.name, above, content, result?.outcome]).toEqual([
        source.name,
        above,
        'ab',
        'interrupted',
      ]);
    }
  }
});

test('from a timer while a read is pending: what had come stands, and done is delivered', async () => {
  const model = new Model().give(texts('a'));
  const timed: Middleware = function timed(context, next) {
    setImmediate(() => context.interrupt('enough'));
    return next();
  };
  const { content, result } = await readAll(
    new Pipeline([timed, model.middleware]).executeStream('user', 'hi'),
  );
  expect([content, result?.outcome, result?.reason]).toEqual(['a', 'interrupted', 'enough']);
  expect(model.log).toEqual(['model 1 called', 'model 1 closed: aborted']);
});

test('before anything has come: an empty answer, interrupted', async () => {
  const model = new Model();
  const early: Middleware = function early(context, next) {
    context.interrupt('never mind');
    return next();
  };
  const result = await new Pipeline([early, model.middleware]).execute('user', 'hi');
  expect(result).toMatchObject({ outcome: 'interrupted', response: { content: '', finishReason: 'other' } });
  expect(result.messages).toEqual([{ role: 'user', content: 'hi' }]);
  expect(model.log).toEqual([]);
});

test('twice: the first reason stands', async () => {
  const twice: Middleware = function twice(context, next) {
    return next().tap(() => {
      context.interrupt('first');
      context.interrupt('second');
    });
  };
  expect((await new Pipeline([twice, says('a')]).execute('user', 'hi')).reason).toBe('first');
});

test('new calls are refused, and a retry cannot turn the interrupt into anything else', async () => {
  const retrying: Middleware = async function* retrying(_context, next) {
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        return yield* next();
      } catch {
        // once more
      }
    }
  };
  const model = new Model().give(texts('a', 'b'), stop());
  const result = await new Pipeline([retrying, tapAt('a'), model.middleware]).execute('user', 'hi');
  expect([result.outcome, result.response.content, result.warnings]).toEqual(['interrupted', 'a', []]);
  expect(model.log).toEqual(['model 1 called', 'model 1 closed: aborted']);
});

test('nothing can emit after it: not in a catch, not in a finally, not by throwing', async () => {
  const talkative: Middleware[] = [
    async function* talkative(_context, next) {
      try {
        return yield* next();
      } catch {
        yield text('and another thing');
        return { finishReason: 'stop' };
      }
    },
    async function* talkative(_context, next) {
      try {
        return yield* next();
      } finally {
        yield text('and another thing');
      }
    },
    async function* talkative(_context, next) {
      try {
        return yield* next();
      } catch {
        throw new TypeError('no!');
      }
    },
  ];
  for (const layer of talkative) {
    const model = new Model().give(texts('a', 'b'), stop());
    const { content, result } = await readAll(
      new Pipeline([layer, tapAt('a'), model.middleware], { closeTimeoutMs: 50 }).executeStream('user', 'hi'),
    );
    expect([content, result?.outcome, result?.response.finishReason]).toEqual(['a', 'interrupted', 'other']);
  }
});

test('a layer that holds back and hangs is freed after closeTimeoutMs', async () => {
  const holds: Middleware = async function* holds(_context, next) {
    for await (const chunk of next()) {
      await new Promise(() => undefined);
      yield chunk;
    }
  };
  const model = new Model().give(texts('a', 'b'));
  const result = await new Pipeline([holds, tapAt('a'), model.middleware], { closeTimeoutMs: 20 }).execute(
    'user',
    'hi',
  );
  expect([result.outcome, result.response.content]).toEqual(['interrupted', '']);
  expect(result.warnings).toEqual(['"holds" did not end within 20 ms and was abandoned.']);
});

test('an observer of calls can interrupt at a chunk', async () => {
  const budget: Middleware = function budget(context, next) {
    return next().tap({
      call: (call) => ({
        chunk: () => {
          if (call.outputCharacters > 3) context.interrupt('budget');
        },
      }),
    });
  };
  const model = new Model().give(texts('ab', 'cd', 'ef'), stop());
  const { response, reason } = await new Pipeline([budget, model.middleware]).execute('user', 'hi');
  expect([response.content, reason]).toEqual(['abcd', 'budget']);
});

test('the values under typed keys are seen outward and inward', async () => {
  const Count = contextKey<number>('count');
  const seen: (number | undefined)[] = [];
  const outer: Middleware = async function* outer(context, next) {
    seen.push(context.get(Count));
    context.set(Count, 2);
    const reply = yield* next();
    seen.push(context.get(Count));
    return reply;
  };
  const inner: Middleware = function inner(context, next) {
    seen.push(context.get(Count));
    return next().tap({ end: () => context.set(Count, 3) });
  };
  await new Pipeline([outer, inner, says('a')]).execute('user', 'hi', { values: [Count.with(1)] });
  await settled();
  expect(seen).toEqual([1, 2, 3]);
});
