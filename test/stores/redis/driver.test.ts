import { RedisDriver } from '../../../stores/redis/driver.ts';
import { storeSchema } from '../../../stores/redis/options.ts';
import { keepsDriverPromises } from '../driver-cases.ts';
import { onCluster, onRedis } from './stage.ts';
import type { RedisStage } from './stage.ts';

const keeps =
  (name: string) =>
  ({ admin, prefix }: RedisStage): void => {
    const driver = (): RedisDriver => new RedisDriver(storeSchema.parse({ client: admin(), prefix }));
    keepsDriverPromises(name, driver);
  };

await onRedis('a single server', keeps('Redis'));
onCluster('a cluster', keeps('Redis Cluster'));
