import { expect, it } from 'vitest';

import { provider } from '../../middleware/provider.ts';
import { openai } from '../../providers/openai/index.ts';
import { Pipeline } from '../../src/index.ts';
import { chatStream } from '../../testing/upstream/chat-stream.ts';
import { faultServer } from '../../testing/upstream/fault-server.ts';
import type { RecordedRequest } from '../../testing/upstream/recorded-request.ts';
import { loopTurn } from '../../testing/upstream/response-writer.ts';
import { accountOf } from './account.ts';
import { networks } from './matrix.ts';

/** Pieces of 10 kB, each of which is different. */
function pieces(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${at} `.padEnd(10_000, '.'));
}

/** Waits until the server can send no more. */
async function heldBack(request: RecordedRequest): Promise<number> {
  for (let before = -1; before !== request.bytesSent;) {
    before = request.bytesSent;
    for (let turn = 0; turn < 50; turn++) await loopTurn();
  }
  return request.bytesSent;
}

const networkOf = networks('HTTP/2');

it.each([
  { slow: 1, fast: 15, kilobytes: 20_000 },
  // Together they fill the window of the connection twice.
  { slow: 8, fast: 8, kilobytes: 3_000 },
])(
  '$slow paused readers of $kilobytes kB hold their server back, but none of the $fast other streams of the connection',
  async ({ slow, fast, kilobytes }) => {
    await using server = await faultServer(networkOf('eof'));
    const limits = { maxOutputCharacters: 32_000_000 };
    const model = openai({ apiKey: 'test', model: 'test-model', baseURL: server.openaiBaseURL, limits });
    const pipeline = new Pipeline([provider(model)], { executionTimeoutMs: 0, idleTimeoutMs: 0 });
    const long = pieces(kilobytes / 10);
    const short = pieces(50);
    const resumed = Promise.withResolvers<void>();
    server.always({ stream: chatStream({ text: long }) });
    const paused = Array.from({ length: slow }, () => {
      const begun = Promise.withResolvers<void>();
      const account = accountOf(pipeline.executeStream('user', 'Hi'), async () => {
        begun.resolve();
        await resumed.promise;
      });
      return { begun: begun.promise, account };
    });
    await Promise.all(paused.map(({ begun }) => begun));
    const held = [...server.requests];
    const sent = await Promise.all(held.map(heldBack));
    server.always({ stream: chatStream({ text: short }) });
    const others = Array.from({ length: fast }, () => accountOf(pipeline.executeStream('user', 'Hi')));
    for (const { text } of await Promise.all(others)) expect(text === short.join('')).toBe(true);

    expect(await Promise.all(held.map(heldBack))).toEqual(sent);
    // The window of a stream, what the server had already handed over, and what waits in the reader.
    expect(Math.max(...sent)).toBeLessThan(1024 * 1024);
    expect(Math.min(...sent)).toBeGreaterThan(250_000);
    resumed.resolve();
    for (const { account } of paused) {
      const { text, result } = await account;
      expect(result).toBe('resolved');
      expect(text === long.join('')).toBe(true);
    }
    const connections = server.requests.map(({ connection: { protocol, index } }) => `${protocol} ${index}`);
    expect(new Set(connections)).toEqual(new Set(['h2 0']));
    await model.close?.();
    await server.socketsClosed();
  },
);
