import { Pipeline, SluiceError, Stream } from 'sluice';
import type { ExecutionChunk, LifeSign, Middleware, Provider, Reply, StreamChunk } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { timeout } from 'sluice/middleware/timeout';
import type { TimeoutOptions } from 'sluice/middleware/timeout';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { model, text } from './models.ts';
import type { Answer } from './models.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms === 0) return Promise.resolve();
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** An answer whose batches come after these waits; the last wait is before the end. */
function paced(waitsMs: number[], closed?: Answer['closed']): Answer {
  const rest = [...waitsMs];
  return {
    chunks: waitsMs.slice(1).map((_, index) => text(`${index} `)),
    wait: () => pause(rest.shift() ?? 0),
    ...(closed && { closed }),
  };
}

interface Outcome {
  text: string;
  /** The error's code and phase, or `done`. */
  end: string;
  /** When it ended, in milliseconds from the start. */
  atMs: number;
}

/** Runs a stack, reading chunk by chunk with `readEveryMs` between the reads, and tells when and how it ended. */
async function run(
  stack: Middleware[],
  readEveryMs = 0,
  streamBufferSize = 0,
  forMs = 600_000,
): Promise<Outcome> {
  const stream = new Pipeline(stack, {
    executionTimeoutMs: 0,
    idleTimeoutMs: 0,
    streamBufferSize,
  }).executeStream('user', 'Hi');
  const started = performance.now();
  let seen = '';
  const reading = (async () => {
    try {
      for (;;) {
        const { done, value } = await stream.next();
        if (done === true) return 'done';
        seen += contentOf(value);
        if (readEveryMs > 0) await pause(readEveryMs);
      }
    } catch (error) {
      return error instanceof SluiceError ? `${error.code} ${error.phase ?? ''}`.trim() : 'unknown';
    }
  })().then((end) => ({ text: seen, end, atMs: performance.now() - started }));
  await vi.advanceTimersByTimeAsync(forMs);
  return reading;
}

function contentOf(chunk: ExecutionChunk): string {
  return chunk.type === 'content' ? chunk.content : '';
}

function limited(options: TimeoutOptions, answer: Answer): Middleware[] {
  return [timeout(options), provider(model(answer))];
}

describe('timeout', () => {
  test('firstChunkMs ends an attempt whose first chunk is late', async () => {
    const closed: string[] = [];
    const answer = paced([9_000, 0, 0], (error) => closed.push(error.code));
    expect(await run(limited({ firstChunkMs: 5_000 }, answer))).toEqual({
      text: '',
      end: 'timeout first_chunk',
      atMs: 5_000,
    });
    expect(closed).toEqual(['aborted']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('firstChunkMs leaves later chunks alone', async () => {
    const outcome = await run(limited({ firstChunkMs: 5_000 }, paced([4_000, 20_000, 20_000])));
    expect(outcome).toEqual({ text: '0 1 ', end: 'done', atMs: 44_000 });
  });

  test('R5 idleMs ends a stream that stalls, and what was received is delivered', async () => {
    const outcome = await run(limited({ idleMs: 3_000 }, paced([1_000, 2_500, 60_000])));
    expect(outcome).toEqual({ text: '0 1 ', end: 'timeout idle', atMs: 6_500 });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('R5 idleMs also limits the wait for the first chunk, unless firstChunkMs is set', async () => {
    const late = (): Answer => paced([10_000, 0]);
    expect(await run(limited({ idleMs: 3_000 }, late()))).toMatchObject({ end: 'timeout idle', atMs: 3_000 });
    expect(await run(limited({ idleMs: 3_000, firstChunkMs: 0 }, late()))).toMatchObject({ end: 'done' });
    expect(await run(limited({ idleMs: 3_000, firstChunkMs: 8_000 }, late()))).toMatchObject({
      end: 'timeout first_chunk',
      atMs: 8_000,
    });
  });

  test('the idle limit is exact after a long first wait', async () => {
    const answer = paced([7_900, 60_000, 0]);
    expect(await run(limited({ idleMs: 3_000, firstChunkMs: 8_000 }, answer))).toEqual({
      text: '0 ',
      end: 'timeout idle',
      atMs: 10_900,
    });
  });

  test('a consumer that reads slowly does not count as idle', async () => {
    const outcome = await run(limited({ idleMs: 1_000 }, paced([0, 500, 500, 500])), 20_000);
    expect(outcome).toMatchObject({ text: '0 1 2 ', end: 'done' });
  });

  test('a stall is also found with a slow consumer', async () => {
    const outcome = await run(limited({ idleMs: 1_000 }, paced([0, 0, 60_000])), 5_000);
    expect(outcome).toEqual({ text: '0 1 ', end: 'timeout idle', atMs: 11_000 });
  });

  test('a stall is found above and below generators that hold chunks back', async () => {
    const hold: Middleware = async function* hold(_context, next) {
      const held = [];
      for await (const chunk of next()) {
        held.push(chunk);
        if (held.length === 2) yield* held.splice(0);
      }
    };
    const batch = Array.from({ length: 3 }, (_, index) => text(`${index} `));
    const stalling = (): Middleware => {
      let reads = 0;
      return provider({
        name: 'stalling',
        model: 'stalling',
        stream: () =>
          Stream.fromSource<StreamChunk, Reply>({
            pull: () => (reads++ === 0 ? batch.map((chunk) => ({ ...chunk })) : new Promise(() => undefined)),
            close: () => undefined,
          }),
      });
    };
    const above = await run([hold, timeout({ idleMs: 1_000 }), hold, stalling()]);
    expect(above).toEqual({ text: '0 1 ', end: 'timeout idle', atMs: 1_000 });
    const below = await run([hold, hold, timeout({ idleMs: 1_000 }), stalling()]);
    expect(below).toEqual({ text: '0 1 ', end: 'timeout idle', atMs: 1_000 });
  });

  /** An answer without chunks that gives signs of life at these times, in milliseconds. */
  function signs(atMs: readonly number[], sign: LifeSign): Answer {
    return {
      wait: (signal) =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
      asked: ({ call }) => {
        for (const ms of atMs) setTimeout(() => call.alive(sign), ms);
      },
    };
  }

  test.each<[string, TimeoutOptions, LifeSign, string, number]>([
    ['idleMs counts from the last sign of life', { idleMs: 3_000 }, 'alive', 'timeout idle', 8_000],
    [
      'chunkMs does not, before the first chunk',
      { idleMs: 3_000, chunkMs: 4_000 },
      'alive',
      'timeout first_chunk',
      4_000,
    ],
    [
      'chunkMs counts from the last progress',
      { idleMs: 3_000, chunkMs: 2_600 },
      'progress',
      'timeout idle',
      7_600,
    ],
    [
      'firstChunkMs does not count from signs of life',
      { firstChunkMs: 4_000 },
      'alive',
      'timeout first_chunk',
      4_000,
    ],
    [
      'progress ends the wait of firstChunkMs',
      { firstChunkMs: 4_000, idleMs: 6_000 },
      'progress',
      'timeout idle',
      11_000,
    ],
    [
      'firstChunkMs is the only limit of the first wait',
      { firstChunkMs: 9_000, idleMs: 1_000 },
      'alive',
      'timeout first_chunk',
      9_000,
    ],
  ])('R59 %s', async (_what, options, sign, end, atMs) => {
    expect(await run(limited(options, signs([2_500, 5_000], sign)))).toEqual({ text: '', end, atMs });
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each<[TimeoutOptions, number]>([
    [{ idleMs: 10_000 }, 600_000],
    [{ idleMs: 700_000 }, 700_000],
  ])(
    'R59 %j lets a model that is alive think for minutes: chunkMs is long by default',
    async (options, ms) => {
      const alive = Array.from({ length: 200 }, (_, at) => at * 5_000);
      expect(await run(limited(options, signs(alive, 'alive')), 0, 0, 1_500_000)).toEqual({
        text: '',
        end: 'timeout first_chunk',
        atMs: ms,
      });
    },
  );

  test('R59 signs of life after some text keep it, and chunkMs ends it as idle', async () => {
    const answer: Answer = {
      ...paced([0, 0, 60_000]),
      asked: ({ call }) => {
        for (let ms = 1_000; ms < 30_000; ms += 1_000) setTimeout(() => call.alive(), ms);
      },
    };
    expect(await run(limited({ idleMs: 2_000, chunkMs: 20_000 }, answer))).toEqual({
      text: '0 1 ',
      end: 'timeout idle',
      atMs: 20_000,
    });
  });

  test('R59 what a layer below holds back is progress: the model is not silent', async () => {
    const whole: Middleware = async function* whole(_context, next) {
      const held = [];
      for await (const chunk of next()) held.push(chunk);
      yield* held;
    };
    const waits = Array.from({ length: 12 }, () => 2_000);
    expect(
      await run([timeout({ idleMs: 3_000, chunkMs: 3_000 }), whole, provider(model(paced(waits)))]),
    ).toMatchObject({
      end: 'done',
      atMs: 24_000,
    });
    const stalls = await run([
      timeout({ idleMs: 3_000 }),
      whole,
      provider(model(paced([2_000, 2_000, 60_000]))),
    ]);
    expect(stalls).toMatchObject({ text: '', end: 'timeout idle' });
    expect(stalls.atMs).toBeLessThanOrEqual(9_000);
  });

  test('totalMs limits the whole answer, including slow reading', async () => {
    const answer = paced([1_000, 1_000, 1_000, 1_000]);
    expect(await run(limited({ totalMs: 3_500 }, answer))).toEqual({
      text: '0 1 2 ',
      end: 'timeout total',
      atMs: 3_500,
    });
    expect(await run(limited({ totalMs: 3_500 }, paced([0, 0, 0, 0])), 3_000)).toMatchObject({
      end: 'timeout total',
    });
  });

  test.each<[string, Answer, string]>([
    ['an end', paced([10, 10]), 'done'],
    ['an error', { error: new SluiceError('server', 'Broken.') }, 'server'],
  ])('%s leaves no timer', async (_what, answer, end) => {
    const limits = { firstChunkMs: 900_000, idleMs: 900_000, totalMs: 900_000 };
    expect((await run(limited(limits, answer))).end).toBe(end);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a close leaves no timer', async () => {
    const pipeline = new Pipeline(limited({ idleMs: 900_000 }, paced([0, 60_000])), {
      executionTimeoutMs: 0,
      streamBufferSize: 0,
    });
    const stream = pipeline.executeStream('user', 'Hi');
    const first = stream.next();
    await vi.advanceTimersByTimeAsync(1);
    await first;
    await stream.close();
    // What remains is the model's own pause at most.
    await vi.runAllTimersAsync();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('sets one timer for a stream of a thousand chunks', async () => {
    const timers = vi.spyOn(globalThis, 'setTimeout');
    const answer: Answer = { chunks: Array.from({ length: 1_000 }, () => text('x')) };
    const outcome = await run(limited({ firstChunkMs: 1_000, idleMs: 1_000, totalMs: 9_000 }, answer));
    const set = timers.mock.calls.length;
    timers.mockRestore();
    expect(outcome.text).toHaveLength(1_000);
    expect(set).toBe(1);
  });

  test('outside a queue its clock includes the wait, inside it does not', async () => {
    const queue: Middleware = async function queue(context, next) {
      await pause(5_000, context.signal);
      return next();
    };
    const limit = timeout({ firstChunkMs: 4_000 });
    const answering = (): Middleware => provider(model(paced([1_000, 0])));
    expect(await run([limit, queue, answering()])).toMatchObject({ end: 'timeout first_chunk', atMs: 4_000 });
    expect(await run([queue, limit, answering()])).toMatchObject({ end: 'done', atMs: 6_000 });
  });

  test('the error is retryable and says which limit was passed', async () => {
    const never: Provider = {
      ...model(),
      stream: () => Stream.fromSource({ pull: () => new Promise(() => undefined), close: () => undefined }),
    };
    const failing = new Pipeline([timeout({ firstChunkMs: 50 }), provider(never)]).execute('user', 'Hi');
    const checked = expect(failing).rejects.toMatchObject({
      code: 'timeout',
      phase: 'first_chunk',
      retryable: true,
      message: 'The first chunk did not come within 50 ms.',
    });
    await vi.advanceTimersByTimeAsync(50);
    await checked;
  });

  test.each([
    [{}, 'at least one'],
    [{ idleMs: 0 }, 'at least one'],
    [{ idleMs: -1 }, 'idleMs'],
    [{ idleMs: 1, first: 2 }, 'first is not an option'],
    [{ totalMs: Number.POSITIVE_INFINITY }, 'totalMs'],
    [undefined, 'give an object'],
  ])('refuses %j when it is made', (options, message) => {
    expect(() => Reflect.apply(timeout, undefined, [options])).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining(message) }),
    );
  });
});
