// Turns that can safely be sent again, and turns that find their session busy: `turnId`, `onBusy`, and what was spent.
import { MemoryStore, Pipeline, isSluiceError } from 'sluice';
import { provider } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';

const store = new MemoryStore();
await using pipeline = new Pipeline([provider(demo({ wordDelayMs: 5 }))], { store, historyLimit: 20 });
const key = { owner: 'acme', id: 'user-123' };

// A double click: the same turn twice at once. It runs once, and both calls get its result.
const click = () => pipeline.executeWithContext(key, 'user', 'My name is Ada.', { turnId: 'message-1' });
const [first, second] = await Promise.all([click(), click()]);
console.log(
  'one answer:',
  first.response.content === second.response.content,
  '- replayed:',
  second.replayed,
);

// A second message while the first is still being answered. By default it would wait.
const story = pipeline.executeStreamWithContext(key, 'user', 'Tell me a long story');
await story.next();
try {
  await pipeline.executeWithContext(key, 'user', 'Hello?', { onBusy: 'reject' });
} catch (error) {
  if (isSluiceError(error)) console.log('rejected:', error.code, '- retryable:', error.retryable);
}
const answer = pipeline.executeWithContext(key, 'user', 'Stop. What is my name?', { onBusy: 'supersede' });
try {
  while ((await story.next()).done !== true);
} catch (error) {
  if (isSluiceError(error)) console.log('superseded:', error.message);
}
console.log('instead:', (await answer).response.content);

// A new answer to the last message, and the session as it is stored.
await pipeline.executeWithContext(key, []);
for (const { role, content, partial } of (await store.load(key))?.messages ?? [])
  console.log(role.padEnd(9), partial === true ? '(partial)' : '', JSON.stringify(content).slice(0, 50));
const { usage, turns } = await store.spend({ owner: 'acme' });
console.log(`${turns} turns, ${usage.totalTokens} tokens`);
