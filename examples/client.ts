/**
 * A client and its server: a stream whose connection breaks and that comes back, a turn that is stopped from elsewhere, and a conversation.
 */
import { Pipeline, isSluiceError } from 'sluice';
import { Chat, createClient } from 'sluice/client';
import { provider } from 'sluice/middleware';
import { createServer } from 'sluice/server';
import { manualGate, scripted } from 'sluice/testing';

const pace = manualGate();
const pipeline = new Pipeline([
  provider(
    scripted([
      { text: ['The', ' quick', ' brown', ' fox'], gate: pace.gate },
      { text: ['This', ' never', ' ends'], gate: pace.gate },
      'Hello, Ada.',
      'You are Ada.',
    ]),
  ),
]);
await using server = await createServer(pipeline, { auth: false, resumable: true }).listen({ port: 0 });

/** A `fetch` whose connections can be cut. */
let cut = new AbortController();
const client = createClient({
  url: server.url,
  reconnect: { initialMs: 1 },
  fetch: (input, init) =>
    fetch(input, { ...init, signal: AbortSignal.any([cut.signal, ...(init?.signal ? [init.signal] : [])]) }),
});

// The connection breaks in the middle. The stream goes on after the last word.
const stream = client.stream('Tell me about the fox', {
  onConnection: (state) => console.log(`connection: ${state}`),
});
pace.release(2);
for await (const text of stream.textStream()) {
  console.log(`text:${text}`);
  if (text !== ' quick') continue;
  cut.abort();
  cut = new AbortController();
  pace.release(3);
}

// Somebody else stops a turn. Its reader is told so.
const endless = client.stream('Go on');
pace.release();
await endless.next();
const reader = endless.text().catch((error: unknown) => error);
await createClient({ url: server.url }).stop(endless.id ?? '', 'enough');
const error = await reader;
if (isSluiceError(error))
  console.log(`stopped: ${error.code}, ${error.reason}, after "${error.partial?.content}"`);
pace.open();

// A chat as a page keeps it.
const chat = new Chat({ client, conversation: 'chat-1' });
await chat.send('I am Ada.');
await chat.send('Who am I?');
console.log(
  `${chat.state.status}, ${chat.state.messages.length} messages, cost ${chat.state.result?.cost.status}`,
);
const { conversations } = await client.conversations.list();
console.log(`on the server: ${conversations.map(({ id }) => id).join(', ')}`);
