import type { UpgradeWebSocket, WSEvents } from 'hono/ws';
import { WSContext } from 'hono/ws';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { manualGate } from 'sluice/testing';
import { stage } from './stage.ts';
import type { Stage } from './stage.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The socket of a server in Bun: the server's handlers are told what happens, and it has no listeners. */
class BunSocket {
  readyState = 1;
  readonly closes: [code: number | undefined, reason: string | undefined][] = [];
  readonly messages: Record<string, unknown>[] = [];
  events: WSEvents = {};

  send(text: string): void {
    this.messages.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(code?: number, reason?: string): void {
    this.readyState = 3;
    this.closes.push([code, reason]);
    this.events.onClose?.(new CloseEvent('close'), this.context);
  }

  /** A message of the client comes. */
  say(data: unknown): void {
    this.events.onMessage?.(new MessageEvent('message', { data: data as string }), this.context);
  }

  get context(): WSContext {
    return new WSContext({
      send: () => undefined,
      close: () => undefined,
      raw: this,
      readyState: 1,
    });
  }
}

/** The socket of `ws`, as far as it is more than that. */
class PingedSocket extends BunSocket {
  pings = 0;
  isTerminated = false;
  #pong: (() => void) | undefined;

  ping(): void {
    this.pings++;
  }

  terminate(): void {
    this.isTerminated = true;
    this.close();
  }

  on(_event: 'pong', listener: () => void): void {
    this.#pong = listener;
  }

  addEventListener(): void {
    // It closes only at the end here.
  }

  removeEventListener(): void {
    // As above.
  }

  answer(): void {
    this.#pong?.();
  }
}

async function opened<S extends BunSocket>(
  socket: S,
  answers: Parameters<typeof stage>[0],
  options: Parameters<typeof stage>[1] = {},
  query = '',
): Promise<Stage & { socket: S }> {
  const upgradeWebSocket = ((_c: unknown, events: WSEvents) => {
    socket.events = events;
    return Promise.resolve(new Response(null));
  }) as unknown as UpgradeWebSocket;
  const made = stage(answers, { ...options, upgradeWebSocket });
  await made.ask(`/ws${query}`, { headers: { upgrade: 'websocket' } });
  socket.events.onOpen?.(new Event('open'), socket.context);
  return { ...made, socket };
}

const said = JSON.stringify({ action: 'send_message', message: 'Hi' });
const typesOf = ({ messages }: BunSocket): unknown[] => messages.map(({ type }) => type);

describe('a socket that has no listeners', () => {
  test('carries a turn, and is counted until it closes', async () => {
    const { socket, ask } = await opened(new BunSocket(), 'One');
    const sockets = async (): Promise<string | undefined> =>
      /^sluice_open_sockets (.*)$/m.exec(await (await ask('/metrics')).text())?.[1];
    socket.say(said);
    await vi.advanceTimersByTimeAsync(0);
    expect(typesOf(socket)).toEqual(['connected', 'content', 'complete', 'done']);
    expect(await sockets()).toBe('1');
    socket.close();
    socket.events.onError?.(new Event('error'), socket.context);
    expect(await sockets()).toBe('0');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('cancels its turn when it closes', async () => {
    const { socket, model } = await opened(new BunSocket(), { text: 'One', hang: true });
    socket.say(said);
    const call = await model.nextCall();
    socket.close();
    await vi.advanceTimersByTimeAsync(0);
    expect(call.state).toBe('closed');
  });

  test('is closed if a message is too large, and refuses what is not text', async () => {
    const { socket, model } = await opened(new BunSocket(), 'One', { maxBodyBytes: 100 });
    socket.say(new Uint8Array(10));
    await vi.advanceTimersByTimeAsync(0);
    expect(typesOf(socket)).toEqual(['error', 'done']);
    socket.say(JSON.stringify({ action: 'send_message', message: 'x'.repeat(100) }));
    expect(socket.closes).toEqual([[1009, 'The message is too large.']]);
    expect(model.calls).toHaveLength(0);
  });
});

describe('a socket over which nothing is said', () => {
  const MINUTE = 60_000;

  test('is closed after five minutes, which begin anew with each message', async () => {
    const { socket } = await opened(new BunSocket(), 'One');
    await vi.advanceTimersByTimeAsync(4 * MINUTE);
    socket.say('{');
    await vi.advanceTimersByTimeAsync(5 * MINUTE - 1);
    expect(socket.closes).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(socket.closes).toEqual([[1000, 'Nothing was said for long.']]);
  });

  test('stays while a turn runs, and for five minutes after it', async () => {
    const pace = manualGate();
    const { socket } = await opened(new BunSocket(), { text: '1 2 3 4 5 6 7', gate: pace.gate, hang: true });
    socket.say(said);
    for (let minute = 0; minute < 7; minute++) {
      pace.release(1);
      await vi.advanceTimersByTimeAsync(MINUTE);
    }
    expect([typesOf(socket).at(-1), socket.closes]).toEqual(['content', []]);
    socket.say('{"action":"stop"}');
    await vi.advanceTimersByTimeAsync(5 * MINUTE - 1);
    expect([typesOf(socket).at(-1), socket.closes]).toEqual(['done', []]);
    await vi.advanceTimersByTimeAsync(1);
    expect(socket.closes).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('tells the client of the package that it is alive while a turn runs, and no other client', async () => {
    const alive = async (query: string): Promise<number> => {
      const { socket } = await opened(
        new BunSocket(),
        [{ hang: true }, { hang: true }],
        { heartbeatMs: 1_000 },
        query,
      );
      socket.say(said);
      await vi.advanceTimersByTimeAsync(2_500);
      socket.say('{"action":"stop"}');
      await vi.advanceTimersByTimeAsync(2_500);
      socket.say(said);
      await vi.advanceTimersByTimeAsync(1_000);
      socket.close();
      return typesOf(socket).filter((type) => type === 'alive').length;
    };
    expect(await alive('?format=sluice')).toBe(3);
    expect(await alive('')).toBe(0);
  });
});

test('a socket is pinged, and cut off if it has not answered until the next ping', async () => {
  const { socket } = await opened(new PingedSocket(), 'One');
  for (let ping = 1; ping <= 3; ping++) {
    await vi.advanceTimersByTimeAsync(30_000);
    expect([socket.pings, socket.isTerminated]).toEqual([ping, false]);
    if (ping < 3) socket.answer();
  }
  await vi.advanceTimersByTimeAsync(30_000);
  expect([socket.pings, socket.isTerminated]).toEqual([3, true]);
  expect(vi.getTimerCount()).toBe(0);
});

test('turns over a socket have places among the open streams of their caller, and give them back', async () => {
  const { socket, ask } = await opened(new BunSocket(), [{ text: 'One', hang: true }, 'Two', 'Three'], {
    limits: { concurrentStreams: 1 },
  });
  socket.say(said);
  await vi.advanceTimersByTimeAsync(0);
  socket.messages.length = 0;
  socket.say(said);
  await vi.advanceTimersByTimeAsync(0);
  expect(socket.messages[0]).toMatchObject({ type: 'error', metadata: { code: 'rate_limited' } });
  socket.say('{"action":"stop"}');
  await vi.advanceTimersByTimeAsync(0);
  // A message that is refused keeps no place.
  for (let time = 0; time < 2; time++) socket.say('{"action":"send_message","path":"agent/stream"}');
  for (let time = 0; time < 2; time++) socket.say('{"action":"join","stream":"none"}');
  await vi.advanceTimersByTimeAsync(0);
  expect((await ask('/api/v1/agent/run', { body: { input: 'Hi' } })).status).toBe(200);
});
