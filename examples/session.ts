// Turns of a session: a store keeps the conversation, in memory unless you pass another store.
import { MemoryStore, Pipeline, contextKey, type Middleware } from 'sluice';
import { provider } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';

const Turns = contextKey<number>('turns');

/** A value that is saved with each turn. */
const counted: Middleware = function counted(context, next) {
  context.session?.set(Turns, (context.session.get(Turns) ?? 0) + 1);
  return next();
};

const store = new MemoryStore({ ttlMs: 600_000, maxSessions: 100 });
await using pipeline = new Pipeline([counted, provider(demo({ wordDelayMs: 0 }))], { store });
const key = { owner: 'acme', id: 'user-123' };

await pipeline.executeWithContext(key, 'user', 'My name is Ada.');
const { response, sessionId } = await pipeline.executeWithContext(key, 'user', 'What is my name?');
console.log(sessionId, '->', response.content);

// Text that arrived before an abort is kept, marked as partial.
const stream = pipeline.executeStreamWithContext(key, 'user', 'Tell me a long story');
await stream.next();
await stream.close();

const session = await store.load(key);
for (const message of session?.messages ?? []) {
  console.log(
    message.role.padEnd(9),
    message.partial === true ? '(partial)' : '',
    JSON.stringify(message.content).slice(0, 60),
  );
}
console.log('turns', session?.metadata['turns'], 'tokens', session?.usage.totalTokens);
