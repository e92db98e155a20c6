// The tools of a prompt pack: the file declares them, and the program binds a function to each name.
import { isSluiceError } from 'sluice';
import { openConversation, parsePack } from 'sluice/conversation';
import { scripted } from 'sluice/testing';

// In a program of yours: await loadPack('./orders.pack.json').
const pack = parsePack({
  id: 'orders',
  name: 'Orders',
  version: '1.0.0',
  template_engine: { version: 'v1', syntax: '{{variable}}' },
  prompts: {
    chat: {
      id: 'chat',
      name: 'Chat',
      version: '1.0.0',
      system_template: 'You answer questions about orders.',
      tools: ['lookup', 'refund'],
      tool_policy: { max_rounds: 3, blocklist: ['refund'] },
    },
  },
  tools: {
    lookup: {
      name: 'lookup',
      description: 'Looks up an order',
      parameters: {
        type: 'object',
        properties: { order: { type: 'string', pattern: '^[0-9]+$' } },
        required: ['order'],
      },
    },
    refund: { name: 'refund', description: 'Pays an order back' },
  },
});

const model = scripted([
  { toolCalls: [{ name: 'lookup', arguments: { order: 'seven' } }] },
  { toolCalls: [{ name: 'lookup', arguments: { order: '7' } }] },
  'Order 7 was sent on Monday.',
]);

await using conversation = openConversation({
  pack,
  prompt: 'chat',
  provider: model,
  tools: { lookup: ({ order }) => ({ order, sent: 'Monday' }) },
});

for await (const chunk of conversation.stream('Where is order 7?')) {
  if (chunk.type === 'tool_call') console.log(`> ${chunk.name} ${JSON.stringify(chunk.arguments)}`);
  if (chunk.type === 'tool_result') console.log(`< ${chunk.isError ? 'error: ' : ''}${chunk.content}`);
  if (chunk.type === 'content') process.stdout.write(chunk.content);
}
console.log('\noffered:', model.requests[0]?.tools?.map(({ name }) => name).join());

try {
  openConversation({ pack, prompt: 'chat', provider: model });
} catch (error) {
  if (!isSluiceError(error)) throw error;
  console.log(error.code, '-', error.message);
}
