import { expect, test, vi } from 'vitest';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { createServer } from 'sluice/server';
import { postgresLog } from 'sluice/server/postgres-log';
import { postgresStore } from 'sluice/stores/postgres';
import { scripted } from 'sluice/testing';
import { onPostgres } from '../../stores/postgres/stage.ts';
import { eventsOf } from '../support.ts';

/** Texts that end a string, a statement or a comment, or mean something to LIKE, to the driver or to JSON. */
const HOSTILE: readonly string[] = [
  ...[
    `canary'; DROP SCHEMA public CASCADE; --`,
    `canary" OR "1"="1`,
    `canary$1 $$ $canary$`,
    String.raw`canary\'; --`,
  ],
  ...['canary%_', 'canary/*', 'canary\n;SELECT pg_sleep(9);', `canary'||version()||'`, 'canary{"a":[1]}'],
];

await onPostgres('A server on PostgreSQL', ({ database, pool }) => {
  test('S3 no text of a client, of a token or of a model is part of a statement', async () => {
    const store = postgresStore({ pool });
    const log = postgresLog({ pool });
    await store.migrate();
    await log.migrate();
    const statements: string[] = [];
    // All connections of the pool are clients of the same class.
    const client = await pool.connect();
    const prototype: unknown = Object.getPrototypeOf(client);
    client.release();
    if (!isQueried(prototype)) throw new Error('The driver has no query().');
    const { query } = prototype;
    const spy = vi.spyOn(prototype, 'query').mockImplementation(function (this: unknown, ...given) {
      const [first] = given;
      statements.push(typeof first === 'string' ? first : String(Reflect.get(Object(first), 'text')));
      return query.apply(this, given);
    });
    try {
      const texts = HOSTILE.flatMap((text) => [text, text]);
      const model = scripted(texts);
      const pipeline = new Pipeline([provider(model)], { store });
      const callers = Object.fromEntries(
        HOSTILE.map((id, at) => [`token-${at}`, { id, organizations: [id] }]),
      );
      const server = createServer(pipeline, { auth: { tokens: callers }, log, resumable: true });
      const ask = async (at: number, path: string, body?: object): Promise<Response> =>
        server.fetch(
          new Request(`http://localhost/api/v1${path}`, {
            method: body === undefined ? 'GET' : 'POST',
            headers: { authorization: `Bearer token-${at}`, 'content-type': 'application/json' },
            ...(body !== undefined && { body: JSON.stringify(body) }),
          }),
        );
      for (const [at, text] of HOSTILE.entries()) {
        const id = encodeURIComponent(text);
        const named = { conversation_id: text, org_id: text, context: { text } };
        for (const turn of ['1', '2']) {
          const turn_id = `${text}${turn}`;
          const events = await eventsOf(
            await ask(at, '/agent/stream', { ...named, input: text, turn_id, max_iterations: 1 }),
          );
          expect(events.at(-1)?.event).toBe('done');
          expect((await ask(at, `/streams/${encodeURIComponent(turn_id)}?org_id=${id}`)).status).toBe(200);
          await ask(at, `/streams/${encodeURIComponent(turn_id)}/stop`, { org_id: text });
        }
        const read = await ask(at, `/conversations/${id}?org_id=${id}`);
        const { messages } = (await read.json()) as { messages: { content: unknown }[] };
        // What came in comes out as it was.
        expect(messages.map(({ content }) => content)).toEqual([text, text, text, text]);
        expect((await ask(at, `/conversations/${id}/branch?org_id=${id}`, { leaf: text })).status).toBe(404);
        expect((await ask(at, `/conversations/${id}/fork?org_id=${id}`, {})).status).toBe(201);
        expect((await ask(at, `/conversations?org_id=${id}&cursor=${id}`)).status).toBe(400);
      }
      expect(statements.length).toBeGreaterThan(HOSTILE.length * 10);
      expect(statements.filter((statement) => statement.includes('canary'))).toEqual([]);
    } finally {
      spy.mockRestore();
      await log.close();
    }
    const tables = await database
      .pool()
      .query(`SELECT count(*)::int AS n FROM pg_tables WHERE schemaname = 'public'`);
    expect(Reflect.get(Object(tables.rows[0]), 'n')).toBeGreaterThan(3);
  });
});

interface Queried {
  query: (this: unknown, ...given: unknown[]) => unknown;
}

function isQueried(value: unknown): value is Queried {
  return typeof value === 'object' && value !== null && 'query' in value && typeof value.query === 'function';
}
