import { afterEach, describe, expect, it, vi } from 'vitest';
import { memoryLog } from '../../server/chunk-log.ts';
import { chunkLogCases, chunkLogContract } from '../../testing/index.ts';
import { brokenLogs } from './broken-logs.ts';
import { brokenSnapshots } from './broken-snapshots.ts';
import { slowIn } from './slow-in.ts';

const broken = { ...brokenLogs, ...brokenSnapshots };

chunkLogContract({ name: 'memory', makeLog: (options) => memoryLog(options), describe, test: it });

/** A log that has connected after its first append or stop. */
function connectedLate(): ReturnType<typeof memoryLog> {
  const log = memoryLog();
  const { watch, append, stop } = log;
  const waiting = new Set<() => void>();
  const connected = (): void => {
    for (const wake of waiting) wake();
    waiting.clear();
  };
  log.watch = (key, what, wake) => {
    const end = watch.call(log, key, what, wake);
    waiting.add(wake);
    return () => {
      waiting.delete(wake);
      end();
    };
  };
  log.append = (...given) => append.apply(log, given).finally(connected);
  log.stop = (...given) => stop.apply(log, given).finally(connected);
  return log;
}

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

  describe.each(['open', 'append', 'read', 'stop', 'settle', 'release'] as const)(
    'is kept by a log whose %s is slow',
    (method) => {
      afterEach(() => void vi.restoreAllMocks());
      const makeLog = (options?: object): ReturnType<typeof memoryLog> =>
        slowIn(method, () => memoryLog(options));
      for (const { name, run } of chunkLogCases({ name: 'slow', makeLog }))
        if (/lease|owner|reading|absent|drops|take|given up/.test(name)) it(name, run);
    },
  );

  describe('is kept by a log that wakes everybody once when it has connected, which is late', () => {
    for (const { name, run } of chunkLogCases({ name: 'late', makeLog: connectedLate }))
      if (/wakes? nobody/.test(name)) it(name, run);
  });

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
