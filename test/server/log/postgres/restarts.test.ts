import { Pool } from 'pg';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { postgresLog } from '../../../../server/postgres-log.ts';
import type { PostgresLog } from '../../../../server/postgres-log.ts';
import { postgresServer } from '../../../support/postgres-server.ts';
import { Waiter, appendAll, done, insisting, own, texts, textsOf } from '../stage.ts';

const server = await postgresServer();
afterAll(() => server?.stop());

describe.skipIf(server === undefined)('A chunk log whose PostgreSQL crashes', () => {
  if (server === undefined) return;
  const { url, crash, start } = server;
  const all = Array.from({ length: 300 }, (_, at) => `${at}`);

  async function opened(): Promise<PostgresLog> {
    const pool = new Pool({ connectionString: url });
    pool.on('error', () => undefined);
    const log = postgresLog({ pool, own: true, pollMs: 20, timeoutMs: 1_000 });
    onTestFinished(() => log.close());
    await log.migrate();
    return log;
  }

  test('is given what it lost again by the owner, and keeps each chunk once', async () => {
    const [log, other] = [await opened(), await opened()];
    for (const id of ['one', 'two', 'three']) {
      const key = { owner: 'a', id };
      const { held } = await own(log, key);
      for (let at = 0; at < 200; at++) await log.append(held, at, texts(at, `${at}`));
      await crash();
      const rest = appendAll(log, held, 200, all.length);
      await start();
      await rest;
      const { value } = await insisting(() => textsOf(other, key));
      expect(value).toEqual(all);
      expect(await other.read(key, { after: 0 })).toMatchObject({ end: done, token: held.token });
    }
  });

  test('still has an open, a takeover and an end that were answered', async () => {
    const log = await opened();
    const [taken, ended] = ['taken', 'ended'].map((id) => ({ owner: 'b', id }));
    if (taken === undefined || ended === undefined) throw new Error('A key is missing.');
    await own(log, taken, 1);
    const { held } = await own(log, ended);
    await log.append(held, 0, texts(0, 'a'), done);
    const { value: over } = await insisting(async () => {
      const opened = await log.open(taken, { turnId: 'taken' }, { leaseMs: 60_000, takeOver: true });
      return opened.as === 'owner' ? opened.held : undefined;
    });
    await crash();
    await start();
    const pages = await Promise.all(
      [taken, ended].map(async (key) => (await insisting(() => log.read(key, { after: 0 }))).value),
    );
    expect(pages).toMatchObject([{ token: over?.token }, { end: done, next: 1 }]);
  });

  test('sends hints again after it has started', async () => {
    const [log, other, key] = [await opened(), await opened(), { owner: 'c', id: 'turn' }];
    await own(log, key);
    const owner = new Waiter(log, key, 'stop');
    onTestFinished(() => owner.end());
    await owner.woken();
    await crash();
    await owner.woken();
    await start();
    const stop = owner.woken();
    await insisting(() => other.stop(key, 'stopped'));
    await stop;
    expect((await log.read(key, { after: 0 }))?.stop).toBe('stopped');
  });
});
