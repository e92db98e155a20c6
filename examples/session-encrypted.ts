// Sessions that the database cannot read, and how to change the key.
import { randomBytes } from 'node:crypto';
import { Pipeline, isSluiceError } from 'sluice';
import { provider } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';
import { encrypted } from 'sluice/stores/encrypted';
import { sqliteStore } from 'sluice/stores/sqlite';

// In production, load the key from your secrets: Buffer.from(process.env.SESSION_KEY, 'base64').
const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];
const database = sqliteStore({ path: ':memory:' });

async function ask(store: ReturnType<typeof encrypted>, text: string): Promise<void> {
  await using pipeline = new Pipeline([provider(demo({ wordDelayMs: 0 }))], { store });
  const { response } = await pipeline.executeWithContext('user-123', 'user', text);
  console.log(`${text} -> ${response.content}`);
}

await ask(encrypted(database, oldKey), 'My name is Ada.');
const raw = await database.load('user-123');
console.log('what the database has:', JSON.stringify(raw?.messages[0]?.content).slice(0, 100), '...');

await ask(encrypted(database, { current: newKey, previous: oldKey }), 'What is my name?');
const wrong: unknown = await encrypted(database, newKey)
  .load('user-123')
  .catch((error: unknown) => error);
if (isSluiceError(wrong)) console.log(`${wrong.code}, retryable ${wrong.retryable}: ${wrong.message}`);
await database.close();
