// A conversation with a pipeline: turns, a stream, a fork, and a fresh start.
import { Pipeline } from 'sluice';
import { openConversation } from 'sluice/conversation';
import { provider, retry } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';

await using pipeline = new Pipeline([retry(), provider(demo({ wordDelayMs: 0 }))]);
await using conversation = openConversation({ pipeline, session: { owner: 'acme', id: 'user-123' } });

await conversation.send('My name is Ada.');
const { response } = await conversation.send('What is my name?');
console.log(conversation.id, '->', response.content);

// A turn as a stream. Its last chunk is `done`, with the result.
for await (const chunk of conversation.stream('What is 6 * 7?')) {
  if (chunk.type === 'content') process.stdout.write(chunk.content);
  if (chunk.type !== 'done') continue;
  const { usage, cost, latencyMs } = chunk.result;
  console.log(`\n-- ${usage.totalTokens} tokens, cost ${cost.status}, ${latencyMs.toFixed(0)} ms`);
}

// Two turns at once run one after the other; their messages do not mix.
await Promise.all([
  conversation.send('Write a haiku about rivers'),
  conversation.send('Write a haiku about snow'),
]);
console.log('said:', (await conversation.history()).map(({ role }) => role).join(' '));

// A fork begins with a copy of the first messages. From then on the two conversations are independent.
await using fork = await conversation.fork({ at: 2 });
await fork.send('What is my name?');
console.log(
  'fork:',
  (await fork.history()).length,
  'messages; the first one has',
  (await conversation.history()).length,
);

await conversation.clear();
console.log('cleared:', (await conversation.history()).length, 'messages');
