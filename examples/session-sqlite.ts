// Sessions in a SQLite file, for all processes of one machine. The example creates it in a temporary directory and deletes it at the end.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';
import { sqliteStore } from 'sluice/stores/sqlite';

const folder = await mkdtemp(join(tmpdir(), 'sluice-example-'));
const path = join(folder, 'sessions.db');
const key = { owner: 'acme', id: 'user-123' };

// Two stores with the same file, as in two processes: both know the whole conversation.
for (const text of ['My name is Ada.', 'What is my name?']) {
  const store = sqliteStore({ path, ttlMs: 30 * 24 * 3_600_000 });
  await using pipeline = new Pipeline([provider(demo({ wordDelayMs: 0 }))], { store, own: true });
  const { response } = await pipeline.executeWithContext(key, 'user', text);
  console.log(`${text} -> ${response.content}`);
}

const store = sqliteStore({ path });
const session = await store.load(key, { last: 1 });
console.log(`${session?.messageCount} messages, the last by the ${session?.messages[0]?.role}`);
const { turns, usage } = await store.spend({ owner: 'acme' });
console.log(`acme: ${turns} turns, ${usage.totalTokens} tokens`);
await store.close();
await rm(folder, { recursive: true });
