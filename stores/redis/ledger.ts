import * as z from 'zod';
import { parseOptions } from '../../src/kit/index.ts';
import type { RedisClient } from './client.ts';
import { faultOf } from './failures.ts';
import { PRELUDE } from './lua.ts';
import { clientSchema, prefixSchema, timeoutSchema } from './options.ts';
import { Server, script } from './server.ts';
import type { Script } from './server.ts';

/** Options of `redisLedger()`. */
export interface RedisLedgerOptions {
  /** A client as for `redisStore()`. The caller connects and closes it. */
  client: RedisClient;
  /** The prefix of all keys, without braces. Default: `sluice`. */
  prefix?: string | undefined;
  /** How long it waits for an answer, in milliseconds, before it fails. Default: 5,000. */
  timeoutMs?: number | undefined;
}

/** Counts money for the budgets of `cost()`, across all processes. */
export interface RedisLedger {
  /** Adds US dollars to a counter, or takes them back, in one atomic step; resolves to its new value. */
  add(counter: string, usd: number, expiresAtMs: number): Promise<number>;
}

const schema = z.strictObject({ client: clientSchema, prefix: prefixSchema, timeoutMs: timeoutSchema });
const sum = z.string();

/** How long a client may keep resending one command, in milliseconds. ioredis gives up after about 80 s. */
const RESENT_MS = 300_000;

/** Keys: the counter, and a marker of this step, so that it counts once however often the client sends it. */
const ADD = script(`${PRELUDE}
local usd, expiresAt = arg(), arg()
if redis.call('SET', KEYS[2], '1', 'NX', 'PX', ${RESENT_MS}) then
  if tonumber(redis.call('INCRBYFLOAT', KEYS[1], usd)) == 0 then redis.call('UNLINK', KEYS[1])
  else redis.call('PEXPIREAT', KEYS[1], expiresAt) end
end
return redis.call('GET', KEYS[1]) or '0'
`);
const READ = script(`return redis.call('GET', KEYS[1]) or '0'`);

/**
 * The option `ledger` of `cost()`, in Redis or Valkey: budgets that several processes share. Rejects with `store` if the server fails: retryable,
 * unless somebody has to do something about it. Throws `invalid_options`.
 *
 * @example
 * cost({ budgets: [{ usd: 5, per: 'day' }], ledger: redisLedger({ client }) });
 */
export function redisLedger(options: RedisLedgerOptions): RedisLedger {
  const { client, prefix, timeoutMs } = parseOptions('redisLedger()', schema, options);
  const server = new Server(client, timeoutMs);
  const run = async (script: Script, keys: string[], args: string[]): Promise<number> => {
    try {
      return Number(sum.parse(await server.call((call) => server.run(call, script, { keys, args }))));
    } catch (error) {
      throw faultOf('ledger', error, 'add') ?? error;
    }
  };
  return {
    async add(counter, usd, expiresAtMs) {
      const tag = `{$${encodeURIComponent(counter.toWellFormed())}}`;
      const key = `${prefix}:ledger:${tag}`;
      if (usd === 0) return run(READ, [key], []);
      const keys = [key, `${prefix}:step:${tag}:${crypto.randomUUID()}`];
      return run(ADD, keys, [String(usd), String(Math.ceil(expiresAtMs))]);
    },
  };
}
