// A gateway: the official client of OpenAI, with a changed base URL, against a pipeline with a retry and a tool of its own. The client brings another tool, which it runs itself.
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { Pipeline } from 'sluice';
import { provider, retry } from 'sluice/middleware';
import { output } from 'sluice/middleware/output';
import { tool, tools } from 'sluice/middleware/tools';
import { createServer } from 'sluice/server';
import { scripted } from 'sluice/testing';
import * as z from 'zod';

const weather = tool({
  name: 'weather',
  description: 'The weather of a city',
  input: z.object({ city: z.string() }),
  execute: ({ city }) => `21 degrees in ${city}`,
});
// In its place: openai(), anthropic(), or any other provider.
const model = scripted([
  { thinking: 'I look it up.', toolCalls: [{ name: 'weather', arguments: { city: 'Rome' } }] },
  { text: ['It is ', '21 degrees ', 'in Rome.'] },
  { toolCalls: [{ name: 'note', arguments: { text: 'Pack light.' } }] },
  'I have noted it.',
  'Here: {"city":"Rome","degrees":21}',
]);
const pipeline = new Pipeline([tools([weather]), output({ repair: 1 }), retry(), provider(model)]);
const server = createServer({ assistant: pipeline }, { auth: { tokens: { 'secret-of-ada': 'ada' } } });
await using listening = await server.listen({ port: 0 });

const client = new OpenAI({ baseURL: `${listening.url}/v1`, apiKey: 'secret-of-ada' });
for await (const { id } of client.models.list()) console.log('model:', id);

// The server's own tool runs inside: the client sees the answer alone.
const stream = client.chat.completions.stream({
  model: 'assistant',
  messages: [{ role: 'user', content: 'How is the weather in Rome?' }],
  stream_options: { include_usage: true },
});
stream.on('content', (text) => process.stdout.write(text));
const { choices, usage } = await stream.finalChatCompletion();
console.log(`\n${choices[0]?.finish_reason}, ${usage?.total_tokens} tokens in 2 model calls`);

// The client's own tool is called where the client is.
const runner = client.chat.completions.runTools({
  model: 'assistant',
  stream: true,
  messages: [{ role: 'user', content: 'Note that I should pack light.' }],
  tools: [
    {
      type: 'function',
      function: {
        name: 'note',
        description: 'Keeps a note',
        parameters: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
        parse: (json: string) => z.object({ text: z.string() }).parse(JSON.parse(json)),
        function: ({ text }: { text: string }) => {
          console.log('noted:', text);
          return 'done';
        },
      },
    },
  ],
});
console.log(await runner.finalContent());

// A typed answer, whatever provider is behind the server: the schema is converted for it, and the answer is checked.
const city = z.object({ city: z.string(), degrees: z.number() });
const typed = await client.chat.completions.parse({
  model: 'assistant',
  messages: [{ role: 'user', content: 'How warm is it in Rome?' }],
  response_format: zodResponseFormat(city, 'city'),
});
console.log('parsed:', typed.choices[0]?.message.parsed?.degrees);

// What the server does not support it refuses by name.
const refused = await client.chat.completions
  .create({ model: 'assistant', n: 2, messages: [{ role: 'user', content: 'Hi' }] })
  .catch((error: unknown) => error);
if (refused instanceof OpenAI.APIError) console.log(refused.status, refused.param);
