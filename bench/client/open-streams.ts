import type { Scenario } from './scenario.ts';

const OPEN = 1_000;
const HELD = 10_000;

export const memory: Scenario = {
  id: 'memory',
  title: 'Memory of an open stream',
  unit: 'kB RSS per stream',
  how: `growth of resident memory with ${OPEN.toLocaleString('en')} open streams, each of which has delivered text`,
  calls: OPEN,
  once: true,
  script: { chunks: 300, perWrite: 1, paceMs: 400 },
  async warmUp() {
    // One call has loaded everything. More calls would grow the heap, and the streams would use that memory without being measured.
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
  how: `peak resident memory of a process that holds ${HELD.toLocaleString('en')} streams open at once`,
  calls: HELD,
  once: true,
  script: { chunks: 60, perWrite: 1, paceMs: 5_000 },
  async warmUp() {
    // The peak is measured for the whole process, so that nothing may run before.
  },
  async run(caller) {
    await caller.hold(HELD, 1_000);
    return process.resourceUsage().maxRSS / 1_000;
  },
};
