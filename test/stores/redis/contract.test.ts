import { keepsContract, onRedis } from './stage.ts';

await onRedis('a single server', (stage) => {
  keepsContract(stage, 'redisStore by redis', ['redis', 'ioredis']);
  keepsContract(stage, 'redisStore by ioredis', ['ioredis', 'redis']);
});
