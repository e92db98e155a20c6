import { inspect } from 'node:util';
import { Redis, ReplyError } from 'ioredis';
import { ErrorReply, createClient } from 'redis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { redisLedger, redisStore } from 'sluice/stores/redis';
import { failureOf } from '../../core/harness.ts';
import { hasRedisServer, redisServer, type RedisServer } from '../../support/redis-servers.ts';
import { anOwner, end, entry, onRedis } from './stage.ts';

const LIBRARIES = ['redis', 'ioredis'] as const;

/** Errors of servers, and whether they go away by themselves. Redis 6 wraps errors inside a script. */
const REPLIES: readonly [reply: string, retryable: boolean, message: string][] = [
  ['WRONGTYPE Operation against a key holding the wrong kind of value', false, 'holds another type'],
  [
    'WRONGTYPE Operation against a key holding the wrong kind of value script: abc, on @user_script:12.',
    false,
    'delete that key, or give the store another prefix',
  ],
  [
    'ERR Error running script (call to f_abc): @user_script:12: -WRONGTYPE Operation against a key holding the wrong kind of value',
    false,
    'holds another type',
  ],
  ["NOPERM User app has no permissions to run the 'evalsha' command", false, 'lacks a permission'],
  [
    'NOPERM this user has no permissions to access one of the keys used as arguments',
    false,
    'give it the rights',
  ],
  [
    "ERR The user executing the script can't run this command or subcommand script: abc, on @user_script:5.",
    false,
    'lacks a permission',
  ],
  [
    "ERR ACL failure in script: User app has no permissions to run the 'hset' command script: abc, on @user_script:5.",
    false,
    'lacks a permission',
  ],
  ['NOAUTH Authentication required.', false, 'give the client a username and a password'],
  [
    'WRONGPASS invalid username-password pair or user is disabled.',
    false,
    'refuses the username or the password',
  ],
  ['ERR Client sent AUTH, but no password is set', false, 'the server has none'],
  [
    'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    false,
    'the server has none',
  ],
  ['DENIED Redis is running in protected mode because protected mode is enabled', false, 'protected mode'],
  ["ERR unknown command 'evalsha', with args beginning with: 'canary-4711'", false, 'use Redis 6.2 or newer'],
  ['ERR syntax error', false, 'use Redis 6.2 or newer'],
  ["ERR wrong number of arguments for 'hset' command script: abc, on @user_script:5.", false, 'Redis 6.2'],
  ['ERR hash value is not a float script: abc, on @user_script:85.', false, 'not as it was written'],
  ['MOVED 866 127.0.0.1:7001', false, 'give createCluster() of redis, or a Cluster of ioredis'],
  ['ERR This instance has cluster support disabled', false, 'give a client for a single server'],
  ["READONLY You can't write against a read only replica.", true, 'connect to the master'],
  [
    "READONLY You can't write against a read only replica. script: abc, on @user_script:5.",
    true,
    'connect to the master',
  ],
  ["OOM command not allowed when used memory > 'maxmemory'.", true, 'raise its maxmemory'],
  [
    "ERR Error running script (call to f_abc): @user_script:7: -OOM command not allowed when used memory > 'maxmemory'.",
    true,
    'raise its maxmemory',
  ],
  [
    'MISCONF Redis is configured to save RDB snapshots, but it is unable to persist on disk.',
    true,
    'see its log',
  ],
  ['NOREPLICAS Not enough good replicas to write.', true, 'min-replicas-to-write'],
  ['ERR max number of clients reached', true, 'raise its maxclients'],
  ['LOADING Redis is loading the dataset in memory', true, 'is not ready'],
  [
    'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
    true,
    'is not ready',
  ],
  [
    'ERR Error running script (call to f_abc): @user_script:1: Script killed by user with SCRIPT KILL...',
    true,
    'not ready',
  ],
  ['TRYAGAIN Multiple keys request during rehashing of slot', true, 'is not ready'],
  ['CLUSTERDOWN Hash slot not served', true, 'is not ready'],
  ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", true, 'is not ready'],
  ['SOMETHING new', true, '(see the cause)'],
];

describe('what a server refuses', () => {
  const secret = { command: { name: 'auth', args: ['canary-4711'] } };
  const clients = {
    redis: (text: string) => {
      const refuses = (): Promise<never> => Promise.reject(Object.assign(new ErrorReply(text), secret));
      return { evalSha: refuses, eval: refuses };
    },
    ioredis: (text: string) => {
      const error: Error = Object.assign(new ReplyError(text), secret);
      const refuses = (): Promise<never> => Promise.reject(error);
      return { evalsha: refuses, eval: refuses, quit: refuses };
    },
  };

  test.each(LIBRARIES.flatMap((library) => REPLIES.map((reply) => [library, ...reply] as const)))(
    '%s: "%s" is retryable: %s',
    async (library, text, retryable, message) => {
      const client = clients[library](text);
      const error = await failureOf(redisStore({ client }).load({ owner: 'acme', id: 's' }));
      expect(error).toMatchObject({ code: 'store', retryable });
      expect(String(error)).toContain('The session store failed at load');
      expect(String(error)).toContain(message);
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('canary');
      const ofLedger = await failureOf(redisLedger({ client }).add('day', 1, 0));
      expect(ofLedger).toMatchObject({ code: 'store', retryable });
      expect(String(ofLedger)).toContain('The ledger failed at add');
      expect(String(ofLedger)).toContain(message);
    },
  );

  test('the error of a client that gave up shows what the server said', async () => {
    const lastNodeError: unknown = new ReplyError('NOAUTH Authentication required.');
    const all: Error = Object.assign(new Error('Failed to refresh slots cache.'), { lastNodeError });
    const refuses = (): Promise<never> => Promise.reject(all);
    const client = { evalsha: refuses, eval: refuses, quit: refuses };
    expect(await failureOf(redisStore({ client }).load('s'))).toMatchObject({
      retryable: false,
      cause: { message: 'NOAUTH Authentication required.' },
    });
    const many = new Error('Too many Cluster redirections. Last error: ReplyError: MOVED 1 127.0.0.1:7001');
    const follows = (): Promise<never> => Promise.reject(many);
    const cluster = { evalsha: follows, eval: follows, quit: follows };
    expect(await failureOf(redisStore({ client: cluster }).load('s'))).toMatchObject({ retryable: true });
  });
});

await onRedis('a key of another type', ({ open, client, admin, sessionKey, prefix }) => {
  test.each(LIBRARIES)('%s: each call says so, and is not retried', async (library) => {
    const store = open({ client: client(library) });
    const key = { owner: anOwner(), id: 's' };
    const lease = await store.lease(key, 60_000);
    await admin().set(sessionKey(key), 'no hash');
    const options = { expectedVersion: 0, turnId: 't', lease, end };
    const calls = {
      load: failureOf(store.load(key)),
      turn: failureOf(store.turn(key, 't')),
      append: failureOf(store.append(key, [entry('canary-4711')], options)),
      update: failureOf(store.update(key, { a: 'canary-4711' }, { expectedVersion: 0 })),
      spend: failureOf(store.spend(key)),
      fork: failureOf(store.fork(key)),
      lease: failureOf(store.lease(key, 1_000)),
      renew: failureOf(lease.renew(1_000)),
      release: failureOf(lease.release()),
    };
    for (const [doing, failed] of Object.entries(calls)) {
      const error = await failed;
      expect(error).toMatchObject({ code: 'store', retryable: false });
      expect(String(error)).toContain(`The session store failed at ${doing}: a key holds another type`);
      expect(String(error)).toContain(JSON.stringify(sessionKey(key)));
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('canary');
    }
    await admin().unlink(sessionKey(key));
    await admin().set(`${prefix}:index:{@${key.owner}}`, 'no set');
    expect(String(await failureOf(store.list({ owner: key.owner })))).toContain(
      'failed at list: a key holds',
    );
    expect(String(await failureOf(store.forget(key.owner)))).toContain('failed at forget: a key holds');
    await admin().unlink(`${prefix}:index:{@${key.owner}}`);
    const ledger = redisLedger({ client: client(library), prefix });
    await admin().lpush(`${prefix}:ledger:{$typed}`, 'x');
    expect(await failureOf(ledger.add('typed', 1, Date.now() + 1_000))).toMatchObject({
      code: 'store',
      retryable: false,
    });
  });
});

describe.skipIf(!hasRedisServer())('a server that refuses', () => {
  const made = async (): Promise<RedisServer> => {
    const { server, stop } = await redisServer();
    onTestFinished(stop);
    return server;
  };
  const clients = {
    redis: async (port: number, user?: { username: string; password: string }) => {
      const client = createClient({ url: `redis://127.0.0.1:${port}`, RESP: 2, ...user });
      client.on('error', () => undefined);
      await client.connect();
      onTestFinished(() => client.destroy());
      return client;
    },
    ioredis: async (port: number, user?: { username: string; password: string }) => {
      const client = new Redis(port, { ...user });
      client.on('error', () => undefined);
      onTestFinished(() => client.disconnect());
      return client;
    },
  };

  test.each(LIBRARIES)('%s: a missing permission is an error that says so', async (library) => {
    const { port, admin } = await made();
    const user = { username: 'app', password: 'canary-4711' };
    for (const rights of [
      ['~sluice:*', '+@connection', '+info', '+evalsha', '+eval', '+time'],
      ['~other:*', '+@all'],
      ['~sluice:*', '+@connection', '+info'],
    ]) {
      await admin.acl('SETUSER', 'app', 'reset', 'on', '>canary-4711', ...rights);
      const store = redisStore({ client: await clients[library](port, user) });
      const error = await failureOf(
        store.append('s', [entry('canary')], { expectedVersion: 0, turnId: 't' }),
      );
      expect(error).toMatchObject({ code: 'store', retryable: false });
      expect(String(error)).toContain('the user of the connection lacks a permission');
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('canary');
    }
  });

  test.each(LIBRARIES)('%s: a missing password is an error that says so', async (library) => {
    const { port, admin } = await made();
    await admin.config('SET', 'requirepass', 'canary-4711');
    const store = redisStore({ client: await clients[library](port) });
    const error = await failureOf(store.load('s'));
    expect(error).toMatchObject({ code: 'store', retryable: false });
    expect(String(error)).toContain('give the client a username and a password');
  });

  test('ioredis: a wrong password is an error that says so and does not show it', async () => {
    const { port, admin } = await made();
    await admin.config('SET', 'requirepass', 'right');
    const client = await clients.ioredis(port, { username: 'default', password: 'canary-4711' });
    const error = await failureOf(redisStore({ client }).load('s'));
    expect(error).toMatchObject({ code: 'store', retryable: false });
    expect(String(error)).toContain('refuses the username or the password');
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('canary');
  });

  test.each(LIBRARIES)('%s: a full memory and a replica are retryable', async (library) => {
    const { port, admin } = await made();
    const store = redisStore({ client: await clients[library](port) });
    const append = (): Promise<number> =>
      store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' });
    await admin.config('SET', 'maxmemory', '1');
    const full = await failureOf(append());
    expect(full).toMatchObject({ code: 'store', retryable: true });
    expect(String(full)).toContain('no memory left');
    await admin.config('SET', 'maxmemory', '0');
    await admin.replicaof('127.0.0.1', 1);
    const replica = await failureOf(append());
    expect(replica).toMatchObject({ code: 'store', retryable: true });
    await admin.call('REPLICAOF', 'NO', 'ONE');
    expect(await append()).toBe(1);
  });
});
