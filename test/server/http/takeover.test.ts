import { expect, test, vi } from 'vitest';
import { MemoryStore, Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { ToolLimits } from 'sluice/middleware/tools';
import { RequestCaller, RequestContext, createServer } from 'sluice/server';
import type { ServerOptions, SluiceServer } from 'sluice/server';
import { memoryLog } from 'sluice/server/chunk-log';
import { scripted } from 'sluice/testing';
import { memoryCounter } from '../../../server/callers/memory-counter.ts';
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
function processes(
  options: Partial<ServerOptions>,
  other: Middleware = tells(false),
): [SluiceServer, SluiceServer] {
  const log = Object.assign(memoryLog(), { isShared: true });
  const store = new MemoryStore();
  const limits = { concurrentStreams: 3, usdPerDay: 9, unknownCost: 'allow' as const };
  const tokens = { secret: { id: 'ada', organizations: ['acme'], limits } };
  const server = (layer: Middleware): SluiceServer =>
    createServer(new Pipeline([layer], { store }), {
      ...{ auth: { tokens }, resumable: true, log },
      ...options,
    });
  return [server(tells(true)), server(other)];
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
      {
        id: 'ada',
        organizations: ['acme'],
        limits: { concurrentStreams: 3, usdPerDay: 9, unknownCost: 'allow' },
      },
      ...[{ page: 7 }, { maxRounds: 2 }],
    ];
    expect(texts.map((text): unknown => JSON.parse(text))).toEqual([whole, whole]);
    expect(said.at(-1)).toMatchObject({ type: 'end', outcome: 'completed' });
    // A client of the first one is cut off, or has all of it already.
    await first.text().catch(() => undefined);
    await two.close();
  },
);

test('what a turn uses at the process that goes on with it is counted there, for its caller', async () => {
  const counter = memoryCounter();
  const spent = vi.spyOn(counter, 'spend');
  const [one, two] = processes({ counter }, provider(scripted(['Hello'])));
  const first = await ask(one, 'agent/stream', { input: 'Hi', turn_id: 't', conversation_id: 'c' });
  const reader = await ask(two, 'streams/t?format=sluice');
  await one.close({ timeoutMs: 0 });
  expect(await reader.text()).toContain('Hello');
  await two.close();
  const calls = spent.mock.calls.map(([caller, , { tokens }]) => [caller, tokens]);
  expect(calls.filter(([, tokens]) => tokens !== 0)).toEqual([['ada', 20]]);
  await first.text().catch(() => undefined);
});
