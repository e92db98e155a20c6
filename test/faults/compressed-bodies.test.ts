import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { provider } from '../../middleware/provider.ts';
import { Pipeline } from '../../src/index.ts';
import { manualGate } from '../../testing/manual-gate.ts';
import { chatStream } from '../../testing/upstream/chat-stream.ts';
import type { FaultResponse } from '../../testing/upstream/fault-response.ts';
import { faultServer } from '../../testing/upstream/fault-server.ts';
import { encodeStream } from '../../testing/upstream/wires.ts';
import { accountOf } from './account.ts';
import { told, WHOLE } from './frame-stage.ts';
import { networks } from './matrix.ts';
import { providerOf, strayRequests } from './stage.ts';

const stream = chatStream({ text: ['Hello', ' there'] });
const events = [...encodeStream(stream, 'openai-chat')].map(({ bytes }) => Buffer.from(bytes));
const all = Buffer.concat(events);
/** The events up to the first text. */
const beginning = Buffer.concat(events.slice(0, events.findIndex((event) => event.includes('Hello')) + 1));

interface Coding {
  readonly name: string;
  readonly coding: string;
  whole(bytes: Buffer): Buffer;
  /** Compresses so that these bytes can be decoded without what follows them. */
  part(bytes: Buffer): Buffer;
}

const flushed = { finishFlush: constants.Z_SYNC_FLUSH };
const CODINGS: Coding[] = [
  { name: 'gzip', coding: 'gzip', whole: gzipSync, part: (bytes) => gzipSync(bytes, flushed) },
  { name: 'deflate', coding: 'deflate', whole: deflateSync, part: (bytes) => deflateSync(bytes, flushed) },
  {
    name: 'deflate without a header',
    coding: 'deflate',
    whole: deflateRawSync,
    part: (bytes) => deflateRawSync(bytes, flushed),
  },
  {
    name: 'br',
    coding: 'br',
    whole: brotliCompressSync,
    part: (bytes) => brotliCompressSync(bytes, { finishFlush: constants.BROTLI_OPERATION_FLUSH }),
  },
  {
    name: 'zstd',
    coding: 'zstd',
    whole: zstdCompressSync,
    part: (bytes) => zstdCompressSync(bytes, { finishFlush: constants.ZSTD_e_flush }),
  },
];

/** Neither a block nor a frame of any coding. */
const GARBAGE = Buffer.alloc(64, 0xff);

/** An event stream of these bytes, in writes of a few of them. */
function coded(coding: string, body: Buffer, fault?: FaultResponse['fault']): FaultResponse {
  const headers = { 'content-type': 'text/event-stream', 'content-encoding': coding };
  return { headers, body, split: { everyBytes: 11 }, ...(fault !== undefined && { fault }) };
}

/** A response, which may wait until the first text has been delivered. */
type Answer = (begun: Promise<void>) => FaultResponse;

describe.each(['HTTP/1.1', 'HTTP/2'] as const)('a compressed body over %s', (over) => {
  const networkOf = networks(over);

  /** How a reply ends, while another one is running, over HTTP/2 on the same connection. Then one more must work, without an encoding. */
  async function endOf(answer: Answer): Promise<string> {
    const network = networkOf('eof');
    await using server = await faultServer(network);
    const model = providerOf('openai-chat', server, network);
    const pipeline = new Pipeline([provider(model)], { executionTimeoutMs: 20_000 });
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    const ask = (onChunk?: () => void) => accountOf(pipeline.executeStream('user', 'Hi'), onChunk);
    const pace = manualGate();
    server.enqueue({ stream, gate: pace.gate }, answer(begun), { stream });
    const other = ask();
    await server.nextRequest();
    const end = told(await ask(resolve));
    expect(told(await ask())).toBe(WHOLE);
    pace.open();
    expect(told(await other)).toBe(WHOLE);
    await model.close?.();
    await server.socketsClosed();
    server.assertDrained();
    expect(strayRequests(server, network, undefined)).toEqual([]);
    if (over === 'HTTP/2') expect(new Set(server.requests.map((one) => one.connection.index)).size).toBe(1);
    return end;
  }

  it.each(CODINGS)('in $name is decoded', async ({ coding, whole }) => {
    expect(await endOf(() => coded(coding, whole(all)))).toBe(WHOLE);
  });

  it.each(CODINGS)('in $name delivers what has come before the rest', async ({ coding, part }) => {
    const body = part(beginning);
    const ends = (begun: Promise<void>) => ({ kind: 'eof', at: { byte: body.length }, gate: begun }) as const;
    // It would wait without end if the first text did not come.
    expect(await endOf((begun) => coded(coding, body, ends(begun)))).toBe(
      'network after "Hello", partial "Hello"',
    );
  });

  it.each(CODINGS)('in $name whose stream is reset is a network error', async ({ coding, part }) => {
    const body = part(beginning);
    const lost = (begun: Promise<void>) =>
      ({ kind: 'reset', at: { byte: body.length }, gate: begun }) as const;
    expect(await endOf((begun) => coded(coding, body, lost(begun)))).toBe(
      'network after "Hello", partial "Hello"',
    );
  });

  it.each(CODINGS)('in $name that ends within it is a network error', async ({ coding, whole }) => {
    const body = whole(all);
    expect(await endOf(() => coded(coding, body.subarray(0, body.length >> 1)))).toMatch(/^network after /);
  });

  it.each(CODINGS)('that claims to be $name, but is not, is a protocol error', async ({ coding }) => {
    expect(await endOf(() => coded(coding, Buffer.from('data: {"a":1}\n\n'.repeat(9))))).toBe(
      'protocol after "", partial ""',
    );
  });

  it.each(CODINGS)('in $name with garbage in the middle is a protocol error', async ({ coding, part }) => {
    const body = part(beginning);
    const garbage = (begun: Promise<void>) =>
      ({ kind: 'garbage', at: { byte: body.length }, data: GARBAGE, gate: begun }) as const;
    expect(await endOf((begun) => coded(coding, body, garbage(begun)))).toBe(
      'protocol after "Hello", partial "Hello"',
    );
  });

  it('in an unknown encoding is a protocol error', async () => {
    expect(await endOf(() => coded('rot13', all))).toBe('protocol after "", partial ""');
  });
});
