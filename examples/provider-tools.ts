// A search that the provider runs itself, and a picture that the model makes. This example uses a local server that imitates both APIs.
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { faultServer, messagesStream } from 'sluice/testing';

await using server = await faultServer();
const apiKey = 'none';

server.enqueue({
  stream: messagesStream({
    blocks: [
      {
        type: 'other',
        block: { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'rivers' } },
      },
      {
        type: 'other',
        block: {
          type: 'web_search_tool_result',
          tool_use_id: 'srvtoolu_1',
          content: [{ type: 'web_search_result', title: 'Rivers', url: 'https://example.com/rivers' }],
        },
      },
      { type: 'text', text: 'Rivers run.' },
    ],
  }),
});
const searching = new Pipeline([provider(anthropic({ apiKey, baseURL: server.anthropicBaseURL }))]);
for await (const chunk of searching.executeStream('user', 'What do rivers do?')) {
  // There is nothing to run or to answer: both are sent back to the model in the next turn, unchanged.
  if (chunk.type === 'tool_call')
    console.log(`${chunk.name}, run by the provider: ${chunk.providerExecuted === true}`);
  if (chunk.type === 'tool_result') console.log(`found: ${chunk.content}`);
  if (chunk.type === 'content') console.log(`said: ${chunk.content}`);
}

const picture = { type: 'image_url', image_url: { url: 'data:image/png;base64,aGVsbG8=' } };
const piece = (delta: object, finish_reason: string | null = null): string =>
  JSON.stringify({ id: 'c1', choices: [{ index: 0, delta, finish_reason }] });
server.enqueue({
  stream: {
    lines: [
      piece({ role: 'assistant', images: [picture] }),
      piece({ content: 'Here it is.' }),
      piece({}, 'stop'),
    ],
  },
});
const drawing = new Pipeline([
  provider(openai({ name: 'openrouter', apiKey, baseURL: server.openaiBaseURL, model: 'an-image-model' })),
]);
await drawing.executeStream('user', 'Draw a river.').handle({
  onFile: ({ mediaType, data = '' }) =>
    console.log(`drawn: ${mediaType}, ${Buffer.from(data, 'base64').length} bytes`),
  onContent: (text) => console.log(`said: ${text}`),
});
