import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  PulledBody,
  RAW_BODY,
  drain,
  rawBodyOf,
  readText,
  readyOf,
  type RawBody,
} from '../../../../providers/wire/transport/raw-body.ts';
import { settled } from '../../../core/harness.ts';

const KB = 1_024;

/** A body that a test feeds by hand. */
class HandBody implements RawBody {
  canceled = 0;
  #parts: Uint8Array[] = [];
  #end: 'open' | 'over' | Error = 'open';
  #wake: (() => void) | undefined;

  /** Bytes, a text, or so many letters. */
  give(...parts: (Uint8Array | string | number)[]): this {
    for (const part of parts) {
      const bytes = typeof part === 'number' ? 'a'.repeat(part) : part;
      this.#parts.push(typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
    }
    this.#awaken();
    return this;
  }

  end(error?: Error): this {
    this.#end = error ?? 'over';
    this.#awaken();
    return this;
  }

  take(): readonly Uint8Array[] | undefined {
    const parts = this.#parts.splice(0);
    if (parts.length > 0 || this.#end === 'open') return parts;
    if (this.#end === 'over') return undefined;
    throw this.#end;
  }

  wait(wake: () => void): void {
    if (this.#parts.length > 0 || this.#end !== 'open') wake();
    else this.#wake = wake;
  }

  cancel(): void {
    this.canceled++;
    this.end();
  }

  #awaken(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

describe('the rest of a body', () => {
  it.each([
    ['at once', 64 * KB, 0],
    ['at once, a byte too long', 64 * KB + 1, 1],
  ])('is dropped %s', (_how, size, canceled) => {
    const body = new HandBody().give(size).end();
    drain(body);
    expect(body.canceled).toBe(canceled);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is dropped as it comes, all parts together up to 64 KiB', async () => {
    const body = new HandBody().give(60 * KB);
    drain(body);
    await settled();
    body.give(4 * KB);
    await settled();
    expect([body.canceled, vi.getTimerCount()]).toEqual([0, 1]);
    body.give(1);
    await settled();
    expect([body.canceled, vi.getTimerCount()]).toEqual([1, 0]);
  });

  it('that comes to its end is not canceled, and stops the timer', async () => {
    const body = new HandBody();
    drain(body);
    await settled();
    body.give(1).end();
    await settled();
    expect([body.canceled, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it('is canceled after half a second', async () => {
    const body = new HandBody();
    drain(body);
    await vi.advanceTimersByTimeAsync(499);
    expect(body.canceled).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect([body.canceled, vi.getTimerCount()]).toEqual([1, 0]);
  });

  it.each(['before', 'after'])(
    'that breaks %s somebody waits for it is canceled, and nothing throws',
    async (when) => {
      const body = new HandBody();
      if (when === 'before') body.end(new Error('reset'));
      drain(body);
      await settled();
      if (when === 'after') body.end(new Error('reset'));
      await settled();
      expect([body.canceled, vi.getTimerCount()]).toEqual([1, 0]);
    },
  );
});

describe('a body as text', () => {
  it('is joined over characters that are cut, and whole', async () => {
    const body = new HandBody();
    const read = readText(body, 100);
    for (const byte of Buffer.from('grün😀')) {
      body.give(Uint8Array.of(byte));
      await settled();
    }
    body.end();
    expect(await read).toEqual({ text: 'grün😀', whole: true });
  });

  it('that ends within a character says so', async () => {
    const body = new HandBody().give(Buffer.from('ü').subarray(0, 1)).end();
    expect(await readText(body, 100)).toEqual({ text: '\ufffd', whole: true });
  });

  it.each([
    [10, { text: 'aaaaaaaaaa', whole: true }, 0],
    [9, { text: 'aaaaaaaaa', whole: false }, 1],
    [5, { text: 'aaaaa', whole: false }, 1],
  ])('of 10 bytes, of which %i are read', async (most, expected, canceled) => {
    const body = new HandBody().give(6, 4).end();
    expect(await readText(body, most)).toEqual(expected);
    expect(body.canceled).toBe(canceled);
  });

  it('that breaks has what came before, and the error', async () => {
    const failure = new Error('reset');
    expect(await readText(new HandBody().give('ab').end(failure), 10)).toEqual({
      text: 'ab',
      whole: false,
      failure,
    });
  });

  it('is cut after a silence, which each byte ends, and after a time in all', async () => {
    const limits = { silence: 500, total: 2_000 };
    const silent = new HandBody();
    const cut = readText(silent, 100, limits);
    await vi.advanceTimersByTimeAsync(400);
    silent.give('a');
    await vi.advanceTimersByTimeAsync(499);
    expect(silent.canceled).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect([await cut, silent.canceled]).toEqual([{ text: 'a', whole: false }, 1]);
    expect(vi.getTimerCount()).toBe(0);

    const slow = new HandBody();
    const late = readText(slow, 100, limits);
    for (let time = 0; time < 1_900; time += 100) {
      await vi.advanceTimersByTimeAsync(100);
      slow.give('a');
    }
    await vi.advanceTimersByTimeAsync(99);
    expect(slow.canceled).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect([(await late).whole, slow.canceled, vi.getTimerCount()]).toEqual([false, 1, 0]);
  });

  it('without limits waits as long as it takes', async () => {
    const body = new HandBody();
    const read = readText(body, 100);
    await vi.advanceTimersByTimeAsync(100_000);
    body.give('a').end();
    expect(await read).toEqual({ text: 'a', whole: true });
  });
});

describe('a body over a function', () => {
  it('asks only if somebody waits, and gives each part once', async () => {
    const parts = [Buffer.from('a'), Buffer.from('b'), undefined];
    let asked = 0;
    const body = new PulledBody(async () => parts[asked++]);
    expect([body.take(), asked]).toEqual([[], 0]);
    await readyOf(body);
    await readyOf(body);
    expect([body.take(), body.take(), asked]).toEqual([[Buffer.from('a')], [], 1]);
    await readyOf(body);
    expect(body.take()).toEqual([Buffer.from('b')]);
    await readyOf(body);
    await readyOf(body);
    expect([body.take(), asked]).toEqual([undefined, 3]);
  });

  it('throws its first error again and again', async () => {
    const body = new PulledBody(() => Promise.reject(new Error('reset')));
    await readyOf(body);
    await readyOf(body);
    expect(() => body.take()).toThrow('reset');
    expect(() => body.take()).toThrow('reset');
  });

  it('that is canceled wakes who waits, drops what comes, and cancels once', async () => {
    const reasons: unknown[] = [];
    const answer = Promise.withResolvers<Uint8Array>();
    const body = new PulledBody(
      () => answer.promise,
      (reason) => reasons.push(reason),
    );
    const ready = readyOf(body);
    body.cancel('enough');
    body.cancel('again');
    await ready;
    answer.resolve(Buffer.from('late'));
    await settled();
    expect([body.take(), reasons]).toEqual([undefined, ['enough']]);
  });

  it('that is canceled drops what it has', async () => {
    const body = new PulledBody(async () => Buffer.from('a'));
    await readyOf(body);
    body.cancel();
    expect(body.take()).toBeUndefined();
  });

  it('that has ended is not canceled', async () => {
    const reasons: unknown[] = [];
    const body = new PulledBody(
      async () => undefined,
      (reason) => reasons.push(reason),
    );
    await readyOf(body);
    body.cancel('late');
    expect(reasons).toEqual([]);
  });
});

describe('the body of a response', () => {
  const response = (own: unknown, text: string | null = 'text') =>
    Object.assign(new Response(text), { [RAW_BODY]: own });

  it('is ours if the response carries one that nobody has read', async () => {
    const own = new HandBody();
    expect(rawBodyOf(response(own))).toBe(own);
    const used = response(own);
    await used.text();
    expect(() => rawBodyOf(used)).toThrow();
  });

  it.each([[null], [5], [{}], [{ take: 1 }], [{ wait: 1 }]])(
    'is its stream if it carries %j',
    async (own) => {
      expect(await readText(rawBodyOf(response(own)), 100)).toEqual({ text: 'text', whole: true });
    },
  );

  it('may be missing, of strings, or of something else', async () => {
    expect(await readText(rawBodyOf(new Response(null)), 100)).toEqual({ text: '', whole: true });
    for (const [chunk, expected] of [
      ['grün', { text: 'grün', whole: true }],
      [5, { text: '', whole: false, failure: { code: 'protocol' } }],
    ] as const) {
      const stream = new ReadableStream({
        start(controller) {
          controller.enqueue(chunk);
          controller.close();
        },
      });
      const body = rawBodyOf(Object.defineProperty(new Response('x'), 'body', { value: stream }));
      expect(await readText(body, 100)).toMatchObject(expected);
    }
  });

  it('that is canceled cancels the stream', async () => {
    const reasons: unknown[] = [];
    const stream = new ReadableStream({ cancel: (reason) => void reasons.push(reason) });
    rawBodyOf(new Response(stream)).cancel('enough');
    await settled();
    expect(reasons).toEqual(['enough']);
  });
});
