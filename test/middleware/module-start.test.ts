import { afterEach, expect, test, vi } from 'vitest';

afterEach(() => vi.restoreAllMocks());

test('a pipeline of all that is built in, and its server, need no timer, no random number and no request before the first execution', async () => {
  // Modules that nobody has used yet.
  vi.resetModules();
  const { Pipeline } = await import('sluice');
  const { logging, provider, retry, system, timeout } = await import('sluice/middleware');
  const { contextWindow } = await import('sluice/middleware/context-window');
  const { cost } = await import('sluice/middleware/cost');
  const { rateLimit } = await import('sluice/middleware/rate-limit');
  const { anthropic } = await import('sluice/providers/anthropic');
  const { demo } = await import('sluice/providers/demo');
  const { openai } = await import('sluice/providers/openai');
  const { createServer } = await import('sluice/server');
  const { memoryLog } = await import('sluice/server/chunk-log');
  const used: string[] = [];
  const note = (name: string) => (): never => {
    used.push(name);
    throw new Error(`Disallowed where a module starts: ${name}.`);
  };
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(note('setTimeout'));
  vi.spyOn(globalThis, 'setInterval').mockImplementation(note('setInterval'));
  vi.spyOn(globalThis, 'fetch').mockImplementation(note('fetch'));
  vi.spyOn(crypto, 'randomUUID').mockImplementation(note('randomUUID'));
  vi.spyOn(crypto, 'getRandomValues').mockImplementation(note('getRandomValues'));
  vi.spyOn(Math, 'random').mockImplementation(note('random'));
  for (const model of [demo(), openai({ apiKey: 'none' }), anthropic({ apiKey: 'none' })]) {
    const pipeline = new Pipeline([
      logging(),
      cost(),
      system('Be brief.'),
      contextWindow({ maxTokens: 1_000, strategy: 'fail' }),
      retry(),
      rateLimit({ requestsPerMinute: 10, tokensPerMinute: 1_000 }),
      timeout({ idleMs: 1_000 }),
      provider(model),
    ]);
    createServer(pipeline, { auth: false });
    createServer(pipeline, { auth: { tokens: { secret: 'ada' } }, resumable: true, log: memoryLog() });
  }
  expect(used).toEqual([]);
});
