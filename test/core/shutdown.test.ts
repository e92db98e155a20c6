import { describe, expect, test, vi } from 'vitest';
import { MemoryStore, Pipeline, Stream, terminal } from 'sluice';
import type { Middleware, PipelineOptions, Reply, StreamChunk } from 'sluice';
import { Model, failureOf, says, settled, stop, text, texts } from './harness.ts';

describe('shutdown', () => {
  const pipelineOf = (middleware: Middleware[], options: PipelineOptions = {}) =>
    new Pipeline(middleware, { executionTimeoutMs: 0, ...options });

  test('running executions finish; new ones and streams that nobody has read are refused', async () => {
    const model = new Model();
    const pipeline = pipelineOf([model.middleware]);
    const running = pipeline.execute('user', 'hi');
    const unpulled = pipeline.executeStream('user', 'later');
    await settled();
    let over = false;
    const shutdown = pipeline.shutdown().then(() => (over = true));
    const refused = await failureOf(pipeline.execute('user', 'hi'));
    expect(refused).toMatchObject({ code: 'shutting_down', partial: { content: '' } });
    expect((await failureOf(unpulled.next())).code).toBe('shutting_down');
    expect((await failureOf(unpulled.result)).code).toBe('shutting_down');
    await settled();
    expect(over).toBe(false);
    model.give(texts('a'), stop());
    expect((await running).response.content).toBe('a');
    await shutdown;
    expect(over).toBe(true);
  });

  test('at its deadline running ones are aborted, each with its own partial', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const echo: Middleware = async function* echo(context) {
        yield text(String(context.request.messages[0]?.content));
        await new Promise((_resolve, reject) => context.signal.addEventListener('abort', reject));
      };
      const pipeline = pipelineOf([echo], { shutdownTimeoutMs: 3_000 });
      const failures = ['a', 'b'].map((name) => failureOf(pipeline.execute('user', name)));
      await settled();
      const shutdown = pipeline.shutdown();
      await vi.advanceTimersByTimeAsync(3_000);
      await shutdown;
      expect(await Promise.all(failures)).toMatchObject([
        { code: 'shutting_down', partial: { content: 'a' } },
        { code: 'shutting_down', partial: { content: 'b' } },
      ]);
    } finally {
      vi.useRealTimers();
    }
  });

  test('a deadline beyond the longest timer does not abort them at once', async () => {
    const model = new Model();
    const pipeline = pipelineOf([model.middleware], { shutdownTimeoutMs: Number.MAX_SAFE_INTEGER });
    const running = pipeline.execute('user', 'hi');
    await settled();
    const shutdown = pipeline.shutdown();
    await new Promise((resolve) => setTimeout(resolve, 20));
    model.give(texts('a'), stop());
    expect((await running).response.content).toBe('a');
    await shutdown;
  });

  test('its signal aborts them sooner, and an aborted one at once', async () => {
    for (const early of [true, false]) {
      const model = new Model().give(texts('a'));
      const pipeline = pipelineOf([model.middleware]);
      const failure = failureOf(pipeline.execute('user', 'hi'));
      await settled();
      const abort = new AbortController();
      if (early) abort.abort();
      const shutdown = pipeline.shutdown({ signal: abort.signal });
      abort.abort();
      await shutdown;
      expect((await failure).code).toBe('shutting_down');
      expect(model.log).toEqual(['model 1 called', 'model 1 closed: aborted']);
    }
  });

  test('it waits for hooks that run, and takes nothing away from a reader', async () => {
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    const hooked: Middleware = function hooked(context, next) {
      context.onEnd(() => gate.promise);
      return next();
    };
    const pipeline = pipelineOf([hooked, says('a', 'b')]);
    const stream = pipeline.executeStream('user', 'hi');
    expect((await stream.next()).value).toMatchObject({ content: 'a' });
    await settled();
    const abort = new AbortController();
    const shutdown = pipeline.shutdown({ signal: abort.signal }).then(() => log.push('shut'));
    abort.abort();
    await settled();
    expect(log).toEqual([]);
    gate.resolve();
    await shutdown;
    expect((await stream.next()).value).toMatchObject({ content: 'b' });
    expect((await stream.next()).value).toMatchObject({ type: 'done' });
  });

  test('it is idempotent, and closes the store and the providers once, if it owns them', async () => {
    for (const own of [true, false]) {
      const log: string[] = [];
      const store = new MemoryStore();
      vi.spyOn(store, 'close').mockImplementation(async () => void log.push('store closed'));
      const close = async (): Promise<void> => void log.push('provider closed');
      const provider = terminal({ name: 'p', close }, () =>
        Stream.from<StreamChunk, Reply>([text('a')], { finishReason: 'stop' }),
      );
      {
        await using pipeline = pipelineOf([provider], { store, own });
        await pipeline.execute('user', 'hi');
        await Promise.all([pipeline.shutdown(), pipeline.shutdown()]);
      }
      expect(log.sort()).toEqual(own ? ['provider closed', 'store closed'] : []);
    }
  });

  test('a store that cannot be closed keeps no provider open', async () => {
    const log: string[] = [];
    const store = new MemoryStore();
    vi.spyOn(store, 'close').mockRejectedValue(new Error('stuck'));
    const close = async (): Promise<void> => void log.push('provider closed');
    const provider = terminal({ name: 'p', close }, () =>
      Stream.from<StreamChunk, Reply>([text('a')], { finishReason: 'stop' }),
    );
    const pipeline = pipelineOf([provider], { store, own: true });
    expect(await failureOf(pipeline.shutdown())).toMatchObject({
      code: 'store',
      message: 'The session store failed at close (see the cause).',
      cause: new Error('stuck'),
    });
    expect(log).toEqual(['provider closed']);
  });

  test('await using shuts down at the end of the scope', async () => {
    const kept: { pipeline?: Pipeline } = {};
    {
      await using pipeline = pipelineOf([says('a')]);
      kept.pipeline = pipeline;
      await pipeline.execute('user', 'hi');
    }
    expect((await failureOf(kept.pipeline.execute('user', 'hi'))).code).toBe('shutting_down');
  });
});
