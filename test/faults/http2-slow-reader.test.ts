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

it('a reader of 20 MB that pauses holds its server back, but none of the 15 other streams of its connection', async () => {
  await using server = await faultServer(networkOf('eof'));
  const limits = { maxOutputCharacters: 32_000_000 };
  const model = openai({ apiKey: 'test', model: 'test-model', baseURL: server.openaiBaseURL, limits });
  const pipeline = new Pipeline([provider(model)], { executionTimeoutMs: 0, idleTimeoutMs: 0 });
  const long = pieces(2_000);
  const short = pieces(50).join('');
  server.enqueue({ stream: chatStream({ text: long }) });
  server.always({ stream: chatStream({ text: pieces(50) }) });

  const resumed = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const slow = accountOf(pipeline.executeStream('user', 'Hi'), async () => {
    begun.resolve();
    await resumed.promise;
  });
  await begun.promise;
  const [request] = server.requests;
  if (request === undefined) throw new Error('There is no request.');
  const sent = await heldBack(request);
  const fast = Array.from({ length: 15 }, () => accountOf(pipeline.executeStream('user', 'Hi')));
  for (const { text } of await Promise.all(fast)) expect(text === short).toBe(true);

  expect(await heldBack(request)).toBe(sent);
  // The window of a stream, what the server had already handed over, and what waits in the reader.
  expect(sent).toBeLessThan(1024 * 1024);
  expect(request.state).toBe('answering');
  resumed.resolve();
  const { text, result } = await slow;
  expect(result).toBe('resolved');
  expect(text === long.join('')).toBe(true);
  const connections = server.requests.map(({ connection: { protocol, index } }) => `${protocol} ${index}`);
  expect(new Set(connections)).toEqual(new Set(['h2 0']));
  await model.close?.();
  await server.socketsClosed();
});
