// What a person may ask for: a copy of everything that is stored about them, and its deletion.
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';
import { exportOwner } from 'sluice/stores/export-owner';
import { sqliteStore } from 'sluice/stores/sqlite';

const folder = await mkdtemp(join(tmpdir(), 'sluice-example-'));
const store = sqliteStore({ path: join(folder, 'sessions.db') });
await using pipeline = new Pipeline([provider(demo({ wordDelayMs: 0 }))], { store });
for (const id of ['monday', 'tuesday'])
  await pipeline.executeWithContext({ owner: 'ada', id }, 'user', `It is ${id}.`);
await pipeline.executeWithContext({ owner: 'bob', id: 'monday' }, 'user', 'Hello.');

// One session per line, because the file may be larger than the memory.
const file = await open(join(folder, 'ada.jsonl'), 'wx', 0o600);
for await (const session of exportOwner(store, 'ada')) await file.write(`${JSON.stringify(session)}\n`);
await file.close();
const lines = (await readFile(join(folder, 'ada.jsonl'), 'utf8')).trimEnd().split('\n');
console.log(
  `exported: ${lines.length} sessions, ${lines.join('').includes('It is tuesday.') ? 'complete' : 'incomplete'}`,
);

console.log(`forgotten: ${await store.forget('ada')} sessions`);
console.log(
  `left: ${(await store.list({ owner: 'ada' })).sessions.length} of ada, ${(await store.list({ owner: 'bob' })).sessions.length} of bob`,
);
await store.close();
await rm(folder, { recursive: true });
