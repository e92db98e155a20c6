// An agent with two tools: the loop runs what the model calls, and asks again with the results.
import { Pipeline } from 'sluice';
import { constant } from 'sluice/kit';
import { cost } from 'sluice/middleware/cost';
import { provider, retry } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import * as z from 'zod';

const find = tool({
  name: 'find_city',
  description: 'Finds a city by its name',
  input: z.object({ name: z.string() }),
  output: z.object({ latitude: z.number(), longitude: z.number() }),
  execute: ({ name }) => {
    const places: Record<string, { latitude: number; longitude: number }> = {
      rome: { latitude: 41.9, longitude: 12.5 },
      oslo: { latitude: 59.9, longitude: 10.8 },
    };
    const place = places[name.toLowerCase()];
    if (place === undefined) throw new Error(`There is no city ${name}.`);
    return place;
  },
});

const weather = tool({
  name: 'weather',
  description: 'The weather at a place',
  input: z.object({ latitude: z.number(), longitude: z.number() }),
  timeoutMs: 5_000,
  idempotent: true,
  execute: ({ latitude }, { progress }) => {
    progress('Asking the station.');
    return { degrees: Math.round(50 - latitude / 2), sky: 'clear' };
  },
});

// A scripted model, so that this runs without a key: put openai() or anthropic() in its place.
const model = scripted([
  {
    toolCalls: [
      { name: 'find_city', arguments: { name: 'Rome' } },
      { name: 'find_city', arguments: { name: 'Atlantis' } },
    ],
  },
  { toolCalls: [{ name: 'weather', arguments: { latitude: 41.9, longitude: 12.5 } }] },
  'It is 29 degrees in Rome. I do not know Atlantis.',
]);

await using pipeline = new Pipeline([
  cost(),
  tools([find, weather], { maxRounds: 5 }),
  retry({ backoff: constant(100) }),
  provider(model),
]);

const stream = pipeline.executeStream('user', 'How warm is it in Rome and in Atlantis?');
for await (const chunk of stream) {
  if (chunk.type === 'tool_call') console.log(`> ${chunk.name} ${JSON.stringify(chunk.arguments)}`);
  if (chunk.type === 'tool_progress') console.log(`  ${String(chunk.data)}`);
  if (chunk.type === 'tool_result') console.log(`< ${chunk.isError ? 'error: ' : ''}${chunk.content}`);
  if (chunk.type === 'content') process.stdout.write(chunk.content);
}
const { usage, trace } = await stream.result;
console.log(`\n${usage.totalTokens} tokens in ${trace.filter(({ kind }) => kind === 'call').length} calls`);
