// Requests that share a limit: some run at once, some wait for their turn, some are refused. No network, no key.
import { Pipeline, SluiceError, contextKey } from 'sluice';
import { provider } from 'sluice/middleware';
import { rateLimit } from 'sluice/middleware/rate-limit';
import { demo } from 'sluice/providers/demo';

// Take the key from what the server knows about its caller, never from a field that the caller can invent.
const Tenant = contextKey<string>('tenant');
const tenant = (context: { get(key: typeof Tenant): string | undefined }): string =>
  context.get(Tenant) ?? '';
const model = provider(demo({ wordDelayMs: 10 }));

console.log('two at once; the others wait in order');
const narrow = new Pipeline([rateLimit({ maxConcurrentRequests: 2, key: tenant }), model]);
const started = performance.now();
await Promise.all(
  ['a', 'b', 'c', 'd'].map(async (name) => {
    const { timeToFirstChunkMs = 0 } = await narrow.execute('user', 'Say hello', {
      values: [Tenant.with('acme')],
    });
    const waited = timeToFirstChunkMs > 50 ? 'waited' : 'ran at once';
    console.log(`  ${name} ${waited}`);
  }),
);
console.log(`  all done after ${performance.now() - started > 100 ? 'two rounds' : 'one round'}`);

console.log('three per minute for each tenant, without waiting');
const strict = new Pipeline([rateLimit({ requestsPerMinute: 3, maxWaitMs: 0, key: tenant }), model]);
for (const name of ['acme', 'acme', 'acme', 'acme', 'globex']) {
  try {
    await strict.execute('user', 'Say hello', { values: [Tenant.with(name)] });
    console.log(`  ${name} done`);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    console.log(`  ${name} ${error.code}, again in ${Math.ceil((error.retryAfterMs ?? 0) / 1_000)} s`);
  }
}

console.log('tokens: what a request does not use becomes available again');
const tokens = new Pipeline([rateLimit({ tokensPerMinute: 600, maxWaitMs: 0 }), model]);
for (const maxTokens of [500, 500, 5_000]) {
  try {
    const { usage } = await tokens.execute('user', 'Say hello', { parameters: { maxTokens } });
    console.log(`  reserved about ${maxTokens}, used ${usage.totalTokens}`);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    console.log(`  ${error.code}: ${error.message}`);
  }
}
