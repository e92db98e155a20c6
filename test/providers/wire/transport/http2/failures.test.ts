import { constants } from 'node:http2';
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { providerFetch, toSluiceError } from '../../../../../providers/wire/index.ts';
import { wasNeverSent } from '../../../../../providers/wire/errors/never-sent.ts';
import { rawBodyOf, readyOf, type RawBody } from '../../../../../providers/wire/transport/raw-body.ts';
import { CODES, FLAG, FRAME, type Frame, type FramePeer } from '../../../../support/frames.ts';
import { failure, transports } from '../support.ts';
import { frameServer, tlsServer, trustServers, turns, type Arrived } from './support.ts';

const { transport, closeAll } = transports(providerFetch);
let trusted: Disposable | undefined;
beforeAll(() => {
  trusted = trustServers();
});
afterAll(() => trusted?.[Symbol.dispose]());
afterEach(async () => {
  await closeAll();
  vi.useRealTimers();
});

const kindOf = (error: unknown) => {
  const { code, retryable } = toSluiceError(error, 'test', []);
  return `${code} ${retryable}`;
};

function whole({ stream }: Arrived): void {
  stream.respond({ ':status': 200 });
  stream.end('whole');
}

function goOn({ stream }: Arrived): void {
  stream.respond({ ':status': 200 });
  stream.write('it goes on');
}

/** What came of a body, and how it ended. */
async function readAll(body: RawBody): Promise<{ text: string; end: string }> {
  let text = '';
  try {
    for (;;) {
      const parts = body.take();
      if (parts === undefined) return { text, end: 'end' };
      for (const part of parts) text += Buffer.from(part).toString();
      if (parts.length === 0) await readyOf(body);
    }
  } catch (error) {
    return { text, end: kindOf(error) };
  }
}

async function started(fetch: typeof globalThis.fetch, url: string): Promise<RawBody> {
  const body = rawBodyOf(await fetch(url));
  await readyOf(body);
  return body;
}

/** Goes on for so many milliseconds. Sockets go on meanwhile. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 1_000) {
    vi.advanceTimersByTime(Math.min(left, 1_000));
    await turns(10);
  }
}

describe('a stream that the server resets', () => {
  const others = ['NO_ERROR', 'REFUSED_STREAM', 'HTTP_1_1_REQUIRED'];
  const codes = CODES.map((name, code) => [name, code] as const).filter(([name]) => !others.includes(name));

  it.each(codes)('with %s is a network error, before its headers and after', async (_name, code) => {
    await using server = await frameServer((peer) => void play(peer));
    async function play(peer: FramePeer): Promise<void> {
      peer.reset((await peer.next(FRAME.HEADERS)).streamId, code);
      const { streamId } = await peer.next(FRAME.HEADERS);
      peer.respond(streamId);
      peer.data(streamId, 'it goes on');
      await turns();
      peer.reset(streamId, code);
    }
    const fetch = transport({});
    const early = await failure(fetch(server.url));
    expect([kindOf(early), wasNeverSent(early)]).toEqual(['network true', false]);
    expect(await readAll(await started(fetch, server.url))).toEqual({
      text: 'it goes on',
      end: 'network true',
    });
    expect(server.sockets.size).toBe(1);
  });

  it('takes no other with it', async () => {
    await using server = await tlsServer(goOn);
    const fetch = transport({});
    const bodies = await Promise.all([started(fetch, server.url), started(fetch, server.url)]);
    const [first, second] = server.arrived;
    const closed = new Promise<void>((resolve) => first?.stream.once('close', () => resolve()));
    first?.stream.destroy(new Error('It broke.'));
    await closed;
    second?.stream.end(', to its end');
    expect((await Promise.all(bodies.map(readAll))).map(({ end }) => end)).toEqual(['network true', 'end']);
  });
});

describe('a stream that the server refuses', () => {
  it('is sent again, and its caller does not see that', async () => {
    let refusals = 2;
    await using server = await tlsServer((arrived) => {
      if (refusals-- > 0) arrived.stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else whole(arrived);
    });
    const response = await transport({})(server.url, { method: 'POST', body: 'x' });
    expect([await response.text(), server.arrived.length]).toEqual(['whole', 3]);
  });

  it('again and again is a network error of a request that was never processed', async () => {
    await using server = await tlsServer(({ stream }) => stream.close(constants.NGHTTP2_REFUSED_STREAM));
    const error = await failure(transport({})(server.url));
    expect([kindOf(error), wasNeverSent(error), server.arrived.length]).toEqual(['network true', true, 4]);
  });

  it('after its headers is a network error, and is not sent again', async () => {
    const sent: Frame[] = [];
    await using server = await frameServer((peer) => void play(peer));
    async function play(peer: FramePeer): Promise<void> {
      for (;;) {
        const frame = await peer.next(FRAME.HEADERS);
        sent.push(frame);
        peer.respond(frame.streamId);
        peer.data(frame.streamId, 'it goes on');
        await turns();
        peer.reset(frame.streamId, constants.NGHTTP2_REFUSED_STREAM);
      }
    }
    const body = await started(transport({}), server.url);
    expect(await readAll(body)).toEqual({ text: 'it goes on', end: 'network true' });
    await turns();
    expect(sent).toHaveLength(1);
  });

  it('shows how many its connection takes: the others go to the next one', async () => {
    await using server = await tlsServer((arrived) => {
      const running = server.arrived.filter(
        ({ session, stream }) => session === arrived.session && !stream.closed,
      );
      if (running.length > 2) arrived.stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else goOn(arrived);
    });
    const fetch = transport({});
    await Promise.all(Array.from({ length: 5 }, () => started(fetch, server.url)));
    const refused = server.arrived.filter(({ stream }) => stream.closed).length;
    await Promise.all(Array.from({ length: 2 }, () => started(fetch, server.url)));
    expect(server.arrived.length - refused).toBeGreaterThanOrEqual(7);
    expect(server.arrived.filter(({ stream }) => !stream.closed)).toHaveLength(7);
  });
});

describe('a connection that the server wants to close (GOAWAY)', () => {
  it('lets its running streams end, and new ones get another', async () => {
    await using server = await tlsServer(goOn);
    const fetch = transport({});
    const body = await started(fetch, server.url);
    const [session] = server.sessions;
    session?.goaway(constants.NGHTTP2_NO_ERROR);
    await turns();
    await started(fetch, server.url);
    expect(server.sessions).toHaveLength(2);
    server.arrived[0]?.stream.end(', to its end');
    expect(await readAll(body)).toEqual({ text: 'it goes on, to its end', end: 'end' });
    await server.left(1);
  });

  it('before it has processed a request gets it sent again on another', async () => {
    await using server = await frameServer((peer, number) => void play(peer, number));
    async function play(peer: FramePeer, number: number): Promise<void> {
      const { streamId } = await peer.next(FRAME.HEADERS);
      if (number === 1) peer.goaway(0);
      else {
        peer.respond(streamId);
        peer.data(streamId, 'whole', FLAG.END_STREAM);
      }
    }
    const response = await transport({})(server.url, { method: 'POST', body: 'x' });
    expect(await response.text()).toBe('whole');
  });

  it('with an error loses the streams that it has processed, and no other', async () => {
    await using server = await frameServer((peer, number) => void play(peer, number));
    async function play(peer: FramePeer, number: number): Promise<void> {
      const { streamId } = await peer.next(FRAME.HEADERS);
      peer.respond(streamId);
      peer.data(streamId, number === 1 ? 'it goes on' : 'whole', number === 1 ? 0 : FLAG.END_STREAM);
      await peer.next(FRAME.HEADERS);
      peer.goaway(streamId, constants.NGHTTP2_INTERNAL_ERROR);
    }
    const fetch = transport({});
    const body = await started(fetch, server.url);
    const response = await fetch(server.url);
    expect(await response.text()).toBe('whole');
    expect(await readAll(body)).toEqual({ text: 'it goes on', end: 'network true' });
  });

  it('each time is a network error of a request that was never processed', async () => {
    let sent = 0;
    await using server = await frameServer((peer) => void play(peer));
    async function play(peer: FramePeer): Promise<void> {
      await peer.next(FRAME.HEADERS);
      sent += 1;
      peer.goaway(0);
    }
    const error = await failure(transport({})(server.url));
    expect([kindOf(error), wasNeverSent(error), sent]).toEqual(['network true', true, 4]);
  });
});

describe('a connection that is lost', () => {
  it.each<[string, (socket: Socket | undefined) => void]>([
    ['FIN', (socket) => socket?.end()],
    ['RST', (socket) => socket?.resetAndDestroy()],
  ])('(%s) ends its streams as network errors, none with a plain end, and no other', async (_what, end) => {
    await using server = await tlsServer(goOn);
    const fetch = transport({ http2: { streamsPerConnection: 4 } });
    const bodies = await Promise.all(Array.from({ length: 12 }, () => started(fetch, server.url)));
    const [lost] = server.sessions;
    const fated = server.arrived.map(({ session }) => session === lost);
    end(server.sockets.values().next().value);
    for (const { stream, session } of server.arrived) if (session !== lost) stream.end();
    const ends = await Promise.all(bodies.map(readAll));
    expect(ends.filter(({ end: how }) => how === 'network true')).toHaveLength(fated.filter(Boolean).length);
    expect(ends.filter(({ end: how }) => how === 'end')).toHaveLength(fated.filter((is) => !is).length);
    expect(new Set(ends.map(({ text }) => text))).toEqual(new Set(['it goes on']));
  });

  it('while its server was silent ends after a ping without an answer, and a new one is made', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    await using server = await frameServer((peer) => (peer.answersPings = false));
    const fetch = transport({});
    const controller = new AbortController();
    const silent = failure(fetch(server.url));
    const connected = async (count: number): Promise<void> => {
      while (server.sockets.size < count) await turns(1);
    };
    await connected(1);
    await turns();
    await pass(21_000);
    expect(kindOf(await silent)).toBe('network true');
    await server.left();
    const next = failure(fetch(server.url, { signal: controller.signal }));
    await connected(1);
    controller.abort(new Error('enough'));
    await next;
  });

  it('is not ended while its server answers pings', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    await using server = await tlsServer(goOn);
    let pings = 0;
    server.server.on('session', (session) => session.on('ping', () => (pings += 1)));
    const body = await started(transport({}), server.url);
    await pass(120_000);
    server.arrived[0]?.stream.end(', to its end');
    expect((await readAll(body)).end).toBe('end');
    expect(pings).toBeGreaterThan(3);
  });
});

describe('a slow reader', () => {
  it('holds back its own stream alone, with bounded memory', async () => {
    let written = 0;
    await using server = await tlsServer((arrived) => {
      const { stream, headers } = arrived;
      if (headers[':path'] !== '/slow') {
        whole(arrived);
        return;
      }
      stream.respond({ ':status': 200 });
      function write(): void {
        if (written >= 8_000_000) stream.end();
        else if (stream.write(Buffer.alloc(50_000), () => (written += 50_000))) setImmediate(write);
        else stream.once('drain', write);
      }
      write();
    });
    const fetch = transport({});
    const slow = rawBodyOf(await fetch(`${server.url}/slow`));
    for (let before = -1; before !== written;) {
      before = written;
      await turns();
    }
    expect(written).toBeLessThan(2_000_000);
    for (let call = 0; call < 20; call++) expect(await (await fetch(server.url)).text()).toBe('whole');
    expect(server.sessions).toHaveLength(1);
    expect((await readAll(slow)).text).toHaveLength(8_000_000);
  });
});

describe('data that is not HTTP/2', () => {
  it('is a protocol error, and the next request gets another connection', async () => {
    await using server = await frameServer((peer, number) => void play(peer, number));
    async function play(peer: FramePeer, number: number): Promise<void> {
      const { streamId } = await peer.next(FRAME.HEADERS);
      if (number === 1) peer.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      else {
        peer.respond(streamId);
        peer.data(streamId, 'whole', FLAG.END_STREAM);
      }
    }
    const fetch = transport({});
    expect(kindOf(await failure(fetch(server.url)))).toBe('protocol false');
    expect(await (await fetch(server.url)).text()).toBe('whole');
  });
});
