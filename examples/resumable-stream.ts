// A turn that outlives its connections: a client loses its connection and comes back to another process, a second reader joins, and another process stops the turn.
// The two processes are two servers over one log in memory here. Real ones share a log in Redis or PostgreSQL.
import { MemoryStore, Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { resumable, sseResponse } from 'sluice/server';
import { memoryLog } from 'sluice/server/chunk-log';
import { manualGate, scripted } from 'sluice/testing';

const log = memoryLog();
const store = new MemoryStore();
const gate = manualGate(); // so that the example says when the model goes on
const model = scripted([
  { text: ['Rivers ', 'run ', 'to ', 'the ', 'sea.'], gate: gate.gate },
  { text: ['A ', 'long ', 'story'], hang: true }, // a model that never comes to its end
]);
const start = () => resumable(new Pipeline([provider(model)], { store }), { log });
await using one = start();
await using two = start();
const session = { owner: 'ada', id: 'chat-1' };

/** Reads events from a response, up to so many; then the connection is lost. Returns the id of the last one. */
async function client(response: Response, most = Number.POSITIVE_INFINITY): Promise<string | undefined> {
  let last: string | undefined;
  let count = 0;
  const body: ReadableStream<Uint8Array> | null = response.body;
  for await (const bytes of body?.values() ?? []) {
    for (const [, id, data = '{}'] of new TextDecoder().decode(bytes).matchAll(/id: (\S+)\ndata: (.*)/g)) {
      const event = JSON.parse(data) as {
        type?: string;
        content?: string;
        outcome?: string;
        reason?: string;
      };
      const { type, content, outcome, reason } = event;
      console.log(' ', id, type ?? 'content', content ?? [outcome, reason].filter(Boolean).join(' '));
      last = id;
      if (++count === most) return last;
    }
  }
  return last;
}

console.log('a client asks the first process, and loses its connection');
gate.release(2);
const stream = one.stream(session, 'Write about rivers', { turnId: 'turn-1' });
const last = await client(await sseResponse(stream, { id: stream.key.id }), 3);

console.log('it comes back to the second process, behind', last);
gate.open();
const again = await two.read(stream.key);
if (again.as === 'stream')
  await client(await sseResponse(again.stream, { ...(last && { lastEventId: last }) }));

console.log('the same turn, sent again, is read again: the model was asked', model.calls.length, 'time');
await client(await sseResponse(two.stream(session, 'Write about rivers', { turnId: 'turn-1' })), 2);

console.log('a second reader joins a turn from its first chunk, and the second process stops it');
const story = one.stream(session, 'Tell me a story', { turnId: 'turn-2' });
const first = client(await sseResponse(story));
const joined = await two.join(session);
if (joined.as !== 'stream') throw new Error('Nothing runs.');
const reading = client(await sseResponse(joined.stream));
console.log(await two.stopTurn(session, { turnId: 'turn-2' }));
await Promise.all([first, reading]);
console.log((await store.load(session))?.messages.at(-1)); // what had arrived is stored as a partial reply
