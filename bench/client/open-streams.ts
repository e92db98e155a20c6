import type { Scenario } from './scenario.ts';

const OPEN = 1_000;
const HELD = 10_000;

export const memory: Scenario = {
  id: 'memory',
  title: 'Memory of an open stream',
  unit: 'kB RSS a stream',
  how: `resident memory with ${OPEN.toLocaleString('en')} streams open that have each delivered text, less what it was before`,
  calls: OPEN,
  once: true,
  script: { chunks: 300, perWrite: 1, paceMs: 400 },
  async warmUp() {
    // One call has loaded everything; more would leave behind a heap that the streams then fill unseen.
  },
  async run(caller) {
    const before = process.memoryUsage.rss();
    await caller.hold(OPEN, 100);
    return (process.memoryUsage.rss() - before) / OPEN / 1_000;
  },
};

export const held: Scenario = {
  id: 'held',
  title: 'Ten thousand held streams',
  unit: 'MB peak RSS',
  how: `the most resident memory that a process ever had which holds ${HELD.toLocaleString('en')} streams open at once`,
  calls: HELD,
  once: true,
  script: { chunks: 60, perWrite: 1, paceMs: 5_000 },
  async warmUp() {
    // The peak is that of the whole process: nothing comes before it.
  },
  async run(caller) {
    await caller.hold(HELD, 1_000);
    return process.resourceUsage().maxRSS / 1_000;
  },
};
