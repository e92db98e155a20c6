import { Pipeline, Stream, contextKey, end } from 'sluice';
import type { Middleware, Reply, StreamChunk } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { failureOf } from './harness.ts';

const Nested = contextKey<boolean>('nested');

/** A pipeline of so many slots with a middleware that runs it again, once, in this way. */
function nesting(slots: number, how: (again: () => Promise<unknown>) => Middleware): Pipeline {
  const outer: Middleware = function outer(context, next) {
    if (context.get(Nested) === true) return next();
    return context.run(how(async () => pipeline.execute('user', 'Again', { values: [Nested.with(true)] })));
  };
  const model = provider(scripted({ text: ['one', 'two'] }, { repeat: true }));
  const pipeline = new Pipeline([outer, model], { maxConcurrentExecutions: slots });
  return pipeline;
}

const forms: [string, (again: () => Promise<unknown>) => Middleware][] = [
  [
    'before the call',
    (again) =>
      async function before(_context, next) {
        await again();
        return next();
      },
  ],
  [
    'after a wait',
    (again) =>
      async function waiting(_context, next) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        await again();
        return next();
      },
  ],
  [
    'between chunks',
    (again) =>
      async function* between(_context, next) {
        for await (const chunk of next()) {
          yield chunk;
          await again();
        }
      },
  ],
  [
    'after the reply',
    (again) =>
      async function* after(_context, next) {
        const reply = yield* next();
        await Promise.resolve();
        await again();
        return reply;
      },
  ],
  [
    'in a source of its own',
    (again) =>
      function own() {
        return Stream.fromSource<StreamChunk, Reply>({
          pull: async () => {
            await again();
            return end({ finishReason: 'stop' });
          },
          close: () => undefined,
        });
      },
  ],
];

describe('a pipeline that is run inside its own middleware', () => {
  test.each(forms)('uses the slot of the outer execution if no other is free, %s', async (_when, how) => {
    expect((await nesting(1, how).execute('user', 'Hi')).outcome).toBe('completed');
    const stream = nesting(1, how).executeStream('user', 'Hi');
    for await (const _ of stream) await Promise.resolve();
    expect((await stream.result).outcome).toBe('completed');
  });

  test('gives the slot back once: after it, no more executions run at once than before', async () => {
    const running = { now: 0, most: 0 };
    const outer: Middleware = async function* outer(context, next) {
      const isNested = context.get(Nested) === true;
      if (!isNested) running.most = Math.max(running.most, ++running.now);
      if (!isNested) {
        const options = { values: [Nested.with(true)] };
        await Promise.all([pipeline.execute('user', 'a', options), pipeline.execute('user', 'b', options)]);
      }
      const reply = yield* next();
      if (!isNested) running.now--;
      return reply;
    };
    const pipeline: Pipeline = new Pipeline([outer, provider(scripted('x', { repeat: true }))], {
      maxConcurrentExecutions: 1,
    });
    await Promise.all(Array.from({ length: 5 }, () => pipeline.execute('user', 'Hi')));
    expect(running).toEqual({ now: 0, most: 1 });
  });

  test('fails if it runs inside itself without an end', async () => {
    const endless: Middleware = async function endless(_context, next) {
      await pipeline.execute('user', 'Again');
      return next();
    };
    const pipeline: Pipeline = new Pipeline([endless, provider(scripted('x', { repeat: true }))], {
      maxConcurrentExecutions: 2,
    });
    expect(await failureOf(pipeline.execute('user', 'Hi'))).toMatchObject({
      code: 'queue_full',
      retryable: false,
      message: expect.stringContaining('inside its own middleware 100 times'),
    });
  });

  test.each(forms.slice(0, 4))('works if a slot is free, %s', async (_when, how) => {
    const { outcome, response } = await nesting(2, how).execute('user', 'Hi');
    expect([outcome, response.content]).toEqual(['completed', 'onetwo']);
  });

  test('never waits without an end, however many run at once', async () => {
    const [, waiting] = forms;
    const pipeline = nesting(3, waiting?.[1] ?? forms[0]?.[1] ?? (() => (_context, next) => next()));
    const results = await Promise.all(Array.from({ length: 12 }, () => pipeline.execute('user', 'Hi')));
    expect(results.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 12 }, () => 'completed'));
  });

  test('uses it in a hook at the end, too, while the slot is still held', async () => {
    const pipeline = nesting(1, (again) => {
      return function hooked(context, next) {
        context.onEnd(async () => {
          await again();
          context.warn('ran');
        });
        return next();
      };
    });
    const { warnings } = await pipeline.execute('user', 'Hi');
    expect(warnings).toEqual(['ran']);
  });

  test('by way of another pipeline uses it, too', async () => {
    const model = provider(scripted('Hello', { repeat: true }));
    const first: Pipeline = new Pipeline(
      [
        async function toSecond(context, next) {
          if (context.get(Nested) !== true) await second.execute('user', 'Hi');
          return next();
        },
        model,
      ],
      { maxConcurrentExecutions: 1 },
    );
    const second = new Pipeline(
      [
        async function toFirst(_context, next) {
          await first.execute('user', 'Hi', { values: [Nested.with(true)] });
          return next();
        },
        model,
      ],
      { maxConcurrentExecutions: 1 },
    );
    expect((await first.execute('user', 'Hi')).response.content).toBe('Hello');
  });

  test('is not one that code runs later which an execution has left behind', async () => {
    const later = Promise.withResolvers<void>();
    const runs: Promise<unknown>[] = [];
    const leaving = nesting(1, (again) => {
      return function leaving(_context, next) {
        runs.push(later.promise.then(again));
        return next();
      };
    });
    await leaving.execute('user', 'Hi');
    const [running] = [leaving.executeStream('user', 'Hi', { values: [Nested.with(true)] })];
    await running?.next();
    later.resolve();
    await Promise.resolve();
    await running?.close();
    await expect(runs[0]).resolves.toMatchObject({ outcome: 'completed' });
  });
});
