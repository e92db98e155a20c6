// What calls cost, in parts and in total; your own prices; budgets that refuse or interrupt. No network, no key.
import { Pipeline, SluiceError } from 'sluice';
import { constant } from 'sluice/kit';
import { provider, retry } from 'sluice/middleware';
import { cost } from 'sluice/middleware/cost';
import { scripted } from 'sluice/testing';

const dollars = (usd: number | undefined): string => (usd === undefined ? 'unknown' : `$${usd.toFixed(6)}`);
// A model that pretends to be one of OpenAI's, because the names decide the price.
const names = { name: 'openai', model: 'gpt-5-mini', repeat: true };
const usage = { inputTokens: 12_000, cachedInputTokens: 10_000, outputTokens: 800, reasoningTokens: 300 };

const watched = cost({
  key: ({ request }) => String(request.metadata?.['tenant']),
  onCost: ({ key, call, model, cost: { status, totalUsd } }) =>
    console.log(`${key} call ${call.number} of ${model}: ${dollars(totalUsd)}, ${status}`),
});
const busy = {
  error: new SluiceError('overloaded', 'Busy.', { status: 529 }),
  after: 0,
  usage: false,
} as const;
const answers = scripted([busy, { text: 'Paris.', usage }], names);
const pipeline = new Pipeline([watched, retry({ backoff: constant(1) }), provider(answers)]);
const { cost: sum } = await pipeline.execute('user', 'Capital of France?', { metadata: { tenant: 'acme' } });
console.log(
  `input ${dollars(sum.inputUsd)}, cached ${dollars(sum.cacheReadUsd)}, output ${dollars(sum.outputUsd)}`,
);

const local = scripted({ text: 'Paris.', usage }, { name: 'ollama', model: 'llama3.2', repeat: true });
const unknown = await new Pipeline([cost(), provider(local)]).execute('user', 'Capital of France?');
const prices = { 'ollama/*': { input: 0, output: 0 } };
const free = await new Pipeline([cost({ prices }), provider(local)]).execute('user', 'Capital of France?');
console.log(`ollama: ${unknown.cost.status}; with a price of its own: ${dollars(free.cost.totalUsd)}`);

const story = Array.from({ length: 2_000 }, () => 'once upon a time ');
const short = new Pipeline([
  cost({ budgets: [{ usd: 0.0005, per: 'execution' }] }),
  provider(scripted({ text: story }, names)),
]);
const { outcome, reason, response } = await short.execute('user', 'Tell me a long story');
console.log(`${outcome} after ${response.content.length} characters: ${reason}`);

const daily = new Pipeline([
  cost({ budgets: [{ usd: 0.004, per: 'day', name: 'trial' }] }),
  provider(scripted({ text: 'Paris.', usage }, names)),
]);
for (let question = 1; question <= 3; question++) {
  try {
    await daily.execute('user', 'Capital of France?');
    console.log(`question ${question} answered`);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    console.log(`question ${question}: ${error.code}. ${error.message}`);
  }
}
