// A process of its own that appends to a session until it has stored so many turns. Its arguments: database URL, owner, name, turns.
import { Pool } from 'pg';
import { isSluiceError } from '../../../src/index.ts';
import { postgresStore } from '../../../stores/postgres/index.ts';

const [url = '', owner = '', name = '', turns = '0'] = process.argv.slice(2);
const store = postgresStore({ pool: new Pool({ connectionString: url, max: 2 }), own: true });
await store.migrate();
const key = { owner, id: 'shared' };
for (let turn = 0; turn < Number(turns);) {
  const expectedVersion = (await store.load(key, { last: 0 }))?.version ?? 0;
  const entries = ['a', 'b'].map((half) => ({
    message: { role: 'user' as const, content: `${name}${turn}${half}` },
  }));
  try {
    await store.append(key, entries, { expectedVersion, turnId: `${name}${turn}` });
    turn++;
  } catch (error) {
    if (!isSluiceError(error) || error.code !== 'conflict') throw error;
  }
}
await store.close();
