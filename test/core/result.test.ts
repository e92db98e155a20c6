import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError, findSluiceError, isSluiceError } from 'sluice';
import type { ErrorCode, ExecutionChunk, ExecutionResult, Middleware, Stream, StreamChunk } from 'sluice';
import { unhandledRejectionsOf } from '../../testing/leaks.ts';
import {
  Model,
  answers,
  failureOf,
  readAll,
  says,
  settled,
  shapeNames,
  shapes,
  stop,
  text,
  texts,
  tokens,
} from './harness.ts';

const toolCall: StreamChunk = { type: 'tool_call', id: 'c', name: 'add', arguments: { a: [1, null] } };
const thinking: StreamChunk = {
  type: 'thinking',
  content: 'hm',
  block: { provider: 'made', data: { signature: 'x' } },
};

describe('the result', () => {
  test('is plain data: it survives JSON.stringify and structuredClone', async () => {
    const warns: Middleware = function warns(context, next) {
      context.warn('careful');
      context.trace.span('tool', 'add', { rows: 1 }).end();
      return next();
    };
    const model = new Model().give(
      [thinking, text('a'), toolCall, { type: 'content', content: 'b', citations: [{ url: 'u' }] }],
      stop({ usage: { ...tokens(1, 2), raw: { prompt_tokens: 1 } }, model: 'm', requestId: 'r' }),
    );
    const result = await new Pipeline([warns, model.middleware]).executeWithContext('s', 'user', 'hi', {
      metadata: { page: 7, tags: ['x'] },
    });
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    expect(structuredClone(result)).toEqual(result);
    expect(result).toMatchObject({
      outcome: 'completed',
      warnings: ['careful'],
      metadata: { page: 7, tags: ['x'] },
      sessionId: 's',
      provider: 'model',
      model: 'm',
      response: { content: 'ab', thinking: 'hm', finishReason: 'stop' },
    });
    expect(result.response.toolCalls).toEqual([{ id: 'c', name: 'add', arguments: { a: [1, null] } }]);
    expect(result.response.parts.map(({ type }) => type)).toEqual(['thinking', 'text', 'tool_call', 'text']);
    expect(result.messages).toEqual([
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: result.response.parts },
    ]);
    expect(result.timeToFirstChunkMs).toBeLessThanOrEqual(result.latencyMs);
  });

  test('what a layer does after the end does not change it', async () => {
    const kept: { late?: () => void } = {};
    const lingers: Middleware = function lingers(context, next) {
      kept.late = () => {
        context.warn('late');
        context.trace.span('tool', 'late').end();
      };
      return next();
    };
    const result = await new Pipeline([lingers, says('a')]).execute('user', 'hi');
    const before = structuredClone(result);
    kept.late?.();
    expect(result).toEqual(before);
  });

  test('it comes with done, from result and from the iterator, the same', async () => {
    const stream = new Pipeline([says('a')]).executeStream('user', 'hi');
    const early = stream.result;
    const chunks = [];
    for (;;) {
      const { done, value } = await stream.next();
      if (done === true) {
        expect(value).toBe(await early);
        break;
      }
      chunks.push(value);
    }
    const last = chunks.at(-1);
    expect(last?.type === 'done' && last.result).toBe(await stream.result);
  });

  test('a message of role and content, a message, and messages are the same', async () => {
    const seen: unknown[] = [];
    const looks: Middleware = function looks(context, next) {
      seen.push(context.request.messages);
      return next();
    };
    const pipeline = new Pipeline([looks, says('a')]);
    await pipeline.execute('user', 'hi');
    await pipeline.execute({ role: 'user', content: 'hi' });
    await pipeline.execute([{ role: 'user', content: 'hi' }]);
    await pipeline.execute('user', [{ type: 'text', text: 'hi' }]);
    expect(seen.slice(0, 3)).toEqual(Array(3).fill([{ role: 'user', content: 'hi' }]));
    expect(seen[3]).toEqual([{ role: 'user', content: [{ type: 'text', text: 'hi' }] }]);
  });
});

describe('errors', () => {
  test('what had been received comes with them: text, thinking, tool calls and usage', async () => {
    const model = new Model().give([thinking, text('half'), toolCall], new SluiceError('network', 'reset'));
    const { error } = await readAll(new Pipeline([model.middleware]).executeStream('user', 'hi'));
    expect(error?.partial).toMatchObject({
      content: 'half',
      thinking: 'hm',
      toolCalls: [{ id: 'c' }],
      usage: { estimated: true },
    });
    expect(error?.partial?.parts).toHaveLength(3);
  });

  test('two executions that fail with one error object do not share what they received', async () => {
    const shared = new SluiceError('overloaded', 'busy', { status: 529, provider: 'p', retryAfterMs: 9 });
    const frozen = Object.freeze(new SluiceError('overloaded', 'busy'));
    for (const error of [shared, frozen]) {
      const [first, second] = await Promise.all(
        ['a', 'b'].map((said) =>
          failureOf(new Pipeline([new Model().give(texts(said), error).middleware]).execute('user', 'hi')),
        ),
      );
      expect([first?.partial?.content, second?.partial?.content]).toEqual(['a', 'b']);
      expect(second).toMatchObject({ code: 'overloaded', retryable: true, cause: error });
    }
    const second = await failureOf(new Pipeline([new Model().give(shared).middleware]).execute('user', 'hi'));
    expect(second).toMatchObject({ status: 529, provider: 'p', retryAfterMs: 9 });
  });

  test('one signal for many executions: each error is its own', async () => {
    const abort = new AbortController();
    const failures = ['a', 'b'].map((said) =>
      failureOf(
        new Pipeline([new Model().give(texts(said)).middleware]).execute('user', 'hi', {
          signal: abort.signal,
        }),
      ),
    );
    await settled();
    abort.abort(new SluiceError('timeout', 'the page was left', { phase: 'total' }));
    expect(await Promise.all(failures)).toMatchObject([
      { code: 'timeout', phase: 'total', partial: { content: 'a' } },
      { code: 'timeout', phase: 'total', partial: { content: 'b' } },
    ]);
  });

  test('an error of another copy of the package is known by its mark, and a look-alike is not', async () => {
    class Foreign extends Error {
      readonly code: ErrorCode = 'rate_limited';
      constructor() {
        super('slow down');
        Object.defineProperty(this, Symbol.for('sluice.error'), { value: true });
      }
    }
    expect([isSluiceError(new Foreign()), isSluiceError({ code: 'server' }), isSluiceError(null)]).toEqual([
      true,
      false,
      false,
    ]);
    const error = await failureOf(
      new Pipeline([new Model().give(texts('a'), new Foreign()).middleware]).execute('user', 'hi'),
    );
    expect(error).toMatchObject({ code: 'rate_limited', partial: { content: 'a' } });
  });

  test('findSluiceError finds the first along the causes, and gives up on a circle', () => {
    const inner = new SluiceError('network', 'reset');
    const outer = new Error('wrapped', { cause: new Error('again', { cause: inner }) });
    expect(findSluiceError(outer)).toBe(inner);
    expect(findSluiceError(new Error('alone'))).toBeUndefined();
    const circle = new Error('a');
    circle.cause = circle;
    expect(findSluiceError(circle)).toBeUndefined();
  });

  test("an abort of the platform's kind becomes an aborted error that keeps it as the cause", async () => {
    const abort = new DOMException('stopped', 'AbortError');
    const error = await failureOf(new Pipeline([new Model().give(abort).middleware]).execute('user', 'hi'));
    expect([error.code, error.cause]).toEqual(['aborted', abort]);
  });
});

describe('nothing is left behind', () => {
  test('R9 R10 R11 one abort rejects several promises, teardowns throw, results go unread: no rejection is unhandled', async () => {
    const unread: Stream<ExecutionChunk, ExecutionResult>[] = [];
    const left = await unhandledRejectionsOf(async () => {
      for (const shape of shapeNames) {
        for (const way of ['signal', 'close', 'error', 'never read'] as const) {
          const abort = new AbortController();
          const messy: Middleware = async function* messy(context, next) {
            context.onEnd(() => Promise.reject(new Error('hook')));
            const spare = next();
            void spare.ready().catch(() => undefined);
            const stream = next().tap({
              end: () => {
                throw new Error('tap');
              },
            });
            void stream.result;
            try {
              return yield* stream;
            } finally {
              await Promise.reject(new Error('finally'));
            }
          };
          const model = new Model().give(texts('a'), texts('b'));
          if (way === 'error') model.give(new SluiceError('server', 'x'), new SluiceError('server', 'x'));
          const stream = new Pipeline([shapes[shape]([]), messy, model.middleware]).executeStream(
            'user',
            'hi',
            {
              signal: abort.signal,
            },
          );
          void stream.result;
          if (way === 'never read') {
            unread.push(stream);
            continue;
          }
          const reads = [stream.next(), stream.next(), stream.next()].map((read) =>
            read.catch(() => undefined),
          );
          await settled();
          if (way === 'signal') abort.abort();
          if (way === 'close') await stream.close();
          await Promise.all(reads);
          await stream.close();
        }
      }
      await settled();
    });
    await Promise.all(unread.map((stream) => stream.close()));
    expect(left).toEqual([]);
  });

  test('R12 1,000 executions on one long-lived signal leave no listener on it', async () => {
    const abort = new AbortController();
    const uses: Middleware = function uses(context, next) {
      context.signal.addEventListener('abort', () => undefined);
      return next();
    };
    const pipeline = new Pipeline([uses, says('a', 'b')], { maxConcurrentExecutions: 10 });
    const failing = new Pipeline([answers().middleware]);
    let most = 0;
    for (let round = 0; round < 20; round++) {
      const running = Array.from({ length: 50 }, async (_, index) => {
        const stream = (index % 5 === 0 ? failing : pipeline).executeStream('user', 'hi', {
          signal: abort.signal,
        });
        if (index % 3 === 0) {
          await stream.next().catch(() => undefined);
          await stream.close();
        } else await readAll(stream);
      });
      most = Math.max(most, getEventListeners(abort.signal, 'abort').length);
      await Promise.all(running);
    }
    expect(most).toBeGreaterThan(0);
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
  });

  test('R15 joining is linear: a chunk costs no more in a long answer than in a short one', async () => {
    const perChunk = async (chunks: number): Promise<number> => {
      const batches = Array.from({ length: chunks / 100 }, () =>
        Array.from({ length: 100 }, () => text('word ')),
      );
      const pipeline = new Pipeline([new Model().give(...batches, stop()).middleware]);
      const started = process.cpuUsage();
      const stream = pipeline.executeStream('user', 'hi');
      let length = 0;
      for await (const chunk of stream) if (chunk.type === 'content') length += chunk.content.length;
      expect(length).toBe(chunks * 5);
      expect((await stream.result).response.content).toHaveLength(chunks * 5);
      const { user, system } = process.cpuUsage(started);
      return (user + system) / chunks;
    };
    await perChunk(5_000);
    const short = Math.min(await perChunk(5_000), await perChunk(5_000), await perChunk(5_000));
    expect(await perChunk(200_000)).toBeLessThan(short * 5);
  });
});
