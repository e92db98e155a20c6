import { describe, expect, it } from 'vitest';
import { Pipeline, SluiceError, Stream, end, terminal } from '../../src/index.ts';
import type { Middleware, Reply, StreamChunk } from '../../src/index.ts';

const REPLY: Reply = { finishReason: 'stop' };

/** A model that gives these reads, one batch each. */
function model(...reads: string[][]): Middleware {
  return terminal({ name: 'model' }, () => {
    const left = reads.map((texts) =>
      texts.map((content): StreamChunk => ({ type: 'content', content, call: 0 })),
    );
    return Stream.fromSource<StreamChunk, Reply>({
      pull: async () => left.shift() ?? end(REPLY),
      close: () => undefined,
    });
  });
}

/** Looks at each chunk of what is below. */
const watching = (name: string, seen: string[]): Middleware =>
  function watch(_context, next) {
    return next().tap({
      chunk: (chunk) => void seen.push(`${name} ${chunk.type === 'content' ? chunk.content : chunk.type}`),
      end: ({ outcome }) => void seen.push(`${name} ${outcome}`),
    });
  };

/** Hands on a stream that it has started, and read so many chunks of. */
const starting = (taken = 0): Middleware =>
  async function starting(_context, next) {
    const stream = next();
    await stream.ready();
    for (let count = 0; count < taken; count++) await stream.next();
    return stream;
  };

describe('a stream that was started before it is handed on', () => {
  it('shows each chunk once to the taps below and above, in order', async () => {
    const seen: string[] = [];
    const stack = [watching('above', seen), starting(), watching('below', seen), model(['a', 'b'], ['c'])];
    expect(await new Pipeline(stack).executeStream('user', 'Hi').text()).toBe('abc');
    expect(seen.filter((line) => line.startsWith('below'))).toEqual([
      'below a',
      'below b',
      'below c',
      'below completed',
    ]);
    expect(seen.filter((line) => line.startsWith('above'))).toEqual([
      'above a',
      'above b',
      'above c',
      'above completed',
    ]);
    expect(seen.indexOf('below b')).toBeLessThan(seen.indexOf('above a'));
  });

  it('gives on what its body left of it, through two layers that start it', async () => {
    const seen: string[] = [];
    const stack = [starting(1), watching('above', seen), starting(1), model(['a', 'b', 'c'], ['d'])];
    expect(await new Pipeline(stack).executeStream('user', 'Hi').text()).toBe('cd');
    expect(seen).toEqual(['above b', 'above c', 'above d', 'above completed']);
  });

  it('is cut by a tap above at the chunk that was read ahead', async () => {
    const seen: string[] = [];
    const strict: Middleware = function strict(_context, next) {
      const stream = next();
      return stream.tap((chunk) => {
        if (chunk.type === 'content' && chunk.content === 'b')
          stream.abort(new SluiceError('guard', 'No b.'));
      });
    };
    const stack = [watching('above', seen), strict, starting(), model(['a', 'b', 'c'], ['d'])];
    const stream = new Pipeline(stack).executeStream('user', 'Hi');
    expect(await stream.next()).toMatchObject({ value: { content: 'a' } });
    expect(await stream.next()).toMatchObject({ value: { content: 'b' } });
    await expect(stream.next()).rejects.toMatchObject({ code: 'guard', partial: { content: 'ab' } });
    expect(seen).toEqual(['above a', 'above b', 'above failed']);
  });

  it('is read as it is while somebody still waits for a read of it', async () => {
    const gate = Promise.withResolvers<void>();
    const slow = terminal({ name: 'slow' }, () => {
      let reads = 0;
      return Stream.fromSource<StreamChunk, Reply>({
        pull: async () => {
          if (reads++ > 0) await gate.promise;
          if (reads > 3) return end(REPLY);
          return [{ type: 'content', content: String(reads), call: 0 }];
        },
        close: () => undefined,
      });
    });
    let taken: Promise<unknown> | undefined;
    const impatient: Middleware = async function impatient(_context, next) {
      const stream = next();
      await stream.ready();
      await stream.next();
      taken = stream.next();
      return stream;
    };
    const stream = new Pipeline([impatient, slow]).executeStream('user', 'Hi');
    const text = stream.text();
    gate.resolve();
    expect(await text).toBe('3');
    expect(await taken).toMatchObject({ value: { content: '2' } });
  });
});
