// A process of its own that appends to a session until it has stored so many turns. Its arguments: how to connect (a URL, or the ports of a
// cluster), library, prefix, owner, name, turns.
import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { isSluiceError, noUsage } from '../../../src/index.ts';
import { redisStore } from '../../../stores/redis/index.ts';

const [where = '', library = '', prefix = '', owner = '', name = '', turns = '0'] = process.argv.slice(2);
const ports = where.startsWith('redis:') ? [] : where.split(',').map(Number);
const nodes = ports.map((port) => ({ host: '127.0.0.1', port }));
const clients = {
  redis: async () =>
    ports.length > 0
      ? createCluster({ rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) }).connect()
      : createClient({ url: where }).connect(),
  ioredis: async () => (ports.length > 0 ? new Cluster(nodes) : new Redis(where)),
};
const client = await clients[library === 'redis' ? 'redis' : 'ioredis']();
const store = redisStore({ client, prefix, own: true });
const key = { owner, id: 'shared' };
const end = {
  outcome: 'completed',
  usage: { ...noUsage(), inputTokens: 1, totalTokens: 1 },
  cost: { status: 'exact', totalUsd: 0.25 },
} as const;
for (let turn = 0; turn < Number(turns);) {
  const expectedVersion = (await store.load(key, { last: 0 }))?.version ?? 0;
  const entries = ['a', 'b'].map((half) => ({
    message: { role: 'user' as const, content: `${name}${turn}${half}` },
  }));
  try {
    await store.append(key, entries, { expectedVersion, turnId: `${name}${turn}`, end });
    turn++;
  } catch (error) {
    if (!isSluiceError(error) || error.code !== 'conflict') throw error;
  }
}
await store.close();
