import { describe, it } from 'vitest';
import { memoryLog } from '../../server/index.ts';
import { chunkLogContract } from '../../testing/index.ts';

chunkLogContract({ name: 'memory', makeLog: (options) => memoryLog(options), describe, test: it });
