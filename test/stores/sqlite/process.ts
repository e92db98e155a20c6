// A process of its own with a store over the file of the test. Its arguments: what to do, the file, a name, a count. Each line that it prints is
// something that it was told is stored.
import { writeSync } from 'node:fs';
import { isSluiceError } from '../../../src/index.ts';
import { sqliteStore } from '../../../stores/sqlite/index.ts';

const [what, path = '', name = '', count = '0'] = process.argv.slice(2);
const store = sqliteStore({ path });
/** Prints synchronously, so that a killed process has printed everything. */
const say = (line: string): void => void writeSync(1, `${line}\n`);

if (what === 'append') {
  const cost = { status: 'exact', totalUsd: 0.25 } as const;
  const usage = {
    inputTokens: 1,
    outputTokens: 0,
    totalTokens: 1,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
  };
  for (let turn = 0; turn < Number(count);) {
    const expectedVersion = (await store.load('shared', { last: 0 }))?.version ?? 0;
    const entries = ['a', 'b'].map((half) => ({
      message: { role: 'user' as const, content: `${name}${turn}${half}` },
    }));
    try {
      const end = { outcome: 'completed', usage, cost } as const;
      await store.append('shared', entries, { expectedVersion, turnId: `${name}${turn}`, end });
      say(`${name}${turn}`);
      turn++;
    } catch (error) {
      if (!isSluiceError(error) || error.code !== 'conflict') throw error;
    }
  }
  await store.close();
}

if (what === 'lease') {
  const lease = await store.lease(name, 3_600_000);
  say(String(lease.token));
  // Until it is killed.
  setInterval(() => undefined, 60_000);
}
