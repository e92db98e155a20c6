import { afterAll, beforeAll, describe, onTestFinished } from 'vitest';
import { hasPostgres, testDatabase } from '../../../support/postgres.ts';
import type { TestDatabase } from '../../../support/postgres.ts';
import { cuts } from '../cuts.ts';
import { trimmedCuts } from '../trimmed-cuts.ts';
import { deaths } from './death.ts';
import { openService } from './service.ts';
import type { ServiceSpec } from './service.ts';

describe.skipIf(!(await hasPostgres()))('Turns over a log in PostgreSQL', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database.drop());
  const spec = (): ServiceSpec => ({ kind: 'postgres', url: database.url });

  cuts(async () => {
    const { log, ...open } = await openService(spec());
    onTestFinished(() => open[Symbol.asyncDispose]());
    return log;
  });
  trimmedCuts(async () => {
    const { log, ...open } = await openService(spec(), { maxStreamBytes: 12_000 });
    onTestFinished(() => open[Symbol.asyncDispose]());
    return log;
  });
  deaths(spec, 1);
});
