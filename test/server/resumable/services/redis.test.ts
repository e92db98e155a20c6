import { Redis } from 'ioredis';
import { afterAll, describe, onTestFinished } from 'vitest';
import { REDIS_URL, dropKeys, hasRedis, testPrefix } from '../../../support/redis.ts';
import { cuts } from '../cuts.ts';
import { trimmedCuts } from '../trimmed-cuts.ts';
import { deaths } from './death.ts';
import { openService } from './service.ts';
import type { ServiceSpec } from './service.ts';

const spec = { kind: 'redis' as const, url: REDIS_URL, prefix: testPrefix() } satisfies ServiceSpec;

describe.skipIf(!(await hasRedis()))('Turns over a log in Redis', () => {
  afterAll(async () => {
    const admin = new Redis(REDIS_URL);
    await dropKeys(admin, spec.prefix);
    admin.disconnect();
  });

  cuts(async () => {
    const { log, ...open } = await openService(spec);
    onTestFinished(() => open[Symbol.asyncDispose]());
    return log;
  });
  trimmedCuts(async () => {
    const { log, ...open } = await openService(spec, { maxStreamBytes: 12_000 });
    onTestFinished(() => open[Symbol.asyncDispose]());
    return log;
  });
  deaths(() => spec, 2);
});
