import { cpuOf } from './scenario.ts';
import type { Caller, Scenario } from './scenario.ts';

const BURST_STREAMS = 10;
const BURST_CHUNKS = 1_000;
/** The minimum processor time of a burst run, in microseconds. */
const BURST_CPU = 500_000;
const PACED_STREAMS = 100;
const PACED_CHUNKS = 200;
const CONCURRENT_CALLS = 10;
const CALLS = 1_000;
const FIRST_CHUNKS = 500;
const TURNS = 300;
const TURN_CHUNKS = 20;

export const burst: Scenario = {
  id: 'burst',
  title: 'A chunk in a burst',
  ...bursts(16, '16 chunks per write'),
};

export const burstByEvent: Scenario = {
  id: 'burst-by-event',
  title: 'A chunk in a burst, one event per write',
  ...bursts(1, 'one chunk per write'),
};

/** Streams at full speed. The chunks of one write share the cost of a read. */
function bursts(perWrite: number, writes: string): Omit<Scenario, 'id' | 'title'> {
  return {
    unit: 'µs CPU per chunk',
    how: `${BURST_STREAMS} concurrent streams of ${BURST_CHUNKS} chunks, ${writes}, at full speed; repeated until a run has used 0.5 s of CPU`,
    calls: BURST_STREAMS,
    script: { chunks: BURST_CHUNKS, perWrite, paceMs: 0 },
    warmUp: (caller) => caller.together(BURST_STREAMS),
    async run(caller) {
      let cpu = 0;
      let rounds = 0;
      for (; cpu < BURST_CPU; rounds++) cpu += await cpuOf(() => caller.together(BURST_STREAMS));
      return cpu / (rounds * BURST_STREAMS * BURST_CHUNKS);
    },
  };
}

export const paced: Scenario = {
  id: 'paced',
  title: 'A chunk at a pace',
  unit: 'µs CPU per chunk',
  how: `${PACED_STREAMS} concurrent streams, one chunk each every 5 ms; includes the cost of the calls`,
  calls: PACED_STREAMS,
  script: { chunks: PACED_CHUNKS, perWrite: 1, paceMs: 5 },
  warmUp: (caller) => caller.together(PACED_STREAMS),
  async run(caller) {
    const cpu = await cpuOf(() => caller.together(PACED_STREAMS));
    return cpu / (PACED_STREAMS * PACED_CHUNKS);
  },
};

export const call: Scenario = {
  id: 'call',
  title: 'A call of one chunk',
  unit: 'µs CPU per call',
  how: `calls whose answer is one chunk, ${CONCURRENT_CALLS} at a time`,
  calls: CONCURRENT_CALLS,
  script: { chunks: 1, perWrite: 1, paceMs: 0 },
  warmUp: (caller) => calls(caller, 100),
  async run(caller) {
    return (await cpuOf(() => calls(caller, CALLS))) / CALLS;
  },
};

export const toolTurn: Scenario = {
  id: 'tool-turn',
  title: 'A turn with a tool',
  unit: 'µs CPU per turn',
  how: `a call that asks for a tool, the tool, and a call that answers in ${TURN_CHUNKS} chunks, one event per write; ${CONCURRENT_CALLS} turns at a time`,
  calls: CONCURRENT_CALLS,
  script: { chunks: TURN_CHUNKS, perWrite: 1, paceMs: 0, tool: true },
  warmUp: (caller) => calls(caller, 100),
  async run(caller) {
    return (await cpuOf(() => calls(caller, TURNS))) / TURNS;
  },
};

async function calls(caller: Caller, count: number): Promise<void> {
  let left = count;
  async function oneAfterTheOther(): Promise<void> {
    while (left-- > 0) await caller.call();
  }
  await Promise.all(Array.from({ length: CONCURRENT_CALLS }, oneAfterTheOther));
}

export const firstChunk: Scenario = {
  id: 'first-chunk',
  title: 'Time to the first chunk, p50',
  unit: 'ms',
  how: 'from the call to its first piece of text, one call after the other, answers of 20 chunks',
  calls: 1,
  script: { chunks: 20, perWrite: 1, paceMs: 0 },
  async warmUp(caller) {
    for (let count = 0; count < 50; count++) await caller.call();
  },
  async run(caller) {
    const times: number[] = [];
    for (let count = 0; count < FIRST_CHUNKS; count++) {
      const started = performance.now();
      await caller.call(() => times.push(performance.now() - started));
    }
    times.sort((a, b) => a - b);
    return times[Math.floor(times.length / 2)] ?? Number.NaN;
  },
};
