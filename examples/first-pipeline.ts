// A pipeline with a system prompt and a model: as a stream, as a result, and as plain text.
import { Pipeline } from 'sluice';
import { provider, system } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';

await using pipeline = new Pipeline([
  system('You are a poet.'),
  provider(demo({ wordDelayMs: 0 }), { maxTokens: 200 }),
]);

const stream = pipeline.executeStream('user', 'Write a haiku about rivers');
for await (const chunk of stream) if (chunk.type === 'content') process.stdout.write(chunk.content);
const { usage, response } = await stream.result;
console.log(`\n-- ${response.finishReason}, ${usage.totalTokens} tokens`);

const drained = await pipeline.execute({ role: 'user', content: [{ type: 'text', text: 'Say hello' }] });
console.log(drained.response.content);

console.log(await pipeline.executeStream('user', 'Say hello').text());
