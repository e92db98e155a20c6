import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';

/** A server that a test starts. */
export interface RedisServer {
  readonly port: number;
  /** A client that is connected to this server only. */
  readonly admin: Redis;
  /** Kills it and waits until it is gone. */
  kill(): Promise<void>;
}

/** Servers that belong together and share a folder. */
export interface RedisServers {
  readonly servers: readonly RedisServer[];
  /** Ends all servers and deletes their folder. */
  stop(): Promise<void>;
}

/** Three masters and a replica of the first one. */
export interface RedisCluster extends RedisServers {
  readonly masters: readonly RedisServer[];
  readonly replica: RedisServer;
  /** The addresses of the masters, in the form that clients take. */
  readonly nodes: { host: string; port: number }[];
  /** A key's slot and the master that has it now. */
  ownerOf(key: string): Promise<{ master: RedisServer; slot: number }>;
  /** Moves a slot and its keys to another master. */
  moveSlot(slot: number, from: RedisServer, to: RedisServer): Promise<void>;
}

/** A master, its replica, and a sentinel that watches them under the name `main`. */
export interface SentinelGroup extends RedisServers {
  readonly sentinel: RedisServer;
}

const HOST = '127.0.0.1';
/** Nothing is written to disk, and only this machine can connect. */
const SETTINGS = ['--bind', HOST, '--save', '', '--appendonly', 'no', '--daemonize', 'no'];
const SLOTS = 16_384;
/** The nodes of a cluster talk to each other on ports that many above their own. */
const CLUSTER_BUS = 10_000;
/** How long a node may be silent before the others consider it dead, in milliseconds. */
const NODE_TIMEOUT_MS = 1_000;

/** Whether servers can be started here. If not, prints a warning, or throws if services are required. */
export function hasRedisServer(): boolean {
  const { error } = spawnSync('redis-server', ['--version']);
  if (error === undefined) return true;
  if (process.env['SLUICE_REQUIRE_SERVICES'] === '1') throw error;
  console.warn('redis-server is not installed. The tests of clusters and sentinels are skipped.');
  return false;
}

/** Starts a server, for tests that must not use a shared one. */
export async function redisServer(): Promise<RedisServers & { server: RedisServer }> {
  const started = await start(1, []);
  const [server] = started.servers;
  if (server === undefined) throw new Error('The server is missing.');
  return { ...started, server };
}

/** Starts a cluster and waits until it accepts commands. */
export async function redisCluster(): Promise<RedisCluster> {
  const settings = ['--cluster-enabled', 'yes', '--cluster-node-timeout', String(NODE_TIMEOUT_MS)];
  const started = await start(4, [...settings, '--cluster-replica-validity-factor', '0']);
  const [first, second, third, replica] = started.servers;
  if (first === undefined || second === undefined || third === undefined || replica === undefined)
    throw new Error('A server is missing.');
  const masters = [first, second, third];
  const id = async ({ admin }: RedisServer): Promise<string> => admin.cluster('MYID');
  try {
    for (const [at, { admin }] of masters.entries()) {
      const [from, to] = [at, at + 1].map((third) => Math.floor((third * SLOTS) / 3));
      await admin.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String((to ?? 0) - 1));
      await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', String(at + 1));
    }
    for (const { port } of started.servers.slice(1)) await first.admin.call('CLUSTER', 'MEET', HOST, port);
    const known = async ({ admin }: RedisServer): Promise<boolean> =>
      String(await admin.cluster('NODES'))
        .trim()
        .split('\n').length === started.servers.length;
    await until(async () => (await Promise.all(started.servers.map(known))).every(Boolean));
    const firstId = await id(first);
    await until(async () =>
      replica.admin.call('CLUSTER', 'REPLICATE', firstId).then(
        () => true,
        () => false,
      ),
    );
    const ready = async ({ admin }: RedisServer): Promise<boolean> =>
      (await admin.cluster('INFO')).includes('cluster_state:ok');
    await until(async () => (await Promise.all(started.servers.map(ready))).every(Boolean));
    await until(async () => (await replica.admin.info('replication')).includes('link_status:up'));
  } catch (error) {
    await started.stop();
    throw error;
  }
  return {
    ...started,
    masters,
    replica,
    nodes: masters.map(({ port }) => ({ host: HOST, port })),
    async ownerOf(key) {
      const slot = await second.admin.cluster('KEYSLOT', key);
      for (const master of masters) {
        const ranges = await master.admin.cluster('SLOTS');
        const mine = ranges.find(([from, to]) => from <= slot && slot <= to);
        if (mine?.[2]?.[2] === (await id(master))) return { master, slot };
      }
      throw new Error(`No master has slot ${slot}.`);
    },
    async moveSlot(slot, from, to) {
      const [fromId, toId] = [await id(from), await id(to)];
      await to.admin.cluster('SETSLOT', slot, 'IMPORTING', fromId);
      await from.admin.cluster('SETSLOT', slot, 'MIGRATING', toId);
      const keys = await from.admin.cluster('GETKEYSINSLOT', slot, 10_000);
      if (keys.length > 0)
        await from.admin.call('MIGRATE', HOST, to.port, '', '0', '5000', 'KEYS', ...keys.map(String));
      for (const { admin } of [to, from, ...masters.filter((one) => one !== to && one !== from)])
        await admin.cluster('SETSLOT', slot, 'NODE', toId);
    },
  };
}

/** Starts a master, a replica and a sentinel, and waits until the sentinel knows both of them. */
export async function sentinelGroup(): Promise<SentinelGroup> {
  const started = await start(2, []);
  const [master, replica] = started.servers;
  if (master === undefined || replica === undefined) throw new Error('A server is missing.');
  await replica.admin.replicaof(HOST, master.port);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sentinel-'));
  const watch = [
    `sentinel monitor main ${HOST} ${master.port} 1`,
    'sentinel down-after-milliseconds main 1000',
    'sentinel failover-timeout main 10000',
  ];
  const config = join(folder, 'sentinel.conf');
  await writeFile(config, `bind ${HOST}\n${watch.join('\n')}\n`);
  const sentinel = await launch(folder, [config, '--sentinel']);
  const stop = async (): Promise<void> => {
    await end(sentinel);
    await started.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await until(async () => (await replica.admin.info('replication')).includes('link_status:up'));
    const replicas = async (): Promise<number> =>
      ((await sentinel.admin.call('SENTINEL', 'REPLICAS', 'main')) as unknown[]).length;
    await until(async () => (await replicas()) === 1);
  } catch (error) {
    await stop();
    throw error;
  }
  return { servers: [...started.servers, sentinel], sentinel, stop };
}

/** Polls until a condition is true. */
export async function until(ask: () => Promise<boolean>, timeoutMs = 120_000): Promise<void> {
  const from = Date.now();
  while (!(await ask())) {
    if (Date.now() - from > timeoutMs) throw new Error(`The condition was not true within ${timeoutMs} ms.`);
    await delay(20);
  }
}

type Launched = RedisServer & { process: ChildProcess };

async function start(count: number, settings: string[]): Promise<RedisServers> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-redis-'));
  const servers: Launched[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map(end));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    for (let number = 0; number < count; number++)
      servers.push(
        await launch(folder, [...SETTINGS, ...settings, '--cluster-config-file', `nodes-${number}.conf`]),
      );
  } catch (error) {
    await stop();
    throw error;
  }
  return { servers, stop };
}

/** Starts a server on a free port and waits until it answers. */
async function launch(folder: string, settings: string[]): Promise<Launched> {
  for (let tries = 0; tries < 10; tries++) {
    const port = await freePort(CLUSTER_BUS);
    const child = spawn('redis-server', [...settings, '--port', String(port)], {
      cwd: folder,
      stdio: 'ignore',
    });
    process.once('exit', () => child.kill('SIGKILL'));
    const gone = once(child, 'exit').then(() => false);
    if (!(await Promise.race([gone, answers(port)]))) continue;
    const admin = new Redis(port, HOST, { lazyConnect: true, retryStrategy: () => null });
    admin.on('error', () => undefined);
    await admin.connect();
    const kill = async (): Promise<void> => {
      admin.disconnect();
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await gone;
    };
    return { port, admin, kill, process: child };
  }
  throw new Error('No server could be started.');
}

async function end({ kill }: RedisServer): Promise<void> {
  await kill();
}

async function answers(port: number): Promise<boolean> {
  await until(
    () =>
      new Promise((resolve) => {
        const socket = connect(port, HOST);
        socket.once('connect', () => {
          socket.destroy();
          resolve(true);
        });
        socket.once('error', () => resolve(false));
      }),
  );
  return true;
}
