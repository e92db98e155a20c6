// Sessions in PostgreSQL, at DATABASE_URL or on this machine. The example creates its own schema and drops it at the end.
import { Pool } from 'pg';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';
import { postgresStore } from 'sluice/stores/postgres';

const pool = new Pool({
  connectionString: process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres',
  connectionTimeoutMillis: 2_000,
});
pool.on('error', (error) => console.error('idle connection lost:', error.message));

const reachable = await pool.query('SELECT 1').then(
  () => true,
  () => false,
);
if (reachable) await talk();
else console.log('skipped: PostgreSQL is not reachable');
await pool.end();

async function talk(): Promise<void> {
  const schema = `sluice_example_${process.pid}`;
  const store = postgresStore({ pool, schema });
  await store.migrate();
  try {
    const key = { owner: 'acme', id: 'user-123' };
    // Two pipelines, as in two processes: both know the whole conversation.
    for (const text of ['My name is Ada.', 'What is my name?']) {
      await using pipeline = new Pipeline([provider(demo({ wordDelayMs: 0 }))], { store });
      const { response } = await pipeline.executeWithContext(key, 'user', text);
      console.log(`${text} -> ${response.content}`);
    }
    const { turns, usage } = await store.spend({ owner: 'acme' });
    console.log(`acme: ${turns} turns, ${usage.totalTokens} tokens`);
    console.log(`forgotten: ${await store.forget('acme')} session`);
  } finally {
    await pool.query(`DROP SCHEMA "${schema}" CASCADE`);
  }
}
