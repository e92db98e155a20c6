import { TLSSocket } from 'node:tls';

import { describe, expect, it, vi } from 'vitest';

import { CODES, FLAG, FRAME, tellFrame, type FramePeer } from '../support/frames.ts';
import {
  answer,
  begin,
  BROKEN,
  finish,
  frameStage,
  requested,
  told,
  WHOLE,
  type Asked,
} from './frame-stage.ts';

const stage = frameStage();
const { ask, connected, withoutWindow, answeredAnew } = stage;

it('a reply that is complete before its request has been sent is a reply', async () => {
  const { peer, asked, streamId } = await withoutWindow();
  answer(peer, streamId);
  peer.reset(streamId, CODES.indexOf('NO_ERROR'));
  expect(told(await asked.account)).toBe(WHOLE);
  expect(peer.bodyOf(streamId)).toBe('');
});

it('an informational response and trailers are not part of the reply', async () => {
  const { account } = ask();
  const peer = await connected();
  const streamId = await requested(peer);
  // :status 103, as a literal without an index.
  peer.send(FRAME.HEADERS, streamId, Buffer.from([0x08, 0x03, 0x31, 0x30, 0x33]), FLAG.END_HEADERS);
  begin(peer, streamId);
  finish(peer, streamId, 0);
  // x: y
  const trailers = Buffer.from([0x00, 0x01, 0x78, 0x01, 0x79]);
  peer.send(FRAME.HEADERS, streamId, trailers, FLAG.END_HEADERS | FLAG.END_STREAM);
  expect(told(await account)).toBe(WHOLE);
});

describe('one stream and its connection', () => {
  it('an abort resets its stream alone', async () => {
    const [one, two] = [ask(), ask()];
    const peer = await connected();
    const [first, second] = [await requested(peer), await requested(peer)];
    begin(peer, first);
    begin(peer, second);
    await Promise.all([one.begun, two.begun]);
    one.caller.abort();
    expect(told(await one.account)).toBe('aborted after "Hello", partial "Hello"');
    const reset = await peer.next(FRAME.RST_STREAM);
    expect(tellFrame(reset)).toMatch(/^RST_STREAM [135] CANCEL$/);
    finish(peer, reset.streamId === first ? second : first);
    expect(told(await two.account)).toBe(WHOLE);
  });

  it('an event that is too long resets its stream alone', async () => {
    const [one, two] = [ask(), ask()];
    const peer = await connected();
    const [first, second] = [await requested(peer), await requested(peer)];
    begin(peer, first);
    begin(peer, second);
    await Promise.all([one.begun, two.begun]);
    peer.data(first, `data: ${'x'.repeat(12_000)}`);
    const { streamId } = await peer.next(FRAME.RST_STREAM);
    expect(streamId).toBe(first);
    finish(peer, second);
    const ends = (await Promise.all([one.account, two.account])).map(told);
    expect(ends.toSorted()).toEqual([WHOLE, 'protocol after "Hello", partial "Hello"']);
  });

  it.each<[string, 'network' | 'protocol', (peer: FramePeer, streamId: number) => void]>([
    ['bytes that are no frame', 'protocol', (peer) => void peer.socket.write(Buffer.alloc(64, 0xff))],
    ['a frame that is too long', 'protocol', (peer, id) => peer.data(id, 'x'.repeat(20_000))],
    ['data of a stream that nobody opened', 'protocol', (peer) => peer.data(99, 'x')],
    [
      'headers that cannot be decoded',
      'protocol',
      (peer, id) => peer.send(FRAME.HEADERS, id + 100, Buffer.from([0xff, 0xff]), 4),
    ],
    [
      'a promise of a push',
      'protocol',
      (peer, id) => peer.send(FRAME.PUSH_PROMISE, id, Buffer.from([0, 0, 0, 2, 0x88]), 4),
    ],
    ['a window that is too large', 'protocol', (peer) => peer.windowUpdate(0, 0x7fffffff)],
    ['an end of the connection', 'network', (peer) => void peer.socket.end()],
    ['a loss of the connection', 'network', (peer) => void peer.socket.destroy()],
  ])(
    '%s ends all streams of the connection with a %s error, and the next request works',
    async (_name, code, send) => {
      const [one, two] = [ask(), ask()];
      const peer = await connected();
      const ids = [await requested(peer), await requested(peer)];
      for (const id of ids) begin(peer, id);
      await Promise.all([one.begun, two.begun]);
      send(peer, ids[0] ?? 1);
      const ends = (await Promise.all([one.account, two.account])).map(told);
      const broken = `${code} after "Hello", partial "Hello"`;
      expect(ends).toEqual([broken, broken]);
      expect(await answeredAnew()).toBe(WHOLE);
    },
  );
});

describe('a silent connection', () => {
  /** Lets time pass. */
  const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

  async function silent(): Promise<{ asked: Asked; peer: FramePeer; streamId: number }> {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const asked = ask();
    const peer = await connected();
    const streamId = await requested(peer);
    begin(peer, streamId);
    await asked.begun;
    return { asked, peer, streamId };
  }

  /** Node itself stops to read while it writes, and does not always begin again. */
  function stopReading({ socket: { remotePort } }: FramePeer): void {
    const handles: unknown = Reflect.get(process, '_getActiveHandles').call(process);
    if (!Array.isArray(handles)) throw new Error('There are no handles.');
    const ours: unknown = handles.find((handle) => Reflect.get(handle, 'localPort') === remotePort);
    if (!(ours instanceof TLSSocket)) throw new Error('There is no socket of the client.');
    Reflect.get(ours, '_handle').readStop();
  }

  async function untilPinged(peer: FramePeer): Promise<void> {
    const pinged = peer.next(FRAME.PING, ({ flags }) => (flags & FLAG.ACK) === 0);
    let seen = false;
    void pinged.then(() => (seen = true));
    for (let waited = 0; !seen && waited < 40; waited++) {
      await pass(1_000);
      await turns();
    }
    await pinged;
  }

  /** Lets the sockets of this process work. */
  async function turns(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  it('that answers pings is waited for', async () => {
    const { asked, peer, streamId } = await silent();
    for (let round = 0; round < 5; round++) await untilPinged(peer);
    finish(peer, streamId);
    expect(told(await asked.account)).toBe(WHOLE);
    expect(stage.server.peers).toHaveLength(1);
  });

  it('that answers no ping within 10 seconds ends its streams as network errors, and a new one is made', async () => {
    const { asked, peer } = await silent();
    peer.answersPings = false;
    await untilPinged(peer);
    await pass(8_000);
    await turns();
    expect(stage.server.openSockets).toBe(1);
    await pass(3_000);
    await turns();
    expect(told(await asked.account)).toBe(BROKEN);
    expect(await answeredAnew()).toBe(WHOLE);
  });

  it('that the server has closed while Node did not read it ends its streams at the next look', async () => {
    const { asked, peer } = await silent();
    const over = vi.fn<() => void>();
    const ended = asked.account.finally(over);
    stopReading(peer);
    peer.socket.destroy();
    await turns();
    expect(over).not.toHaveBeenCalled();
    // In the first second it was not silent.
    await pass(2_000);
    await turns();
    expect(over).toHaveBeenCalledOnce();
    expect(told(await ended)).toBe(BROKEN);
  });

  it('that answers no ping but goes on with its streams is not silent', async () => {
    const { asked, peer, streamId } = await silent();
    peer.answersPings = false;
    for (let second = 0; second < 60; second++) {
      peer.data(streamId, ': still here\n\n');
      await turns();
      await pass(1_000);
    }
    finish(peer, streamId);
    expect(told(await asked.account)).toBe(WHOLE);
  });
});
