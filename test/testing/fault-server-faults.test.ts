import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { request as undiciRequest } from 'undici';

import type { Fault, FaultResponse, Split } from '../../testing/upstream/fault-response.ts';
import { faultServer, type FaultServer } from '../../testing/upstream/fault-server.ts';
import { manualGate } from '../../testing/manual-gate.ts';
import { messagesErrorLine, responsesErrorLine } from '../../testing/upstream/provider-errors.ts';
import { encodeStream } from '../../testing/upstream/wires.ts';
import { parseLine, textAt } from '../support/json.ts';
import { rawPost } from '../support/raw-client.ts';

const stream = { lines: ['{"type":"a","text":"one"}', '{"type":"b","text":"two"}', '{"type":"c"}'] };
const parts = [...encodeStream(stream, 'anthropic-messages')].map((frame) =>
  Buffer.from(frame.bytes).toString(),
);
const whole = parts.join('');
const CHAT = '/v1/chat/completions';

let server: FaultServer;

beforeEach(async () => {
  server = await faultServer();
});

afterEach(async () => {
  await server.close();
});

/** What a client that reads bytes sees of one response, up to the end of its body or connection. */
async function seen(response: FaultResponse, path = '/v1/messages') {
  server.enqueue(response);
  const client = rawPost(server.port, path);
  const request = await server.nextRequest();
  const state = await request.closed;
  await Promise.race([client.ended, client.until(() => client.bodyEnded)]);
  const how = client.bodyEnded ? 'body ended' : await client.ended;
  const { body, received, chunkSizes } = client;
  client.socket.destroy();
  return { body, received, chunkSizes, how, state };
}

describe('a cut connection', () => {
  it.each([0, 1, 17, whole.length - 1, whole.length, whole.length + 100])(
    'ends with FIN at byte %d',
    async (byte) => {
      const { body, how, state } = await seen({ stream, fault: { kind: 'fin', at: { byte } } });
      expect([body, how, state]).toEqual([whole.slice(0, byte), 'end', 'cut']);
      expect(server.log.slice(1)).toEqual(['headers 0 200', 'fault 0 fin', 'cut 0']);
    },
  );

  it.each([0, 1, 17, whole.length])('ends with RST at byte %d', async (byte) => {
    const { body, how, state } = await seen({ stream, fault: { kind: 'rst', at: { byte } } });
    expect([body, how, state]).toEqual([whole.slice(0, byte), 'ECONNRESET', 'cut']);
  });

  it.each([0, 1, 17])('can be a clean end of the body at byte %d', async (byte) => {
    const { body, how, state } = await seen({ stream, fault: { kind: 'eof', at: { byte } } });
    expect([body, how, state]).toEqual([whole.slice(0, byte), 'body ended', 'finished']);
  });

  it('can come before an event, wherever its bytes are', async () => {
    const { body } = await seen({ stream, fault: { kind: 'eof', at: { event: 2 } } });
    expect(body).toBe(`${parts[0]}${parts[1]}`);
  });

  it('comes before the sentinel by default', async () => {
    const { body } = await seen({ stream, fault: { kind: 'eof' } }, CHAT);
    expect(body).toBe(stream.lines.map((line) => `data: ${line}\n\n`).join(''));
  });

  it.each([
    ['fin', 'end'],
    ['eof', 'end'],
    ['rst', 'ECONNRESET'],
  ] as const)('can come instead of the headers: %s', async (kind, expected) => {
    const { received, how } = await seen({ stream, fault: { kind, at: 'headers' } });
    expect([received, how]).toEqual(['', expected]);
  });

  it('can be in a body that is not a stream', async () => {
    const { body } = await seen({ body: { hello: 'world' }, fault: { kind: 'fin', at: { byte: 5 } } });
    expect(body).toBe('{"hel');
  });

  it('is an error for undici after FIN and RST, and an end after EOF', async () => {
    const results: string[] = [];
    for (const kind of ['fin', 'rst', 'eof'] as const) {
      server.enqueue({ stream, fault: { kind, at: { event: 1 } } });
      const { body } = await undiciRequest(`${server.url}/v1/messages`, { method: 'POST', body: '{}' });
      results.push(
        await body.text().then(
          (text) => `text ${text.length}`,
          (error: unknown) => textAt(error, 'code'),
        ),
      );
    }
    expect(results).toEqual(['UND_ERR_SOCKET', 'ECONNRESET', `text ${parts[0]?.length}`]);
  });

  it('waits for its gate, after everything before it was sent', async () => {
    const pace = manualGate();
    server.enqueue({ stream, fault: { kind: 'rst', at: { event: 1 }, gate: pace.gate } });
    const client = rawPost(server.port, '/v1/messages');
    await client.until(() => client.body === parts[0]);
    expect(server.log).toEqual(['request 0 POST /v1/messages', 'headers 0 200']);
    pace.open();
    expect(await client.ended).toBe('ECONNRESET');
  });
});

describe('a stall', () => {
  it.each([{ event: 1 }, 'headers'] as const)(
    'at %j keeps the socket open until the client leaves',
    async (at) => {
      server.enqueue({ stream, fault: { kind: 'stall', at } });
      const client = rawPost(server.port, '/v1/messages');
      const request = await server.nextRequest();
      if (at !== 'headers') await client.until(() => client.body === parts[0]);
      expect([request.state, server.openSockets]).toEqual([at === 'headers' ? 'waiting' : 'answering', 1]);
      client.socket.destroy();
      expect(await request.closed).toBe('client-left');
      expect(server.log.slice(-2)).toEqual(['fault 0 stall', 'client-left 0']);
    },
  );
});

describe('garbage', () => {
  it('is sent at its position, and the body goes on', async () => {
    const fault: Fault = { kind: 'garbage', at: { byte: 20 }, data: '<junk>' };
    const { body, how } = await seen({ stream, fault });
    expect([body, how]).toEqual([`${whole.slice(0, 20)}<junk>${whole.slice(20)}`, 'body ended']);
  });

  it('is sent at its position, and the body ends', async () => {
    const { body } = await seen({
      stream,
      fault: { kind: 'garbage', at: { event: 1 }, data: '<junk>', then: 'eof' },
    });
    expect(body).toBe(`${parts[0]}<junk>`);
  });

  it('breaks any JSON and ends no line by default', async () => {
    const at = { byte: parts[0]?.indexOf('one') ?? 0 };
    const { body } = await seen({ stream, fault: { kind: 'garbage', at } });
    expect(body.length).toBe(whole.length + 64);
    const payload = body.split('\n')[1]?.slice('data: '.length) ?? '';
    expect(payload).toHaveLength((stream.lines[0]?.length ?? 0) + 64);
    const put = at.byte - 'event: a\ndata: '.length;
    const rubbish = [...Buffer.from(payload.slice(put, put + 64), 'latin1')];
    expect(
      rubbish.filter((code) => (code >= 9 && code <= 13) || (code >= 32 && code < 128) || code === 0),
    ).toEqual([]);
    expect(() => parseLine(payload)).toThrow(SyntaxError);
  });
});

describe('an error event', () => {
  it('follows the events before it, and the body ends without a sentinel', async () => {
    const lines = [messagesErrorLine()];
    const { body, how } = await seen({ stream, fault: { kind: 'error', at: { event: 1 }, lines } });
    expect(how).toBe('body ended');
    expect(body).toBe(`${parts[0]}event: error\ndata: ${lines[0]}\n\n`);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ type: 'error', error: { type: 'overloaded_error' } });
  });

  it('of the Responses API is a top-level event', async () => {
    const lines = [responsesErrorLine({ status: 429, message: 'slow down' })];
    const { body } = await seen(
      { stream, fault: { kind: 'error', at: { event: 0 }, lines } },
      '/v1/responses',
    );
    expect(body).toBe(
      'event: error\ndata: {"type":"error","sequence_number":0,"code":"rate_limit_exceeded","message":"slow down","param":null}\n\n',
    );
  });

  it('comes after all events by default', async () => {
    const { body } = await seen({ stream, fault: { kind: 'error', lines: ['{"error":{}}'] } }, CHAT);
    expect(body.split('\n\n').slice(-3)).toEqual([`data: ${stream.lines[2]}`, 'data: {"error":{}}', '']);
  });
});

describe('splits', () => {
  const cases: [string, Split | undefined, number[]][] = [
    ['none', undefined, [whole.length]],
    ['one an event', 'event', parts.map((part) => part.length)],
    ['by size', { everyBytes: 40 }, [40, 40, whole.length - 80]],
    ['at offsets', { atBytes: [50, 3] }, [3, 47, whole.length - 50]],
  ];

  it.each(cases)('%s: writes have the expected sizes', async (_name, split, sizes) => {
    const { body, chunkSizes } = await seen(split === undefined ? { stream } : { stream, split });
    expect(body).toBe(whole);
    expect(chunkSizes).toEqual(sizes);
  });

  it('at random are the same for the same seed, and different for another', async () => {
    const sizes: (readonly number[])[] = [];
    for (const seed of [1, 1, 2]) {
      const { body, chunkSizes } = await seen({ stream, split: { seed, maxBytes: 10 } });
      expect(body).toBe(whole);
      expect(Math.max(...chunkSizes)).toBeLessThanOrEqual(10);
      sizes.push(chunkSizes);
    }
    expect(sizes[1]).toEqual(sizes[0]);
    expect(sizes[2]).not.toEqual(sizes[0]);
  });

  it('reach a client in the same process one by one', async () => {
    server.enqueue({ stream, split: { everyBytes: 10 } });
    const client = rawPost(server.port, '/v1/messages');
    const reads: number[] = [];
    client.socket.on('data', (data: Buffer) => reads.push(data.length));
    await client.until(() => client.bodyEnded);
    const framed = (bytes: number) => `${bytes.toString(16)}\r\n`.length + bytes + 2;
    // The first read has the headers. The last one may include the end of the body.
    expect(reads.slice(1, 12)).toEqual(Array.from({ length: 11 }, () => framed(10)));
    client.socket.destroy();
  });

  it('refuse impossible sizes, naming the option', async () => {
    server.enqueue({ stream, split: { everyBytes: 0 } });
    await expect(fetch(server.url, { method: 'POST' }).then((response) => response.text())).rejects.toThrow();
    expect(() => server.assertDrained()).toThrow('split.everyBytes is 0. Expected at least 1 byte.');
  });
});

it('a gate function is called with the number of each event and of the sentinel', async () => {
  const asked: number[] = [];
  await seen({ stream, gate: (event) => asked.push(event) }, CHAT);
  expect(asked).toEqual([0, 1, 2, 3]);
});

it('an interval spaces the events in real time', async () => {
  const started = performance.now();
  const { chunkSizes } = await seen({ stream, intervalMs: 5 });
  expect(chunkSizes).toEqual(parts.map((part) => part.length));
  expect(performance.now() - started).toBeGreaterThan(8);
});

it('works while the test uses fake timers', async () => {
  vi.useFakeTimers();
  try {
    const { body } = await seen({
      stream,
      split: 'event',
      intervalMs: 1,
      fault: { kind: 'rst', at: { event: 2 } },
    });
    expect(body).toBe(`${parts[0]}${parts[1]}`);
  } finally {
    vi.useRealTimers();
  }
});
