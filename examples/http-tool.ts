// Tools that send HTTP requests: one to a server on this machine, and one that reads any page of a few hosts.
import { createServer } from 'node:http';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { httpTool } from 'sluice/middleware/http-tool';
import { tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import * as z from 'zod';

// A server in place of a real API: it says who asks, and what for.
const server = createServer((request, response) => {
  const { authorization: token } = request.headers;
  response.setHeader('content-type', 'application/json');
  if (request.url?.startsWith('/cities/Atlantis') === true)
    response.writeHead(404).end('{"error":"no such city"}');
  else response.end(JSON.stringify({ asked: request.url, token, degrees: 21 }));
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const address = server.address();
const port = typeof address === 'object' ? address?.port : undefined;

const weather = httpTool({
  name: 'weather',
  description: 'The weather of a city',
  input: z.object({ city: z.string(), units: z.enum(['metric', 'imperial']).optional() }),
  url: `http://127.0.0.1:${port}/cities/{city}/weather`,
  headers: () => ({ authorization: 'Bearer secret-of-the-server' }),
  // For the server on this machine. Without these two only https to public addresses is allowed.
  allowHttp: true,
  allowAddresses: ['127.0.0.1'],
});

const readPage = httpTool({
  name: 'read_page',
  description: 'Reads a page of the manual',
  input: z.object({ url: z.url() }),
  url: ({ url }) => url,
  hosts: ['manual.example.com', '*.docs.example.com'],
});

const model = scripted([
  {
    toolCalls: [
      { name: 'weather', arguments: { city: 'São Tomé', units: 'metric' } },
      { name: 'weather', arguments: { city: 'Atlantis' } },
      { name: 'weather', arguments: { city: '../admin' } },
      { name: 'read_page', arguments: { url: 'https://169.254.169.254/latest/meta-data/' } },
    ],
  },
  'It is 21 degrees in São Tomé.',
]);

await using pipeline = new Pipeline([tools([weather, readPage]), provider(model)]);
const stream = pipeline.executeStream('user', 'How warm is it in São Tomé?');
for await (const chunk of stream) {
  if (chunk.type === 'tool_call') console.log(`> ${chunk.name} ${JSON.stringify(chunk.arguments)}`);
  if (chunk.type === 'tool_result') console.log(`< ${chunk.isError ? 'error: ' : ''}${chunk.content}`);
  if (chunk.type === 'content') process.stdout.write(chunk.content);
}
console.log();
server.close();
