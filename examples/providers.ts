// OpenAI (both APIs), a compatible server, and Anthropic. This example uses a local server that imitates their APIs; with a key, leave `baseURL` out.
import { Pipeline, type Message, type Provider } from 'sluice';
import { provider } from 'sluice/middleware';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { chatStream, faultServer, messagesStream, responsesStream } from 'sluice/testing';

await using server = await faultServer();
const apiKey = 'none';

const picture: Message = {
  role: 'user',
  content: [
    { type: 'text', text: 'What is on the picture?' },
    { type: 'image', url: 'https://example.com/cat.png', detail: 'low' },
  ],
};

async function ask(name: string, model: Provider): Promise<void> {
  await using pipeline = new Pipeline([provider(model)]);
  const { response, usage, warnings } = await pipeline.execute(picture, {
    parameters: { temperature: 0, maxTokens: 300, reasoning: { effort: 'low' } },
    responseFormat: {
      type: 'json_schema',
      name: 'seen',
      schema: { type: 'object', properties: { animal: { type: 'string' } }, required: ['animal'] },
    },
  });
  console.log(`${name}: ${response.content} (${response.finishReason}, ${usage.totalTokens} tokens)`);
  if (response.thinking !== '') console.log(`  thought: ${response.thinking}`);
  for (const warning of warnings) console.log(`  warning: ${warning}`);
}

server.enqueue({
  stream: chatStream({ text: '{"animal":"cat"}', usage: { inputTokens: 90, outputTokens: 6 } }),
});
await ask('openai chat', openai({ apiKey, baseURL: server.openaiBaseURL }));

server.enqueue({ stream: responsesStream({ text: '{"animal":"cat"}' }) });
await ask('openai responses', openai({ apiKey, baseURL: server.openaiBaseURL, api: 'responses' }));

server.enqueue({ stream: chatStream({ text: '{"animal":"cat"}' }) });
await ask('a local server', openai({ name: 'ollama', model: 'llava', baseURL: server.openaiBaseURL }));

server.enqueue({ stream: messagesStream({ thinking: 'Whiskers.', text: '{"animal":"cat"}' }) });
await ask(
  'anthropic',
  anthropic({ apiKey, baseURL: server.anthropicBaseURL, thinking: { budgetTokens: 1024 } }),
);

for (const { method, path } of server.requests) console.log(method, path);
