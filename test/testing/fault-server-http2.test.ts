import { request as httpsRequest } from 'node:https';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { chatStream } from '../../testing/upstream/chat-stream.ts';
import { faultServer, type FaultServer } from '../../testing/upstream/fault-server.ts';
import { manualGate } from '../../testing/manual-gate.ts';
import { makeCertificate, trust, type Certificate } from '../support/certificate.ts';
import { clientPeer, CODES, FLAG, FRAME, tellFrame, type FramePeer } from '../support/frames.ts';

const CHAT = '/v1/chat/completions';
const stream = { lines: ['{"n":1}', '{"n":2}'] };
const parts = stream.lines.map((line) => `data: ${line}\n\n`);
const whole = `${parts.join('')}data: [DONE]\n\n`;

let tls: Certificate;
let server: FaultServer;
let trusted: Disposable;
const peers: FramePeer[] = [];

beforeAll(async () => {
  tls = await makeCertificate();
  trusted = trust(tls);
});
afterAll(() => trusted[Symbol.dispose]());

beforeEach(async () => {
  server = await faultServer({ tls });
});

afterEach(async () => {
  for (const { socket } of peers.splice(0)) socket.destroy();
  await server.close();
});

/** A connection with one request on stream 1. */
async function asked(): Promise<FramePeer> {
  const peer = await clientPeer(server.port, tls.cert);
  peers.push(peer);
  peer.request(1, CHAT);
  return peer;
}

/** The frames of a stream or a connection but for those that every connection begins with. */
function told(peer: FramePeer): string[] {
  return peer.received.filter(({ type }) => type !== FRAME.SETTINGS).map(tellFrame);
}

it('speaks HTTP/2 over TLS with clients that offer it, and HTTP/1.1 with others', async () => {
  server.always({ stream });
  const peer = await asked();
  await peer.next(FRAME.DATA, ({ flags }) => (flags & FLAG.END_STREAM) !== 0);
  expect(told(peer).slice(0, 2)).toEqual(['HEADERS 1', `DATA 1 ${JSON.stringify(whole)}`]);
  const sent = httpsRequest(server.url + CHAT, { method: 'POST', ca: tls.cert, agent: false }).end('{}');
  const [response] = await once(sent, 'response');
  expect(response.httpVersion).toBe('1.1');
  response.resume();
  await once(response, 'end');
  const [first, second] = server.requests;
  expect([first?.connection.protocol, first?.streamId, first?.headers]).toEqual(['h2', 1, { host: 'test' }]);
  expect([second?.connection.protocol, second?.streamId]).toEqual(['http/1.1', undefined]);
  expect([first?.connection.index, second?.connection.index]).toEqual([0, 1]);
  expect([await first?.closed, first?.bytesSent]).toEqual(['finished', whole.length]);
});

it('offers only the protocols it is told to', async () => {
  await using older = await faultServer({ tls: { ...tls, protocols: ['http/1.1'] }, always: { stream } });
  await using newer = await faultServer({ tls: { ...tls, protocols: ['h2'] }, always: { stream } });
  expect(await (await fetch(older.url + CHAT, { method: 'POST' })).text()).toBe(whole);
  await expect(clientPeer(older.port, tls.cert)).rejects.toThrow('no application protocol');
  await expect(fetch(newer.url + CHAT, { method: 'POST' })).rejects.toThrow('fetch failed');
});

describe('a fault over HTTP/2', () => {
  it.each(CODES.map((name, code) => ({ name, code })))(
    'resets the stream with $name after the bytes before it, and the connection goes on',
    async ({ name, code }) => {
      server.enqueue({ stream, fault: { kind: 'reset', code, at: { byte: 7 } } }, { body: 'next' });
      const peer = await asked();
      await peer.next(FRAME.RST_STREAM);
      peer.request(3, CHAT);
      await peer.next(FRAME.DATA, ({ streamId }) => streamId === 3);
      expect(told(peer).slice(0, 5)).toEqual([
        'HEADERS 1',
        'DATA 1 "data: {"',
        `RST_STREAM 1 ${name}`,
        'HEADERS 3',
        'DATA 3 "next"',
      ]);
      expect([await server.requests[0]?.closed, server.openSockets]).toEqual(['cut', 1]);
    },
  );

  it('resets with CANCEL by default, also instead of the headers', async () => {
    server.enqueue({ stream, fault: { kind: 'reset', at: 'headers' } });
    const peer = await asked();
    await peer.next(FRAME.RST_STREAM);
    expect(told(peer)).toEqual(['RST_STREAM 1 CANCEL']);
    expect(server.log).toEqual([`request 0 POST ${CHAT}`, 'fault 0 reset', 'cut 0']);
  });

  it('is the end of the connection with FIN and RST, and of its other requests', async () => {
    for (const [kind, how] of [
      ['fin', 'end'],
      ['rst', 'ECONNRESET'],
    ] as const) {
      server.reset();
      const pace = manualGate();
      server.enqueue({ stream, fault: { kind: 'stall', at: { byte: 3 } } });
      server.enqueue({ stream, fault: { kind, at: { byte: 5 }, gate: pace.gate } });
      const peer = await asked();
      peer.request(3, CHAT);
      await peer.next(FRAME.DATA, ({ streamId }) => streamId === 3);
      pace.open();
      expect(await peer.ended).toBe(how);
      expect(told(peer).sort()).toEqual(['DATA 1 "dat"', 'DATA 3 "data:"', 'HEADERS 1', 'HEADERS 3']);
      await server.idle();
      expect(server.requests.map(({ state }) => state)).toEqual(['cut', 'cut']);
    }
  });

  it('can be a clean end of the body', async () => {
    server.enqueue({ stream, fault: { kind: 'eof', at: { event: 1 } } });
    const peer = await asked();
    await peer.next(FRAME.DATA, ({ flags }) => (flags & FLAG.END_STREAM) !== 0);
    expect(told(peer)).toEqual(['HEADERS 1', `DATA 1 ${JSON.stringify(parts[0])}`, 'DATA 1 "" END']);
    expect(await server.requests[0]?.closed).toBe('finished');
  });

  it('is a reset of the connection over HTTP/1.1', async () => {
    await using plain = await faultServer();
    plain.enqueue({ stream, fault: { kind: 'reset', at: 'headers' } });
    await expect(fetch(plain.url + CHAT, { method: 'POST' })).rejects.toMatchObject({
      cause: { code: 'ECONNRESET' },
    });
  });
});

describe('a client over HTTP/2', () => {
  it('that resets its stream has left, and others go on', async () => {
    const pace = manualGate();
    server.always({ stream, gate: pace.gate });
    const peer = await asked();
    const first = await server.nextRequest();
    peer.request(3, CHAT);
    await server.nextRequest();
    peer.reset(1, CODES.indexOf('CANCEL'));
    expect(await first.closed).toBe('client-left');
    expect([first.clientLeft, first.bytesSent, server.openRequests]).toEqual([true, 0, 1]);
    pace.open();
    await peer.next(FRAME.DATA, ({ streamId, flags }) => streamId === 3 && (flags & FLAG.END_STREAM) !== 0);
    expect(server.requests.map(({ state }) => state)).toEqual(['client-left', 'finished']);
  });

  it('that gives no window gets no more, and what was sent is counted', async () => {
    const size = 256 * 1024;
    server.enqueue({ body: Buffer.alloc(size), split: { everyBytes: 16 * 1024 } });
    const peer = await asked();
    let arrived = 0;
    while (arrived < 65_535) arrived += (await peer.next(FRAME.DATA)).payload.length;
    const { bytesSent } = (await server.nextRequest()) ?? {};
    expect([arrived, bytesSent]).toEqual([65_535, 3 * 16 * 1024]);
    peer.windowUpdate(0, size);
    peer.windowUpdate(1, size);
    while (arrived < size) arrived += (await peer.next(FRAME.DATA)).payload.length;
    expect(await server.requests[0]?.closed).toBe('finished');
  });

  it('is told by GOAWAY which streams are refused', async () => {
    const pace = manualGate();
    server.always({ stream, gate: pace.gate });
    const peer = await asked();
    peer.request(3, CHAT);
    const { connection } = await server.nextRequest();
    const refused = await server.nextRequest();
    connection.goaway();
    connection.goaway({ lastStreamId: 1, code: CODES.indexOf('ENHANCE_YOUR_CALM') });
    await peer.next(FRAME.GOAWAY);
    await peer.next(FRAME.GOAWAY);
    expect(told(peer).filter((line) => line.startsWith('GOAWAY'))).toEqual([
      'GOAWAY 3 NO_ERROR',
      'GOAWAY 1 ENHANCE_YOUR_CALM',
    ]);
    expect(await refused.closed).not.toBe('finished');
    pace.open();
    await peer.next(FRAME.DATA, ({ streamId, flags }) => streamId === 1 && (flags & FLAG.END_STREAM) !== 0);
  });

  it('acknowledges settings that change', async () => {
    await using small = await faultServer({ tls: { ...tls, settings: { maxConcurrentStreams: 7 } } });
    small.always({ stream, gate: manualGate().gate });
    const peer = await clientPeer(small.port, tls.cert);
    peers.push(peer);
    peer.request(1, CHAT);
    const { connection } = await small.nextRequest();
    await connection.settings({ maxConcurrentStreams: 2 });
    const limits = peer.received
      .filter(({ type, payload }) => type === FRAME.SETTINGS && payload.length > 0)
      .map(({ payload }) => payload.readUInt32BE(2));
    expect(limits).toEqual([7, 2]);
  });
});

it('says what needs HTTP/2', async () => {
  server.enqueue({ body: 'x' });
  const sent = httpsRequest(server.url, { ca: tls.cert, agent: false }).end();
  const { connection } = await server.nextRequest();
  expect(() => connection.goaway()).toThrow('goaway() needs HTTP/2, but connection 0 speaks HTTP/1.1.');
  await expect(connection.settings({})).rejects.toThrow('settings() needs HTTP/2');
  const gone = once(sent, 'error');
  sent.destroy(new Error('enough'));
  await gone;
});

it('closes all connections, also of clients that hold streams open', async () => {
  server.enqueue({ stream: chatStream({ text: 'a' }), fault: { kind: 'stall' } });
  const peer = await asked();
  await peer.next(FRAME.DATA);
  await server.close();
  expect(await peer.ended).toMatch(/^(end|ECONNRESET)$/);
  expect([server.openSockets, server.openRequests]).toEqual([0, 0]);
  expect(server.requests[0]?.state).toBe('cut');
});
