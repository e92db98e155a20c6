import { describe, expect, it } from 'vitest';
import { memoryLog } from '../../server/chunk-log.ts';
import { chunkLogCases, chunkLogContract } from '../../testing/index.ts';
import { brokenLogs } from './broken-logs.ts';
import { brokenSnapshots } from './broken-snapshots.ts';

const broken = { ...brokenLogs, ...brokenSnapshots };

chunkLogContract({ name: 'memory', makeLog: (options) => memoryLog(options), describe, test: it });

const sane = chunkLogCases({ name: 'memory', makeLog: (options) => memoryLog(options) }).map(
  ({ name }) => name,
);

describe('the contract of a chunk log', () => {
  for (const [name, breakIt] of Object.entries(broken)) {
    it(`fails if it breaks "${name}"`, async () => {
      const cases = chunkLogCases({
        name: 'broken',
        timeoutMs: 1_000,
        makeLog: (options) => {
          const log = memoryLog(options);
          breakIt(log);
          return log;
        },
      });
      await expect(cases.find((one) => one.name === name)?.run()).rejects.toThrow();
    });
  }

  it('has a broken log for each case', () => {
    expect(Object.keys(broken).sort()).toEqual([...sane].sort());
  });

  it('closes every log it gets, even if a case fails', async () => {
    const closed: string[] = [];
    const made = (name: string): ReturnType<typeof memoryLog> => {
      const log = memoryLog();
      log.close = async () => void closed.push(name);
      log.settle = () => Promise.reject(new Error('broken'));
      return log;
    };
    const [first] = chunkLogCases({
      name: 'one',
      makeLog: () => made('one'),
      another: () => made('another'),
    });
    await expect(first?.run()).rejects.toThrow('broken');
    expect(closed).toEqual(['another', 'one']);
  });
});
