import { expect, test } from 'vitest';
import { MemoryStore, Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { ToolLimits } from 'sluice/middleware/tools';
import { RequestCaller, RequestContext, createServer } from 'sluice/server';
import type { ServerOptions, SluiceServer } from 'sluice/server';
import { memoryLog } from 'sluice/server/chunk-log';
import { eventsOf } from '../support.ts';

/** Says whose turn it is, and with what, and goes on forever if it is to. */
function tells(hangs: boolean): Middleware {
  return async function* tells(context) {
    const what = [RequestCaller, RequestContext, ToolLimits].map((key) => context.get<unknown>(key) ?? null);
    yield { type: 'content', content: JSON.stringify(what) };
    if (hangs) await aborted(context.signal);
    return { finishReason: 'stop' };
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Two processes that share a log and a store. The turns of the first one hang. */
function processes(options: Partial<ServerOptions>): [SluiceServer, SluiceServer] {
  const log = Object.assign(memoryLog(), { isShared: true });
  const store = new MemoryStore();
  const limits = { concurrentStreams: 3 };
  const tokens = { secret: { id: 'ada', organizations: ['acme'], limits } };
  const server = (hangs: boolean): SluiceServer =>
    createServer(new Pipeline([tells(hangs)], { store }), {
      ...{ auth: { tokens }, resumable: true, log },
      ...options,
    });
  return [server(true), server(false)];
}

function ask(server: SluiceServer, path: string, body?: object): Promise<Response> {
  const request = new Request(`http://localhost/api/v1/${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: 'Bearer secret', 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return Promise.resolve(server.fetch(request));
}

test.each<[string, Partial<ServerOptions>, object]>([
  ['with a session', {}, { conversation_id: 'c' }],
  ['of an organization', {}, { conversation_id: 'c', org_id: 'acme' }],
  ['without a session that is asked again', { onOwnerLost: 'restart' }, {}],
  [
    'whose owner the application makes',
    { owner: ({ id }, organization = 'none') => `${organization}:${id}` },
    { conversation_id: 'c' },
  ],
])(
  'a turn %s goes on at another process with its caller, its context and its limits',
  async (_what, options, more) => {
    const [one, two] = processes(options);
    const asked = { input: 'Hi', turn_id: 't', context: { page: 7 }, max_iterations: 2, ...more };
    const first = await ask(one, 'agent/stream?format=sluice', asked);
    const query = 'org_id' in more ? '?format=sluice&org_id=acme' : '?format=sluice';
    const reader = await ask(two, `streams/t${query}`);
    await one.close({ timeoutMs: 0 });
    const said = (await eventsOf(reader)).map(({ data }): unknown => JSON.parse(data));
    const texts = said.flatMap((item) => {
      const content: unknown = Reflect.get(Object(item), 'content');
      return typeof content === 'string' ? [content] : [];
    });
    const whole = [
      { id: 'ada', organizations: ['acme'], limits: { concurrentStreams: 3 } },
      ...[{ page: 7 }, { maxRounds: 2 }],
    ];
    expect(texts.map((text): unknown => JSON.parse(text))).toEqual([whole, whole]);
    expect(said.at(-1)).toMatchObject({ type: 'end', outcome: 'completed' });
    // A client of the first one is cut off, or has all of it already.
    await first.text().catch(() => undefined);
    await two.close();
  },
);
