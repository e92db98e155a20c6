import { keepsContract, onCluster } from './stage.ts';

onCluster('a cluster of three masters', (stage) => {
  keepsContract(stage, 'redisStore by redis in a cluster', ['redis', 'ioredis']);
  keepsContract(stage, 'redisStore by ioredis in a cluster', ['ioredis', 'redis']);
});
