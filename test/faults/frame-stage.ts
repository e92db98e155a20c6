import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest';

import { provider } from '../../middleware/provider.ts';
import { retry } from '../../middleware/retry.ts';
import { openai } from '../../providers/openai/index.ts';
import { isSluiceError, Pipeline, type Provider } from '../../src/index.ts';
import { chatStream } from '../../testing/upstream/chat-stream.ts';
import { encodeStream } from '../../testing/upstream/wires.ts';
import { makeCertificate, trust, type Certificate } from '../support/certificate.ts';
import { frameServer, type FrameServer } from '../support/frame-server.ts';
import { FLAG, FRAME, type Frame, type FramePeer } from '../support/frames.ts';
import { accountOf, type Account } from './account.ts';

/** The reply that the server gives, in two parts. */
const [BEGINNING, REST] = halves(
  [...encodeStream(chatStream({ text: ['Hello', ' there'] }), 'openai-chat')].map(({ bytes }) =>
    Buffer.from(bytes).toString(),
  ),
);

/** Parts the events after the first text. */
function halves(events: string[]): [string, string] {
  const at = events.findIndex((event) => event.includes('Hello')) + 1;
  return [events.slice(0, at).join(''), events.slice(at).join('')];
}

/** An execution that runs. */
export interface Asked {
  readonly account: Promise<Account>;
  /** Resolves when the beginning of the reply has been delivered. */
  readonly begun: Promise<void>;
  readonly caller: AbortController;
}

/** Waits for a request with its whole body, and returns its stream. */
export async function requested(peer: FramePeer): Promise<number> {
  const { streamId } = await peer.next(FRAME.HEADERS);
  await peer.next(FRAME.DATA, (frame) => frame.streamId === streamId && isLast(frame));
  return streamId;
}

/** Whether a frame ends its stream. */
export function isLast({ flags }: Frame): boolean {
  return (flags & FLAG.END_STREAM) !== 0;
}

/** Waits until the client has taken over one more change of settings, including the first one. */
export async function acknowledged(peer: FramePeer): Promise<void> {
  await peer.next(FRAME.SETTINGS, ({ flags }) => (flags & FLAG.ACK) !== 0);
}

/** Waits until the client has processed all that was sent, and has answered. */
export async function hasSeenAll(peer: FramePeer): Promise<void> {
  peer.send(FRAME.PING, 0, Buffer.alloc(8));
  await peer.next(FRAME.PING, ({ flags }) => (flags & FLAG.ACK) !== 0);
}

/** Sends the headers and the beginning of the reply. */
export function begin(peer: FramePeer, streamId: number): void {
  peer.respond(streamId);
  peer.data(streamId, BEGINNING);
}

/** Sends the whole reply. */
export function answer(peer: FramePeer, streamId: number): void {
  begin(peer, streamId);
  finish(peer, streamId);
}

/** Sends the rest of the reply. With flags of 0, its stream does not end with it. */
export function finish(peer: FramePeer, streamId: number, flags: number = FLAG.END_STREAM): void {
  peer.data(streamId, REST, flags);
}

/** How an execution ended. */
export function told({ text, done, result }: Account): string {
  if (isSluiceError(result)) return `${result.code} after "${text}", partial "${result.partial?.content}"`;
  return `${done.length} done, "${text}"`;
}

/** What {@link told} says about a complete reply. */
export const WHOLE = '1 done, "Hello there"';
/** What {@link told} says about one that was lost after its beginning. */
export const BROKEN = 'network after "Hello", partial "Hello"';

/** The streams of all requests that have come. */
export function requestsOf(peer: FramePeer): number[] {
  return peer.received.filter(({ type }) => type === FRAME.HEADERS).map(({ streamId }) => streamId);
}

/** A server that a test plays by hand, and executions that ask it. */
export interface FrameStage {
  readonly server: FrameServer;
  ask(): Asked;
  /** The next connection, after the server has sent its settings. */
  connected(settings?: Parameters<FramePeer['settings']>[0]): Promise<FramePeer>;
  /** An execution whose request may not send its body, on a connection whose settings the client knows. */
  withoutWindow(): Promise<{ peer: FramePeer; asked: Asked; streamId: number }>;
  /** Asks again, answers on a new connection, and returns how it ended. */
  answeredAnew(): Promise<string>;
}

/** Starts a server for each test, and a pipeline that asks it and that has a retry without retries. */
export function frameStage(): FrameStage {
  let tls: Certificate;
  let trusted: Disposable;
  let server: FrameServer;
  let model: Provider;
  let pipeline: Pipeline;

  beforeAll(async () => {
    tls = await makeCertificate();
    trusted = trust(tls);
  });
  afterAll(() => trusted[Symbol.dispose]());

  beforeEach(async () => {
    server = await frameServer(tls);
    const { url } = server;
    const limits = { maxEventCharacters: 10_000 };
    model = openai({ apiKey: 'test', model: 'test-model', baseURL: `${url}/v1`, limits });
    pipeline = new Pipeline([retry({ maxRetries: 0 }), provider(model)]);
  });

  afterEach(async () => {
    vi.useRealTimers();
    await pipeline.shutdown();
    await model.close?.();
    await server.socketsClosed();
    await server[Symbol.asyncDispose]();
  });

  function ask(): Asked {
    const caller = new AbortController();
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    const stream = pipeline.executeStream('user', 'Hi', { signal: caller.signal });
    return { account: accountOf(stream, () => resolve()), begun, caller };
  }

  /** The next connection, after the server has sent its settings. */
  async function connected(settings: Parameters<FramePeer['settings']>[0] = {}): Promise<FramePeer> {
    const peer = await server.nextPeer();
    peer.settings(settings);
    return peer;
  }

  /** An execution whose request may not send its body, on a connection whose settings the client knows. */
  async function withoutWindow(): Promise<{ peer: FramePeer; asked: Asked; streamId: number }> {
    const before = ask();
    const peer = await connected();
    answer(peer, await requested(peer));
    expect(told(await before.account)).toBe(WHOLE);
    peer.settings({ INITIAL_WINDOW_SIZE: 0 });
    await acknowledged(peer);
    await acknowledged(peer);
    const asked = ask();
    const { streamId } = await peer.next(FRAME.HEADERS);
    return { peer, asked, streamId };
  }

  /** Asks again and answers on a new connection. */
  async function answeredAnew(): Promise<string> {
    const { account } = ask();
    const peer = await connected();
    answer(peer, await requested(peer));
    return told(await account);
  }

  return {
    get server() {
      return server;
    },
    ask,
    connected,
    withoutWindow,
    answeredAnew,
  };
}
