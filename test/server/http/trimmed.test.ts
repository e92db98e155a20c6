import { afterEach, describe, expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { createClient } from 'sluice/client';
import { createServer } from 'sluice/server';
import { memoryLog } from 'sluice/server/chunk-log';
import type { Listening } from 'sluice/server';
import { eventsOf } from '../support.ts';
import { ADA } from './stage.ts';

let listening: Listening | undefined;
afterEach(async () => {
  await listening?.close();
  listening = undefined;
});

/** Says so many words with a report between two of them. */
const wordy = (words: number, length: number): Middleware =>
  async function* talks() {
    for (let at = 0; at < words; at++) {
      yield { type: 'content', content: `${at} `.padEnd(length) };
      yield { type: 'tool_progress', id: 'c', name: 'n', data: 'x'.repeat(300) };
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { finishReason: 'stop' };
  };

/** A server that has run one turn, `turn-1`, which its log has trimmed. */
async function served(
  words: number,
  length = 0,
): Promise<{ url: string; get: (query: string) => Promise<Response> }> {
  const server = createServer(new Pipeline([wordy(words, length)]), {
    auth: { tokens: { [ADA]: 'ada' } },
    ...{ resumable: true, log: memoryLog({ maxStreamBytes: 12_000 }) },
  });
  const { url } = (listening = await server.listen({ port: 0, shutdownTimeoutMs: 0 }));
  const headers = { authorization: `Bearer ${ADA}` };
  const body = JSON.stringify({ input: 'Hi', turn_id: 'turn-1' });
  const json = { ...headers, 'content-type': 'application/json' };
  await (await fetch(`${url}/api/v1/agent/stream`, { method: 'POST', headers: json, body })).text();
  return { url, get: (query) => fetch(`${url}/api/v1/streams/turn-1${query}`, { headers }) };
}

const spoken = (words: number): string => Array.from({ length: words }, (_, at) => `${at} `).join('');

describe('a stream of which the log has dropped the beginning', () => {
  test('is read by our client, whatever it has of it', async () => {
    const { url } = await served(60);
    const client = createClient({ url, token: ADA });
    const whole = client.resume('turn-1');
    const kinds: string[] = [];
    for await (const chunk of whole) if (chunk.type === 'content') kinds.push(chunk.content);
    expect(kinds.join('')).toBe(spoken(60));
    // Its beginning came in one event.
    expect(kinds.length).toBeLessThan(60);
    expect(kinds.some((text) => text.includes('0 1 2 '))).toBe(true);
    for (const after of ['1.0', '4.0', '30.0', '117.0']) {
      const said = Number(after.split('.')[0]);
      const rest = await client.resume('turn-1', { after }).text();
      expect(rest).toBe(spoken(60).slice(spoken(Math.ceil(said / 2)).length));
    }
  });

  test('is told to a simple client in the usual events, or in one if it asks for that', async () => {
    const { get } = await served(60);
    const said = async (query: string) =>
      (await eventsOf(await get(query))).map(({ data }) => JSON.parse(data) as Record<string, unknown>);
    const usual = await said('');
    expect(usual.filter(({ type }) => type === 'content').length).toBe(60);
    const [connected, gap, ...rest] = await said('?include=gap');
    expect([connected?.['type'], gap?.['type']]).toEqual(['connected', 'gap']);
    const events = gap?.['events'] as { type: string; content: string }[];
    expect(events.map(({ type }) => type)).toEqual(['content']);
    const texts = [...events, ...rest].map(({ content }) => content ?? '');
    expect(texts.join('')).toBe(spoken(60));
    expect(rest.some(({ type }) => type === 'gap')).toBe(false);
  });

  test('is a 410 if even its text is too large to be kept, which says what to do', async () => {
    const { get } = await served(60, 400);
    const response = await get('');
    expect(response.status).toBe(410);
    expect(await response.json()).toMatchObject({
      error: {
        code: 'not_found',
        message:
          'The stream has become too large: the server does not keep its beginning any more. Read the conversation instead.',
      },
    });
  });
});
