import { Pipeline, Stream, contextKey } from 'sluice';
import type { Middleware, Reply, StreamChunk } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { failureOf } from './harness.ts';

const Nested = contextKey<boolean>('nested');

const waits = expect.objectContaining({
  code: 'queue_full',
  retryable: false,
  message:
    'The pipeline was run inside its own middleware while no slot was free, so it would wait for itself: raise maxConcurrentExecutions, or run another pipeline there.',
});

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
            return [];
          },
          close: () => undefined,
        });
      },
  ],
];

describe('a pipeline that is run inside its own middleware', () => {
  test.each(forms)('fails if no slot is free, %s', async (_when, how) => {
    expect(await failureOf(nesting(1, how).execute('user', 'Hi'))).toEqual(waits);
    const stream = nesting(1, how).executeStream('user', 'Hi');
    const reading = (async () => {
      for await (const _ of stream) await Promise.resolve();
    })();
    expect(await failureOf(reading)).toEqual(waits);
  });

  test.each(forms.slice(0, 4))('works if a slot is free, %s', async (_when, how) => {
    const { outcome, response } = await nesting(2, how).execute('user', 'Hi');
    expect([outcome, response.content]).toEqual(['completed', 'onetwo']);
  });

  test('never waits without an end, however many run at once: one fails, and the others get its slot', async () => {
    const pipeline = nesting(
      3,
      forms[1]?.[1] ??
        (() => {
          throw new Error('missing');
        }),
    );
    const ends = await Promise.allSettled(Array.from({ length: 12 }, () => pipeline.execute('user', 'Hi')));
    const failed = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThan(12);
    for (const error of failed) expect(error).toEqual(waits);
  });

  test('fails in a hook at the end, too, while the slot is still held', async () => {
    const pipeline = nesting(1, (again) => {
      return function hooked(context, next) {
        context.onEnd(async () => context.warn((await failureOf(again())).code));
        return next();
      };
    });
    const { warnings } = await pipeline.execute('user', 'Hi');
    expect(warnings).toEqual(['queue_full']);
  });

  test('by way of another pipeline fails, too', async () => {
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
    expect(await failureOf(first.execute('user', 'Hi'))).toMatchObject({ code: 'queue_full' });
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
