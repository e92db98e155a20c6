import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError, Stream, end } from 'sluice';
import type { Middleware, Reply, StreamChunk, StreamEnd } from 'sluice';
import { Feed, chunks, collect } from '../support/feed.ts';
import { Model, answers, failureOf, says, settled, stop, text, texts } from './harness.ts';

/** A stream that says in a log when it is read and closed. */
function logged<C>(log: string[], name: string, ...batches: (readonly C[])[]): Stream<C, string> {
  return Stream.fromSource<C, string>({
    async pull() {
      await Promise.resolve();
      const batch = batches.shift();
      log.push(batch === undefined ? `${name} ended` : `${name} read`);
      return batch ?? end(`reply of ${name}`);
    },
    close: ({ code }) => void log.push(`${name} closed: ${code}`),
  });
}

describe('a stream that is followed by others', () => {
  test('gives the chunks of all, and ends with the reply of the last', async () => {
    const replies: string[] = [];
    const log: string[] = [];
    const more = [logged(log, 'b', [3]), logged<number>(log, 'c'), logged(log, 'd', [4], [5, 6])];
    const stream = logged(log, 'a', [1, 2]).followedBy((reply) => {
      replies.push(reply);
      return more.shift();
    });
    expect(await collect(stream)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await stream.result).toBe('reply of d');
    expect(replies).toEqual(['reply of a', 'reply of b', 'reply of c', 'reply of d']);
    expect(log).toEqual(['a read', 'a ended', 'b read', 'b ended', 'c ended', 'd read', 'd read', 'd ended']);
  });

  test('opens the next one after the end of the one before, not earlier', async () => {
    const log: string[] = [];
    const second = Stream.fromSource<number, string>(() => {
      log.push('b opened');
      return { pull: () => end('over'), close: () => undefined };
    });
    let isAsked = false;
    const stream = logged(log, 'a', [1]).followedBy(() => (isAsked ? undefined : ((isAsked = true), second)));
    await stream.next();
    await settled();
    expect(log).toEqual(['a read']);
    expect((await stream.next()).done).toBe(true);
    expect(log).toEqual(['a read', 'a ended', 'b opened']);
  });

  test('ends with another reply, if that is what follows', async () => {
    const stream = Stream.from([1], 'one').followedBy(() => 'another');
    expect(await collect(stream)).toEqual([1]);
    expect(await stream.result).toBe('another');
  });

  test('waits for a promise of what follows', async () => {
    let asked = 0;
    const stream = Stream.from([1], 'one').followedBy(async () => {
      await settled();
      return asked++ === 0 ? Stream.from([2], 'two') : 'three';
    });
    expect(await collect(stream)).toEqual([1, 2]);
    expect(await stream.result).toBe('three');
  });

  test('goes on with a stream that has been started, from its first chunk', async () => {
    const next = logged<number>([], 'next', [2, 3], [4]);
    let asked = 0;
    const stream = Stream.from([1], 'one').followedBy(async () => {
      await next.ready();
      return asked++ === 0 ? next : undefined;
    });
    expect(await collect(stream)).toEqual([1, 2, 3, 4]);
    expect(await stream.result).toBe('reply of next');
  });

  test('shows its taps and maps all chunks, and the end once', async () => {
    const seen: unknown[] = [];
    let asked = 0;
    const stream = Stream.from([1, 2], 'one')
      .tap({ chunk: (n) => seen.push(`first ${n}`), end: ({ reply }) => seen.push(`first ${reply}`) })
      .followedBy(() => (asked++ === 0 ? Stream.from([3], 'two') : undefined))
      .tap({ chunk: (n) => seen.push(`all ${n}`), end: ({ reply }) => seen.push(`all ${reply}`) })
      .map((n) => n * 10);
    expect(await collect(stream)).toEqual([10, 20, 30]);
    expect(seen).toEqual(['first 1', 'all 1', 'first 2', 'all 2', 'first one', 'all 3', 'all two']);
  });

  test('does not pile up calls when all of it answers at once', async () => {
    let left = 20_000;
    const stream = Stream.from([0], 0).followedBy(() => (left-- > 0 ? Stream.from([left], left) : undefined));
    let count = 0;
    for await (const _chunk of stream) count++;
    expect(count).toBe(20_001);
  });

  test('goes on after a generator that has given many chunks', async () => {
    const many: Middleware = async function* many(_context, next) {
      for (let at = 0; at < 100; at++) yield text('a');
      return yield* next();
    };
    const twice: Middleware = function twice(_context, next) {
      let rounds = 1;
      return next().followedBy(() => (rounds++ < 3 ? next() : undefined));
    };
    const { response } = await new Pipeline([twice, many, says('b')]).execute('user', 'hi');
    expect(response.content).toBe(`${'a'.repeat(100)}b`.repeat(3));
  });

  test('may be handed on by a view, and be followed itself', async () => {
    const once = (): ((reply: string) => Stream<string, string> | undefined) => {
      let asked = 0;
      return (reply) => (asked++ === 0 ? Stream.from([`after ${reply}`], `more of ${reply}`) : undefined);
    };
    const stream = Stream.from(['x'], 'x')
      .followedBy(once())
      .followedBy(once())
      .filter((piece) => piece !== 'x');
    expect(await collect(stream)).toEqual(['after x', 'after more of x']);
    expect(await stream.result).toBe('more of more of x');
  });
});

describe('an error', () => {
  test('of the stream ends it, and nothing follows', async () => {
    const ends: unknown[] = [];
    const asked: string[] = [];
    const feed = new Feed();
    feed.give(chunks('a'), new SluiceError('server', 'down'));
    const stream = feed.stream
      .followedBy((reply) => void asked.push(reply))
      .tap({ end: ({ error }) => ends.push(error?.code) });
    await stream.next();
    expect(await failureOf(stream.next())).toMatchObject({ code: 'server' });
    expect([asked, ends]).toEqual([[], ['server']]);
  });

  test('of a stream that follows ends it', async () => {
    const broken = Stream.fromSource<number, string>({
      pull: () => Promise.reject(new SluiceError('server', 'down')),
      close: () => undefined,
    });
    const stream = Stream.from([1], 'one').followedBy(() => broken);
    await stream.next();
    expect(await failureOf(stream.next())).toMatchObject({ code: 'server' });
    expect(await failureOf(stream.result)).toMatchObject({ code: 'server' });
  });

  test.each<[string, () => Stream<StreamChunk, Reply> | Promise<undefined>]>([
    [
      'that is thrown',
      () => {
        throw new RangeError('no');
      },
    ],
    ['that a promise rejects with', () => Promise.reject(new RangeError('no'))],
  ])('of the function %s names the middleware', async (_, follow) => {
    const ends: StreamEnd<Reply>[] = [];
    const wrong: Middleware = function wrong(_context, next) {
      return next()
        .followedBy(follow)
        .tap({ end: (ended) => ends.push(ended) });
    };
    const error = await failureOf(new Pipeline([wrong, says('a')]).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'middleware', middleware: 'wrong', cause: new RangeError('no') });
    expect(error.partial?.content).toBe('a');
    expect(ends.map(({ outcome }) => outcome)).toEqual(['failed']);
  });

  test('says what to give instead of no function', () => {
    const stream = Stream.from([1], 'one');
    expect(() => Reflect.apply(stream.followedBy, stream, ['x'])).toThrow(
      'followedBy() was given a string: give a function.',
    );
  });

  test('says what to give instead of a generator', async () => {
    const stream = Stream.from([1], 'one');
    async function* more() {
      yield 2;
    }
    const wrong: Stream<number, string> = Reflect.apply(stream.followedBy, stream, [more]);
    await wrong.next();
    expect((await failureOf(wrong.next())).message).toBe(
      'followedBy() was given an iterator to go on with: give a stream, as Stream.from() makes one.',
    );
  });

  test.each<[string, (own: Stream<StreamChunk, Reply>, next: () => Stream<StreamChunk, Reply>) => unknown]>([
    ['the stream that has ended', (own) => own],
    [
      'one that another stream reads',
      (_own, next) => {
        const other = next();
        void other.map((chunk) => chunk).next();
        return other;
      },
    ],
  ])('names the middleware that goes on with %s', async (_, follow) => {
    const wrong: Middleware = function wrong(_context, next) {
      const own = next();
      return Reflect.apply(own.followedBy, own, [() => follow(own, next)]);
    };
    const error = await failureOf(new Pipeline([wrong, says('a')]).execute('user', 'hi'));
    expect(error.message).toMatch(/^Middleware "wrong" went on with a stream that is handed on already/);
  });

  test('names the middleware that goes on with its own stream', async () => {
    const wrong: Middleware = function wrong(_context, next) {
      const stream: Stream<StreamChunk, Reply> = next().followedBy(() => stream);
      return stream;
    };
    const error = await failureOf(new Pipeline([wrong, says('a')]).execute('user', 'hi'));
    expect(error.message).toMatch(/^Middleware "wrong" went on with a stream that is handed on already/);
  });

  test('names the middleware that goes on with a stream that it has read', async () => {
    const wrong: Middleware = function wrong(_context, next) {
      return next().followedBy(async () => {
        const other = next();
        while ((await other.next()).done !== true);
        return other;
      });
    };
    const error = await failureOf(new Pipeline([wrong, says('a')]).execute('user', 'hi'));
    expect(error.message).toMatch(/^Middleware "wrong" went on with a stream that it had read to its end/);
  });
});

describe('a close', () => {
  const twoOf = (log: string[]): Stream<number, string> => {
    const more = [logged(log, 'b', [3], [4])];
    const ended = (name: string) => ({
      end: ({ outcome }: StreamEnd<string>) => void log.push(`${name} ${outcome}`),
    });
    const first = logged(log, 'a', [1]).tap(ended('first'));
    return first.followedBy(() => more.shift()?.tap(ended('second'))).tap(ended('all'));
  };

  test('ends the stream that is read, and not those that have ended', async () => {
    const log: string[] = [];
    const stream = twoOf(log);
    await stream.next();
    await stream.next();
    await stream.close();
    expect(log).toEqual([
      'a read',
      'a ended',
      'first completed',
      'b read',
      'b closed: aborted',
      'second cancelled',
      'all cancelled',
    ]);
    expect(await failureOf(stream.result)).toMatchObject({ code: 'aborted' });
  });

  test('of a stream that has ended changes nothing', async () => {
    const log: string[] = [];
    const first = logged(log, 'a', [1]);
    let asked = 0;
    const stream = first.followedBy(() => (asked++ === 0 ? logged(log, 'b', [2]) : undefined));
    await stream.next();
    await stream.next();
    await first.close();
    first.abort(new SluiceError('timeout', 'Too late.'));
    expect((await stream.next()).done).toBe(true);
    expect(await first.result).toBe('reply of a');
    expect(await stream.result).toBe('reply of b');
    expect(log).not.toContain('b closed: aborted');
  });

  test('before its first read frees the stream that it would read', async () => {
    const log: string[] = [];
    const first = new Feed();
    const stream = first.stream.followedBy(() => void log.push('asked'));
    await stream.close();
    expect(await failureOf(first.stream.result)).toMatchObject({ code: 'aborted' });
    expect(log).toEqual([]);
  });

  test('while it is not known what follows waits for that, and closes what comes', async () => {
    const log: string[] = [];
    const answer = Promise.withResolvers<Stream<number, string>>();
    const stream = Stream.from([1], 'one')
      .followedBy(() => answer.promise)
      .tap({ end: ({ outcome }) => void log.push(`all ${outcome}`) });
    await stream.next();
    const read = stream.next();
    await settled();
    const closed = stream.close().then(() => log.push('closed'));
    await settled();
    expect(log).toEqual([]);
    answer.resolve(logged(log, 'b', [2]).tap({ end: ({ outcome }) => void log.push(`b ${outcome}`) }));
    await closed;
    await settled();
    expect(await read).toEqual({ done: true, value: undefined });
    expect(log.toSorted()).toEqual(['all cancelled', 'b cancelled', 'closed']);
  });
});

describe('in a pipeline, a layer that goes on', () => {
  /** Asks again as long as the answer was cut off. */
  const whole: Middleware = function whole(_context, next) {
    return next().followedBy(({ finishReason }) => (finishReason === 'length' ? next() : undefined));
  };

  test('makes one call after the other, each with its number, span and usage', async () => {
    const model = answers(
      [texts('a', 'b'), stop({ finishReason: 'length' })],
      [texts('c'), stop({ finishReason: 'length' })],
      [texts('d'), stop({ model: 'the last' })],
    );
    const stream = new Pipeline([whole, model.middleware]).executeStream('user', 'hi');
    const seen: string[] = [];
    for await (const chunk of stream)
      if (chunk.type === 'content') seen.push(`${chunk.call} ${chunk.index} ${chunk.content}`);
    const { response, trace, model: named } = await stream.result;
    expect(seen).toEqual(['1 0 a', '1 1 b', '2 2 c', '3 3 d']);
    expect(response).toMatchObject({ content: 'abcd', finishReason: 'stop' });
    expect(named).toBe('the last');
    expect(trace.filter(({ kind }) => kind === 'call').map(({ outcome }) => outcome)).toEqual([
      'completed',
      'completed',
      'completed',
    ]);
  });

  test('tells the taps below it of the end of each call, and those above it of one end', async () => {
    const log: string[] = [];
    const told = (name: string): Middleware =>
      function told(context, next) {
        return next().tap({
          call: ({ number }) => void log.push(`${name} call ${number}`),
          end: ({ outcome }) => void log.push(`${name} ${outcome} ${context.signal.aborted}`),
        });
      };
    const model = answers([texts('a'), stop({ finishReason: 'length' })], [texts('b'), stop()]);
    await new Pipeline([told('above'), whole, told('below'), model.middleware]).execute('user', 'hi');
    expect(log).toEqual([
      'above call 1',
      'below call 1',
      'below completed false',
      'above call 2',
      'below call 2',
      'below completed false',
      'above completed false',
    ]);
  });

  test('may put chunks of its own between two calls, which get the number of what came last', async () => {
    const between: Middleware = function between(_context, next) {
      const more = [
        () => Stream.from<StreamChunk, Reply>([text(' + ')], { finishReason: 'other' }),
        () => next(),
      ];
      return next().followedBy(() => more.shift()?.());
    };
    const stream = new Pipeline([between, says('a')]).executeStream('user', 'hi');
    const seen: string[] = [];
    for await (const chunk of stream)
      if (chunk.type === 'content') seen.push(`${chunk.call}:${chunk.content}`);
    expect(seen).toEqual(['1:a', '1: + ', '2:a']);
  });

  test('makes no call after an interrupt', async () => {
    const model = new Model().give(texts('a'), stop({ finishReason: 'length' }), texts('b'), stop());
    const interrupting: Middleware = function interrupting(context, next) {
      return next().tap(() => context.interrupt('enough'));
    };
    const result = await new Pipeline([interrupting, whole, model.middleware]).execute('user', 'hi');
    expect(result).toMatchObject({ outcome: 'interrupted', reason: 'enough' });
    expect(model.calls).toHaveLength(1);
  });

  test('is cut by a time limit of the call that runs, not by that of one that has ended', async () => {
    const streams: Stream<StreamChunk, Reply>[] = [];
    const keeping: Middleware = function keeping(_context, next) {
      const stream = next();
      streams.push(stream);
      return stream.tap(() => undefined);
    };
    const model = new Model().give(texts('a'), stop({ finishReason: 'length' }), texts('b'));
    const stream = new Pipeline([whole, keeping, model.middleware]).executeStream('user', 'hi');
    await stream.next();
    await stream.next();
    streams[0]?.abort(new SluiceError('timeout', 'Of the first call.'));
    model.give(texts('c'));
    expect(await stream.next()).toMatchObject({ value: { content: 'c', call: 2 } });
    streams[1]?.abort(new SluiceError('timeout', 'Of the second call.'));
    expect((await failureOf(stream.next())).message).toBe('Of the second call.');
    expect(model.log).toEqual(['model 1 called', 'model 2 called', 'model 2 closed: aborted']);
  });
});
