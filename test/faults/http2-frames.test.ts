import { describe, expect, it } from 'vitest';

import { CODES, FRAME, tellFrame } from '../support/frames.ts';
import {
  acknowledged,
  answer,
  begin,
  BROKEN,
  finish,
  frameStage,
  hasSeenAll,
  isLast,
  requested,
  requestsOf,
  told,
  WHOLE,
} from './frame-stage.ts';

const stage = frameStage();
const { ask, connected, withoutWindow, answeredAnew } = stage;

describe('a request that the server did not process is sent again, and does not count as an attempt', () => {
  it('after REFUSED_STREAM', async () => {
    const { account } = ask();
    const peer = await connected();
    peer.reset(await requested(peer), CODES.indexOf('REFUSED_STREAM'));
    answer(peer, await requested(peer));
    const ended = await account;
    expect(told(ended)).toBe(WHOLE);
    expect(ended.done[0]?.trace.filter(({ kind }) => kind === 'call')).toHaveLength(1);
  });

  it('after a GOAWAY that names no stream', async () => {
    const { account } = ask();
    const first = await connected();
    await requested(first);
    first.goaway(0);
    const second = await connected();
    answer(second, await requested(second));
    expect(told(await account)).toBe(WHOLE);
  });

  it('after a GOAWAY below its stream, while the streams that it names go on', async () => {
    const low = ask();
    const first = await connected();
    const lowId = await requested(first);
    begin(first, lowId);
    await low.begun;
    const high = ask();
    const highId = await requested(first);
    expect(highId).toBeGreaterThan(lowId);
    first.goaway(lowId);
    const second = await connected();
    answer(second, await requested(second));
    expect(told(await high.account)).toBe(WHOLE);
    finish(first, lowId);
    expect(told(await low.account)).toBe(WHOLE);
    expect(await first.ended).toBe('end');
  });

  it('but not without end: a server that refuses each time is a network error', async () => {
    const { account } = ask();
    const peer = await connected();
    const refuse = (async () => {
      for (;;) peer.reset(await requested(peer), CODES.indexOf('REFUSED_STREAM'));
    })();
    const ended = await account;
    void refuse;
    expect(ended.result).toMatchObject({ code: 'network', retryable: true });
    expect(requestsOf(peer).length).toBeGreaterThan(1);
    expect(requestsOf(peer).length).toBeLessThan(6);
  });

  it('but not after its headers, whatever the code says', async () => {
    const { account, begun } = ask();
    const peer = await connected();
    const streamId = await requested(peer);
    begin(peer, streamId);
    await begun;
    peer.reset(streamId, CODES.indexOf('REFUSED_STREAM'));
    expect(told(await account)).toBe(BROKEN);
    expect(requestsOf(peer)).toEqual([streamId]);
  });
});

describe('GOAWAY', () => {
  it('that only announces the end lets all streams run, and later requests take another connection', async () => {
    const running = ask();
    const first = await connected();
    const streamId = await requested(first);
    begin(first, streamId);
    await running.begun;
    first.goaway(0x7fffffff);
    await hasSeenAll(first);
    expect(await answeredAnew()).toBe(WHOLE);
    finish(first, streamId);
    expect(told(await running.account)).toBe(WHOLE);
    expect(requestsOf(first)).toEqual([streamId]);
  });

  it('with an error ends its streams as a network error at worst, and the next request works', async () => {
    const running = ask();
    const first = await connected();
    const streamId = await requested(first);
    begin(first, streamId);
    await running.begun;
    first.goaway(streamId, CODES.indexOf('ENHANCE_YOUR_CALM'));
    first.socket.end();
    expect(told(await running.account)).toBe(BROKEN);
    expect(await answeredAnew()).toBe(WHOLE);
  });
});

describe('settings', () => {
  it('that allow fewer streams in the middle leave running ones alone, and others take another connection', async () => {
    const running = [ask(), ask()];
    const first = await connected();
    const ids = [await requested(first), await requested(first)];
    for (const id of ids) begin(first, id);
    for (const { begun } of running) await begun;
    first.settings({ MAX_CONCURRENT_STREAMS: 1 });
    await acknowledged(first);
    await acknowledged(first);
    expect(await answeredAnew()).toBe(WHOLE);
    for (const id of ids) finish(first, id);
    for (const { account } of running) expect(told(await account)).toBe(WHOLE);
    expect(requestsOf(first)).toEqual(ids);
  });

  it('that allow no stream at first hold a request back until they do', async () => {
    const { account } = ask();
    const peer = await connected({ MAX_CONCURRENT_STREAMS: 0 });
    await acknowledged(peer);
    // The client may have sent a request before it knew.
    const early = requestsOf(peer);
    for (const streamId of early) peer.reset(streamId, CODES.indexOf('REFUSED_STREAM'));
    await hasSeenAll(peer);
    expect(requestsOf(peer)).toEqual(early);
    peer.settings({ MAX_CONCURRENT_STREAMS: 5 });
    answer(peer, (await peer.next(FRAME.HEADERS, ({ streamId }) => !early.includes(streamId))).streamId);
    expect(told(await account)).toBe(WHOLE);
  });

  it('with a window of 0 hold the body of a request back until there is a window', async () => {
    const { peer, asked, streamId } = await withoutWindow();
    await hasSeenAll(peer);
    expect(peer.bodyOf(streamId)).toBe('');
    peer.windowUpdate(streamId, 10);
    await peer.next(FRAME.DATA, (frame) => frame.streamId === streamId);
    expect(peer.bodyOf(streamId)).toHaveLength(10);
    peer.settings({ INITIAL_WINDOW_SIZE: 50_000 });
    await peer.next(FRAME.DATA, (frame) => frame.streamId === streamId && isLast(frame));
    expect(JSON.parse(peer.bodyOf(streamId))).toMatchObject({ model: 'test-model' });
    answer(peer, streamId);
    expect(told(await asked.account)).toBe(WHOLE);
  });

  it('with a window that stays 0 do not keep an abort from its stream', async () => {
    const { peer, asked, streamId } = await withoutWindow();
    asked.caller.abort();
    expect(told(await asked.account)).toBe('aborted after "", partial ""');
    expect(tellFrame(await peer.next(FRAME.RST_STREAM))).toBe(`RST_STREAM ${streamId} CANCEL`);
  });
});
