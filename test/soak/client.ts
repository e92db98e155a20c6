import { setTimeout as delay } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import type { EventSourceMessage } from 'eventsource-parser';
import { pieceOf } from './model.ts';
import type { Wish } from './model.ts';
import { rawStream } from './raw-stream.ts';
import type { RawRequest } from './raw-stream.ts';

/** How a client of the soak reads. */
export interface Reader {
  wish: Wish;
  /** It cuts its connection after so many pieces. Undefined: it reads to the end. */
  leavesAfter: number | undefined;
  /** If it has cut its connection: it comes back after so long, in milliseconds. Undefined: it does not. */
  backAfterMs: number | undefined;
  /** A slow one: it stops to read for so long, in milliseconds, before its first read and then after each of so many bytes. */
  slow: { firstMs: number; everyBytes: number; pauseMs: number } | undefined;
}

const HEADERS = { 'content-type': 'application/json', accept: 'text/event-stream' };

/** Reads one stream. Resolves to `completed`, `left`, or what was wrong. Each connection is its own. */
export async function readStream(url: string, reader: Reader): Promise<string> {
  const { wish, leavesAfter, backAfterMs } = reader;
  const path = `${url}/api/v1/agent/stream?format=sluice`;
  const body = JSON.stringify({ input: JSON.stringify(wish) });
  const watch = new Watch(wish);
  await watch.read({ url: path, method: 'POST', headers: HEADERS, body }, reader, leavesAfter);
  if (watch.hasLeft) {
    if (backAfterMs === undefined) return watch.wrong ?? 'left';
    await delay(backAfterMs);
    const again = `${url}/api/v1/streams/${watch.id}?format=sluice`;
    const headers = { ...HEADERS, 'last-event-id': watch.lastId };
    await watch.read({ url: again, method: 'GET', headers }, reader, undefined);
  }
  return watch.wrong ?? (backAfterMs === undefined ? 'completed' : 'completed after it came back');
}

/** What a client has got of its stream. */
class Watch {
  readonly #wish: Wish;
  id = '';
  lastId = '';
  hasLeft = false;
  /** The first thing that was not as it should be. */
  wrong: string | undefined;
  #pieces = 0;
  /** After so many it takes nothing more. */
  #most = Infinity;
  #outcome: unknown;

  constructor(wish: Wish) {
    this.#wish = wish;
  }

  /** Reads to the end, or up to so many pieces. */
  async read(request: RawRequest, { slow }: Reader, leavesAfter: number | undefined): Promise<void> {
    this.hasLeft = false;
    this.#most = leavesAfter ?? Infinity;
    const { status, headers, pieces } = await rawStream(request);
    this.id = headers.get('x-sluice-stream') ?? '';
    if (status !== 200) this.wrong ??= `status ${status}`;
    const decoder = new TextDecoder();
    const parser = createParser({ onEvent: (event) => this.#take(event) });
    let untilPause = slow === undefined ? Infinity : slow.everyBytes;
    try {
      if (slow !== undefined) await delay(slow.firstMs);
      for await (const piece of pieces) {
        parser.feed(decoder.decode(piece, { stream: true }));
        if (this.hasLeft) return;
        untilPause -= piece.length;
        if (untilPause > 0 || slow === undefined) continue;
        untilPause = slow.everyBytes;
        await delay(slow.pauseMs);
      }
    } catch (error) {
      this.wrong ??= `broken after ${this.#pieces} of ${this.#wish.pieces}: ${String(error)}`;
    }
    if (this.#outcome !== 'completed' || this.#pieces !== this.#wish.pieces)
      this.wrong ??= `ended with ${String(this.#outcome)} after ${this.#pieces} of ${this.#wish.pieces}`;
  }

  #take({ data, id = '' }: EventSourceMessage): void {
    if (this.hasLeft) return;
    const item: object = Object(JSON.parse(data));
    this.lastId = id;
    const type: unknown = Reflect.get(item, 'type');
    if (type === 'end') this.#outcome = Reflect.get(item, 'outcome');
    // What was said before does not count: the upstream failed, and was asked again.
    if (type === 'reset') this.#pieces = 0;
    if (type !== 'content') return;
    const content: unknown = Reflect.get(item, 'content');
    if (content !== pieceOf(this.#pieces, this.#wish)) this.wrong ??= `other text at ${this.#pieces}`;
    this.#pieces += 1;
    this.hasLeft = this.#pieces > this.#most;
  }
}
