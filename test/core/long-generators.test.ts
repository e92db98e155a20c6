import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError } from 'sluice';
import type { Middleware, Stream, StreamChunk } from 'sluice';
import { failureOf, readAll, settled, shapes, text } from './harness.ts';

// More chunks than a generator has to give before its own promises go to its reader.
const MANY = 100;

const reads = shapes['generator that loops']([], 'reads');

/** A generator that gives many chunks, and then goes on as `then` says. */
const gives = (then: () => AsyncGenerator<StreamChunk, void>): Middleware =>
  async function* gives() {
    for (let index = 0; index < MANY; index++) yield text('x');
    yield* then();
    return { finishReason: 'stop' };
  };

/** A layer that reads many chunks one by one and then does with the stream what a test wants. */
const readsMany = (then: (stream: Stream<StreamChunk, unknown>) => Promise<unknown>): Middleware =>
  async function* readsMany(_context, next) {
    const stream = next();
    for (let index = 0; index < MANY; index++) await stream.next();
    await then(stream);
    return { finishReason: 'stop' };
  };

describe('a generator that has given many chunks', () => {
  test('and then throws fails the read that waits, with everything before it', async () => {
    const down = new SluiceError('overloaded', 'busy');
    const fails = gives(async function* fails() {
      throw down;
    });
    const error = await failureOf(new Pipeline([reads, fails]).execute('user', 'hi'));
    expect(error).toBe(down);
    expect(error.partial?.content).toBe('x'.repeat(MANY));
  });

  test('and then a value that is not a chunk ends as its fault', async () => {
    const odd = gives(async function* odd() {
      yield JSON.parse('{}').chunk;
      yield text('never read');
    });
    const error = await failureOf(new Pipeline([reads, odd]).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'middleware', middleware: 'gives' });
    expect(error.partial?.content).toBe('x'.repeat(MANY));
  });

  test('has its chunks numbered, also one that it gives again and again', async () => {
    const numbers: unknown[] = [];
    const looks: Middleware = async function* looks(_context, next) {
      for await (const chunk of next()) {
        numbers.push(Reflect.get(chunk, 'call'));
        yield chunk;
      }
    };
    const same = Object.freeze(text('x'));
    const repeats: Middleware = async function* repeats() {
      for (let index = 0; index < MANY; index++) yield same;
      return { finishReason: 'stop' };
    };
    const { content } = await readAll(new Pipeline([looks, repeats]).executeStream('user', 'hi'));
    expect(content).toBe('x'.repeat(MANY));
    expect(numbers).toEqual(Array<number>(MANY).fill(1));
  });

  test('gives a read that was under way when its stream was closed nothing more', async () => {
    const gate = Promise.withResolvers<void>();
    const waits = gives(async function* waits() {
      await gate.promise;
      yield text('late');
    });
    const results: unknown[] = [];
    const closes = readsMany(async (stream) => {
      const read = stream.next().then((result) => results.push(result));
      const closed = stream.close();
      await settled();
      gate.resolve();
      await Promise.all([read, closed]);
      results.push(await stream.next());
    });
    await new Pipeline([closes, waits]).execute('user', 'hi');
    expect(results).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
  });

  test('and whose stream is aborted during a read fails that read with the error', async () => {
    const guard = new SluiceError('guard', 'No.');
    const gate = Promise.withResolvers<void>();
    const waits = gives(async function* waits() {
      await gate.promise;
      yield text('late');
    });
    const errors: unknown[] = [];
    const aborts = readsMany(async (stream) => {
      const read = failureOf(stream.next());
      stream.abort(guard);
      await settled();
      gate.resolve();
      errors.push(await read, await failureOf(stream.next()));
    });
    await new Pipeline([aborts, waits]).execute('user', 'hi');
    expect(errors).toEqual([guard, guard]);
  });

  test('answers several reads under way in the order of asking, and then its end', async () => {
    const answers: unknown[] = [];
    const bursts = readsMany(async (stream) => {
      const all = await Promise.all([stream.next(), stream.next(), stream.next(), stream.next()]);
      answers.push(...all);
    });
    const more = gives(async function* more() {
      yield text('a');
      yield text('b');
    });
    await new Pipeline([bursts, more]).execute('user', 'hi');
    expect(answers).toMatchObject([
      { done: false, value: { content: 'a' } },
      { done: false, value: { content: 'b' } },
      { done: true, value: { finishReason: 'stop' } },
      { done: true, value: { finishReason: 'stop' } },
    ]);
  });
});
