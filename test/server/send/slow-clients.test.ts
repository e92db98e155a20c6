import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { pipeToNode, pipeToWebSocket, sseResponse } from 'sluice/server';
import { scripted } from 'sluice/testing';
import { dataOf, eventsOf } from '../support.ts';
import { liveStream } from '../../../server/stream/live.ts';
import type { SentItem, SentStream } from '../../../server/stream/sent-stream.ts';

const PIECES = 30;
const long = { text: Array.from({ length: PIECES }, () => 'x'.repeat(10_000)), batchSize: 1 };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a response of Node that takes no more', () => {
  test('gets the next event when it has drained', async () => {
    const model = scripted(long);
    const stream = new Pipeline([provider(model)]).executeStream('user', 'Hi');
    const response = new SlowResponse();
    const sending = pipeToNode(stream, response);
    await vi.advanceTimersByTimeAsync(0);
    expect(response.written).toHaveLength(1);
    response.emit('drain');
    await vi.advanceTimersByTimeAsync(0);
    expect(response.written).toHaveLength(2);
    expect(model.calls[0]?.chunks).toBeLessThan(20);
    response.isSlow = false;
    response.emit('drain');
    await sending;
    expect(response.written).toHaveLength(PIECES + 2);
    expect(response.writableEnded).toBe(true);
    expect(response.listenerCount('drain') + response.listenerCount('close')).toBe(0);
  });

  test('is cut off after slowClientMs, and the call is cancelled', async () => {
    const stream = new Pipeline([provider(scripted(long))]).executeStream('user', 'Hi');
    const response = new SlowResponse();
    const sending = pipeToNode(stream, response, { slowClientMs: 30_000 });
    await vi.advanceTimersByTimeAsync(29_999);
    expect(response.destroyed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await sending;
    expect([response.destroyed, response.writableEnded]).toEqual([true, false]);
    await expect(stream.result).rejects.toMatchObject({ code: 'aborted' });
  });

  test('gets no heartbeats on top of what waits for it', async () => {
    const stream = new Pipeline([provider(scripted(long))]).executeStream('user', 'Hi');
    const response = new SlowResponse();
    void pipeToNode(stream, response, { slowClientMs: 30_000, heartbeatMs: 1_000 });
    await vi.advanceTimersByTimeAsync(29_000);
    expect(response.written).toHaveLength(1);
    response.destroy();
    await expect(stream.result).rejects.toMatchObject({ code: 'aborted' });
  });

  test('gets no head if its client has left before the first chunk', async () => {
    const model = scripted({ hang: true });
    const stream = new Pipeline([provider(model)]).executeStream('user', 'Hi');
    const response = new SlowResponse();
    const writeHead = vi.spyOn(response, 'writeHead');
    const sending = pipeToNode(stream, response);
    await model.nextCall();
    response.destroy();
    await sending;
    expect([writeHead.mock.calls, response.written]).toEqual([[], []]);
    await expect(stream.result).rejects.toMatchObject({ code: 'aborted' });
  });

  test('is not waited for if it is gone', async () => {
    const stream = new Pipeline([provider(scripted(long))]).executeStream('user', 'Hi');
    const response = new SlowResponse();
    // As a socket that breaks at a write.
    const write = vi.fn(() => {
      response.destroyed = true;
      return false;
    });
    response.write = write;
    await pipeToNode(stream, response);
    expect(write).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe.each([
  ['tells when a text has left', true],
  ['only tells how much waits', false],
])('a socket that takes no more, and %s', (_what, tells) => {
  test('is waited for, and the model with it', async () => {
    const model = scripted(long);
    const stream = new Pipeline([provider(model)]).executeStream('user', 'Hi');
    const socket = tells ? new TellingSocket() : new SilentSocket();
    const sending = pipeToWebSocket(stream, socket);
    await vi.advanceTimersByTimeAsync(1_000);
    // 65,536 bytes may wait: that is the start and seven pieces.
    expect(socket.sent).toHaveLength(8);
    expect(model.calls[0]?.chunks).toBeLessThan(20);
    socket.take(20_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(socket.sent).toHaveLength(10);
    socket.isSlow = false;
    socket.take(100_000);
    await vi.advanceTimersByTimeAsync(1_000);
    await sending;
    expect(socket.sent).toHaveLength(PIECES + 2);
    expect(socket.listeners.size).toBe(0);
  });

  test('is ended after slowClientMs, and the call is cancelled', async () => {
    const stream = new Pipeline([provider(scripted(long))]).executeStream('user', 'Hi');
    const socket = tells ? new TellingSocket() : new SilentSocket();
    const sending = pipeToWebSocket(stream, socket, { slowClientMs: 30_000 });
    await vi.advanceTimersByTimeAsync(29_999);
    expect(socket.readyState).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    await sending;
    expect([socket.readyState, socket.code]).toEqual([3, 1011]);
    await expect(stream.result).rejects.toMatchObject({ code: 'aborted' });
  });

  test('is not waited for if it closes', async () => {
    const stream = new Pipeline([provider(scripted(long))]).executeStream('user', 'Hi');
    const socket = tells ? new TellingSocket() : new SilentSocket();
    const sending = pipeToWebSocket(stream, socket, { slowClientMs: 30_000 });
    await vi.advanceTimersByTimeAsync(100);
    socket.close();
    await vi.advanceTimersByTimeAsync(100);
    await sending;
    await expect(stream.result).rejects.toMatchObject({ code: 'aborted' });
    expect([socket.sent.length, socket.listeners.size, vi.getTimerCount()]).toEqual([8, 0, 0]);
  });
});

test('a body that is left while it is full is not waited for', async () => {
  const stream = new Pipeline([provider(scripted(long))]).executeStream('user', 'Hi');
  const response = await sseResponse(stream, { slowClientMs: 30_000 });
  await vi.advanceTimersByTimeAsync(0);
  await response.body?.cancel();
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(0);
  await expect(stream.result).rejects.toMatchObject({ code: 'aborted' });
});

test('a stream that begins after its headers were sent loses nothing, and repeats nothing', async () => {
  const model = scripted('One two');
  const live = liveStream(new Pipeline([provider(model)]).executeStream('user', 'Hi'), { turnId: 't1' });
  const ready = Promise.withResolvers<void>();
  // As a log that answers late.
  const slow: SentStream = {
    next: async (): Promise<SentItem[] | undefined> => {
      await ready.promise;
      return live.next();
    },
    close: (reason) => live.close(reason),
  };
  const answering = sseResponse(slow, { statusWaitMs: 5_000 });
  await vi.advanceTimersByTimeAsync(5_000);
  const response = await answering;
  ready.resolve();
  expect(dataOf(await eventsOf(response)).map(({ type, content }) => content ?? type)).toEqual([
    ...['start', 'One ', 'two', 'end'],
  ]);
});

/** As a response of Node whose client reads slowly. */
class SlowResponse extends EventEmitter {
  statusCode = 200;
  writableEnded = false;
  destroyed = false;
  isSlow = true;
  readonly written: string[] = [];

  writeHead(): void {
    // Nobody looks at the head.
  }

  write(text: string): boolean {
    this.written.push(text);
    return !this.isSlow;
  }

  end(): void {
    this.writableEnded = true;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

/** As the sockets of browsers, which ignore a second argument. */
class SilentSocket {
  readyState = 1;
  bufferedAmount = 0;
  isSlow = true;
  code: number | undefined;
  readonly sent: string[] = [];
  readonly listeners = new Set<() => void>();

  send(text: string): void {
    this.sent.push(text);
    if (this.isSlow) this.bufferedAmount += text.length;
  }

  /** So many bytes have left. */
  take(bytes: number): void {
    this.bufferedAmount = Math.max(0, this.bufferedAmount - bytes);
  }

  close(code?: number): void {
    this.readyState = 3;
    this.code = code;
    for (const listener of this.listeners) listener();
  }

  addEventListener(_event: 'close', listener: () => void): void {
    this.listeners.add(listener);
  }

  removeEventListener(_event: 'close', listener: () => void): void {
    this.listeners.delete(listener);
  }
}

/** As the sockets of `ws`. */
class TellingSocket extends SilentSocket {
  readonly #waiting: { bytes: number; sent: (() => void) | undefined }[] = [];

  override send(text: string, sent?: () => void): void {
    this.sent.push(text);
    if (this.isSlow) this.#waiting.push({ bytes: text.length, sent });
    else sent?.();
  }

  override take(bytes: number): void {
    for (let left = bytes; left > 0 && this.#waiting.length > 0;) {
      const first = this.#waiting.shift();
      left -= first?.bytes ?? 0;
      first?.sent?.();
    }
  }
}
