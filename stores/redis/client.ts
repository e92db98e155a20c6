/** A script by its digest or its text, with its keys and arguments, as `redis` (node-redis) takes it. */
type NodeRedisEval = (script: string, options: { keys: string[]; arguments: string[] }) => Promise<unknown>;

/** The part of a client of `redis` (node-redis 5 and newer) that is used: of a client, a pool, a cluster or a sentinel. */
export interface NodeRedisClient {
  evalSha: NodeRedisEval;
  eval: NodeRedisEval;
  close?: () => unknown;
  destroy?: () => unknown;
}

/** The part of a client of `ioredis`, or of its forks, that is used: of a `Redis` (with sentinels, too) or a `Cluster`. */
export interface IoRedisClient {
  evalsha(digest: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>;
  eval(script: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>;
  quit(): Promise<unknown>;
  disconnect?(): void;
}

/** A client for Redis or Valkey. The caller connects and closes it. */
export type RedisClient = NodeRedisClient | IoRedisClient;

/** The keys and arguments of a script. They are never part of the script's text. */
export interface ScriptCall {
  keys: string[];
  args: string[];
}

/** Whether a value is a client of either kind. */
export function isRedisClient(value: unknown): value is RedisClient {
  if (typeof value !== 'object' || value === null) return false;
  const has = (name: string): boolean => typeof Reflect.get(value, name) === 'function';
  return has('eval') && (has('evalSha') || has('evalsha'));
}

/** Runs a script that the server has cached, by its digest. */
export function runByDigest(client: RedisClient, digest: string, call: ScriptCall): Promise<unknown> {
  const { keys, args } = call;
  return 'evalSha' in client
    ? client.evalSha(digest, { keys, arguments: args })
    : client.evalsha(digest, keys.length, ...keys, ...args);
}

/** Runs a script by its text. The server caches it. */
export function runByText(client: RedisClient, text: string, call: ScriptCall): Promise<unknown> {
  const { keys, args } = call;
  return 'evalSha' in client
    ? client.eval(text, { keys, arguments: args })
    : client.eval(text, keys.length, ...keys, ...args);
}

/** Closes the connections after the running commands are answered. */
export async function closeClient(client: RedisClient): Promise<void> {
  if ('evalSha' in client) await client.close?.();
  else await client.quit();
}

/** Closes the connections at once. Running commands fail. */
export async function destroyClient(client: RedisClient): Promise<void> {
  if ('evalSha' in client) await client.destroy?.();
  else client.disconnect?.();
}
