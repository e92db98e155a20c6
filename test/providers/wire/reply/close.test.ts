import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../../src/index.ts';
import { WireSource } from '../../../../providers/wire/reply/wire-stream.ts';
import { endless, failure, handServer, sse, wireCall } from '../transport/support.ts';
import { at, drained, foreign, stream, pull } from './support.ts';

describe('a wire stream that is closed or aborted', () => {
  it('while it waits for the headers releases the socket and rejects the read', async () => {
    const controller = new AbortController();
    await using server = await handServer(() => controller.abort('enough'));
    const { error } = await drained(at(server.url, { signal: controller.signal }));
    expect(error).toMatchObject({ code: 'aborted', cause: 'enough' });
    await server.socketsClosed();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('in the middle of its body releases the socket and rejects the read', async () => {
    const controller = new AbortController();
    await using server = await handServer((_request, response) => stream(response, sse({ say: 'a' })));
    const source = new WireSource(at(server.url, { signal: controller.signal }));
    expect(await pull(source)).toHaveLength(1);
    const pending = failure(pull(source));
    controller.abort('enough');
    expect(await pending).toMatchObject({ code: 'aborted', cause: 'enough' });
    expect(await failure(pull(source))).toMatchObject({ code: 'aborted' });
    await server.socketsClosed();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('before its start sends nothing', async () => {
    const { error } = await drained(
      wireCall(() => expect.fail('it was opened'), { signal: AbortSignal.abort('no') }),
    );
    expect(error).toMatchObject({ code: 'aborted', cause: 'no' });
  });

  it('by its reader rejects with the given error, and later aborts change nothing', async () => {
    const controller = new AbortController();
    await using server = await handServer((_request, response) => stream(response));
    const source = new WireSource(at(server.url, { signal: controller.signal }));
    const pending = failure(pull(source));
    while (server.requests.length === 0) await new Promise(setImmediate);
    const reason = new SluiceError('timeout', 'Too slow.');
    source.close(reason);
    controller.abort('later');
    expect(await pending).toBe(reason);
    await server.socketsClosed();
  });

  it('with a client that ignores its signal rejects at once, and cancels the late response', async () => {
    const late = Promise.withResolvers<Response>();
    let cancelled: unknown;
    const source = new WireSource(wireCall(() => late.promise));
    const pending = failure(pull(source));
    const reason = new SluiceError('aborted', 'Enough.');
    source.close(reason);
    expect(await pending).toBe(reason);
    late.resolve(foreign(new ReadableStream({ cancel: (why) => void (cancelled = why) })));
    await new Promise(setImmediate);
    expect(cancelled).toBe(reason);
  });

  it('R12 leaves no listener on a long-lived signal after 1,000 calls', async () => {
    const { signal } = new AbortController();
    const ends = [sse({ say: 'a' }, '[DONE]'), sse({ say: 'a' }), sse('{{{{{{{{{{{{'), ''];
    for (let call = 0; call < 1_000; call++) {
      await drained(wireCall(async () => foreign(ends[call % 4] ?? ''), { signal }));
    }
    const closed = new WireSource(wireCall(() => Promise.withResolvers<Response>().promise, { signal }));
    const pending = failure(pull(closed));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    closed.close(new SluiceError('aborted', 'Enough.'));
    await pending;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('reads nothing from the socket while nobody reads the stream', async () => {
    let written = 0;
    await using server = await handServer((_request, response) => {
      stream(response);
      endless(response, sse({ say: 'x'.repeat(65_000) }), () => (written += 1));
    });
    const source = new WireSource(at(server.url));
    await pull(source);
    let before = -1;
    while (before !== written) {
      before = written;
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    }
    expect(written).toBeLessThan(250);
    source.close(new SluiceError('aborted', 'Enough.'));
    await server.socketsClosed();
  });
});
