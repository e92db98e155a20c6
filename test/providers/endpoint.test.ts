import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { provider } from '../../middleware/index.ts';
import { anthropic } from '../../providers/anthropic/index.ts';
import { openai } from '../../providers/openai/index.ts';
import { Endpoint } from '../../providers/wire/transport/endpoint.ts';
import { Pipeline } from '../../src/index.ts';
import type { ModelRequest, Provider } from '../../src/index.ts';
import { chatStream, faultServer, messagesStream } from '../../testing/index.ts';
import type { FaultServer, RecordedRequest } from '../../testing/index.ts';

/** These headers depend on the transport. The SDK's own fetch sends its own. */
const OF_THE_TRANSPORT = new Set([
  'connection',
  'accept-encoding',
  'accept-language',
  'sec-fetch-mode',
  'host',
]);

function headersOf({ headers }: RecordedRequest): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_THE_TRANSPORT.has(name)));
}

async function requestsOf(server: FaultServer, model: Provider, calls: number): Promise<RecordedRequest[]> {
  const before = server.requests.length;
  const pipeline = new Pipeline([provider(model)]);
  for (let call = 0; call < calls; call++) await pipeline.execute('user', `Call ${call}`);
  return server.requests.slice(before);
}

describe('a client made from the options asks the SDK once for the address and the headers', () => {
  it('and sends what a client of the openai package sends, call after call', async () => {
    await using server = await faultServer();
    server.enqueue(...Array.from({ length: 4 }, () => ({ stream: chatStream({ text: ['Hi'] }) })));
    const baseURL = server.openaiBaseURL;
    const client = new OpenAI({ baseURL, apiKey: 'sk-key', organization: 'org', project: 'proj' });
    const own = { baseURL, apiKey: 'sk-key', organization: 'org', project: 'proj' };
    const [theirs, theirs2] = await requestsOf(server, openai({ client }), 2);
    const [ours, ours2] = await requestsOf(server, openai(own), 2);
    for (const [their, our] of [
      [theirs, ours],
      [theirs2, ours2],
    ]) {
      if (their === undefined || our === undefined) throw new Error('A request is missing.');
      expect([our.method, our.path, our.rawBody]).toEqual([their.method, their.path, their.rawBody]);
      expect(headersOf(our)).toEqual(headersOf(their));
    }
    expect(ours?.rawBody).not.toBe(ours2?.rawBody);
  });

  it('and sends what a client of the anthropic package sends; other betas are other headers', async () => {
    await using server = await faultServer();
    server.enqueue(...Array.from({ length: 4 }, () => ({ stream: messagesStream({ text: ['Hi'] }) })));
    const baseURL = server.anthropicBaseURL;
    const client = new Anthropic({ baseURL, apiKey: 'sk-ant-key' });
    const [theirs] = await requestsOf(server, anthropic({ client, betas: ['one'] }), 1);
    const model = anthropic({ baseURL, apiKey: 'sk-ant-key', betas: ['one'] });
    const [ours] = await requestsOf(server, model, 1);
    if (theirs === undefined || ours === undefined) throw new Error('A request is missing.');
    expect([ours.method, ours.path, ours.rawBody]).toEqual([theirs.method, theirs.path, theirs.rawBody]);
    // Servers that imitate the API know only its older header.
    expect(headersOf(ours)).toEqual({ ...headersOf(theirs), 'x-api-key': 'sk-ant-key' });

    const pipeline = new Pipeline([provider(model)]);
    await pipeline.execute('user', 'Hi', {
      parameters: { providerOptions: { anthropic: { betas: ['two'] } } },
    });
    await pipeline.execute('user', 'Hi');
    const betas = server.requests.slice(-2).map(({ headers }) => headers['anthropic-beta']);
    expect(betas).toEqual(['one,two', 'one']);
  });

  it('and caches at most 32 sets of headers', async () => {
    let built = 0;
    const sent: string[][] = [];
    const endpoint = new Endpoint(
      async (headers) => {
        built++;
        return { url: 'http://127.0.0.1:9/v1', req: { headers: new Headers(headers) } };
      },
      {
        fetch,
        post: async (target) => {
          sent.push(target.headers);
          return new Response('');
        },
        close: async () => undefined,
      },
    );
    const { signal } = new AbortController();
    for (let set = 0; set < 40; set++) await endpoint.post({}, { 'x-set': String(set) }, signal);
    for (let set = 0; set < 40; set++) await endpoint.post({}, { 'x-set': String(set) }, signal);
    expect(built).toBe(48);
    expect(sent.slice(40)).toEqual(sent.slice(0, 40));
  });

  it('and keeps what a request sets for itself', async () => {
    await using server = await faultServer();
    server.enqueue(...Array.from({ length: 2 }, () => ({ stream: chatStream({ text: ['Hi'] }) })));
    const pipeline = new Pipeline([provider(openai({ baseURL: server.openaiBaseURL, apiKey: 'sk-key' }))]);
    const models: ModelRequest['model'][] = ['one', 'two'];
    for (const model of models) await pipeline.execute('user', 'Hi', model === undefined ? {} : { model });
    expect(server.requests.map(({ body }) => body)).toMatchObject([{ model: 'one' }, { model: 'two' }]);
  });
});
