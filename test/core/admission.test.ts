import { describe, expect, test } from 'vitest';
import { Pipeline, Stream, end, terminal } from 'sluice';
import type { Middleware, Reply, StreamChunk } from 'sluice';
import { Model, counted, failureOf, says, settled, stop, text, texts } from './harness.ts';

describe('maxConcurrentExecutions', () => {
  test('executions beyond it wait and start in the order of asking', async () => {
    const log: string[] = [];
    const { middleware, finish } = counted(log);
    const pipeline = new Pipeline([middleware], { maxConcurrentExecutions: 2 });
    const all = ['a', 'b', 'c', 'd'].map((name) => pipeline.execute('user', name));
    await settled();
    expect(log).toEqual(['a runs', 'b runs']);
    finish();
    await settled();
    expect(log).toEqual(['a runs', 'b runs', 'c runs']);
    finish();
    await settled();
    finish();
    finish();
    await Promise.all(all);
    expect(log).toEqual(['a runs', 'b runs', 'c runs', 'd runs']);
  });

  test('an execution that is aborted while it waits leaves the queue, and the next one moves up (R22)', async () => {
    const log: string[] = [];
    const { middleware, finish } = counted(log);
    const pipeline = new Pipeline([middleware], { maxConcurrentExecutions: 1 });
    const abort = new AbortController();
    const first = pipeline.execute('user', 'a');
    const second = failureOf(pipeline.execute('user', 'b', { signal: abort.signal }));
    const third = pipeline.execute('user', 'c');
    await settled();
    abort.abort('left');
    expect(await second).toMatchObject({ code: 'aborted', cause: 'left' });
    finish();
    await settled();
    finish();
    await Promise.all([first, third]);
    expect(log).toEqual(['a runs', 'c runs']);
  });

  test('whatever the tick in which a waiting execution is closed, its slot is given on', async () => {
    for (let ticks = 0; ticks < 30; ticks++) {
      const log: string[] = [];
      const { middleware, finish } = counted(log);
      const pipeline = new Pipeline([middleware], { maxConcurrentExecutions: 1 });
      const first = pipeline.execute('user', 'a');
      const waiting = pipeline.executeStream('user', 'b');
      const read = waiting.next().catch(() => undefined);
      await settled();
      finish();
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
      void waiting.close();
      await read;
      await first;
      const third = pipeline.execute('user', 'c');
      await settled();
      expect([ticks, log.at(-1)]).toEqual([ticks, 'c runs']);
      finish();
      finish();
      await third;
    }
  });
});

describe('streamBufferSize', () => {
  /** A model that counts its reads; one chunk each. */
  function counting(): { middleware: Middleware; reads: () => number } {
    let reads = 0;
    const middleware = terminal({ name: 'counting' }, () =>
      Stream.fromSource<StreamChunk, Reply>({
        pull: async () => {
          await Promise.resolve();
          reads++;
          return reads > 100 ? end({ finishReason: 'stop' }) : [text('x')];
        },
        close: () => undefined,
      }),
    );
    return { middleware, reads: () => reads };
  }

  test.each([
    [0, 1],
    [1, 2],
    [10, 11],
  ])(
    '%i: after the first chunk was taken, %i have been read, and no more',
    async (streamBufferSize, expected) => {
      const { middleware, reads } = counting();
      const stream = new Pipeline([middleware], { streamBufferSize }).executeStream('user', 'hi');
      expect(reads()).toBe(0);
      await stream.next();
      await settled();
      expect(reads()).toBe(expected);
      await stream.close();
    },
  );

  test('a batch may exceed it, and then nothing more is read', async () => {
    const model = new Model().give(texts('a', 'b', 'c', 'd'), texts('e'), stop());
    const stream = new Pipeline([model.middleware], { streamBufferSize: 2 }).executeStream('user', 'hi');
    await stream.next();
    await settled();
    expect(stream.partial?.content).toBe('abcd');
    await stream.close();
  });

  test('a large buffer over a source that answers at once does not overflow the stack', async () => {
    let left = 50_000;
    const middleware = terminal({ name: 'sync' }, () =>
      Stream.fromSource<StreamChunk, Reply>({
        pull: () => (left-- > 0 ? [text('x')] : end({ finishReason: 'stop' })),
        close: () => undefined,
      }),
    );
    const pipeline = new Pipeline([middleware], { streamBufferSize: 100_000 });
    expect((await pipeline.execute('user', 'hi')).response.content).toHaveLength(50_000);
  });

  test('ready() settles with the first chunk there and consumes nothing', async () => {
    const stream = new Pipeline([says('a', 'b')]).executeStream('user', 'hi');
    await stream.ready();
    expect((await stream.next()).value).toMatchObject({ content: 'a', index: 0 });
    await stream.close();
  });

  test('result alone does not make the stream run', async () => {
    const { middleware, reads } = counting();
    const stream = new Pipeline([middleware]).executeStream('user', 'hi');
    void stream.result;
    await settled();
    expect(reads()).toBe(0);
    await stream.close();
  });
});
