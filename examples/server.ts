// A server, and a client that talks to it: a turn as events, and the same conversation once more.
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';
import { createServer } from 'sluice/server';

const pipeline = new Pipeline([provider(demo({ wordDelayMs: 0 }))]);
const server = createServer(pipeline, { auth: { tokens: { 'secret-of-ada': 'ada' } } });
await using listening = await server.listen({ port: 0 });

async function ask(input: string): Promise<string> {
  const response = await fetch(`${listening.url}/api/v1/agent/stream`, {
    method: 'POST',
    headers: { authorization: 'Bearer secret-of-ada', 'content-type': 'application/json' },
    body: JSON.stringify({ input, conversation_id: 'chat-1' }),
  });
  const events = (await response.text()).trim().split('\n\n');
  const kinds = events.map((event) => /^event: (.+)$/m.exec(event)?.[1]);
  return [...new Set(kinds)].join(', ');
}

console.log(await ask('My name is Ada.'));
console.log(await ask('What is my name?'));

const stranger = await fetch(`${listening.url}/api/v1/conversations/chat-1`);
console.log(stranger.status);
const own = await fetch(`${listening.url}/api/v1/conversations/chat-1`, {
  headers: { authorization: 'Bearer secret-of-ada' },
});
const { messages } = (await own.json()) as { messages: unknown[] };
console.log(`${messages.length} messages`);
