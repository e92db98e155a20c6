import { getEventListeners } from 'node:events';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { timersLeftBy, unhandledRejectionsOf } from '../../testing/leaks.ts';
import { faultServer } from '../../testing/upstream/fault-server.ts';
import { makeCertificate, trust, type Certificate } from '../support/certificate.ts';
import { soak, type SoakOptions } from './soak.ts';

/** Different in each run. Set `SLUICE_TEST_SEED` to repeat a run. */
const SEED = Number(process.env['SLUICE_TEST_SEED'] ?? Math.floor(Math.random() * 1_000_000));

/** How long the soak with harmed connections goes on, with a new seed each round. One round without it. */
const SECONDS = Number(process.env['SLUICE_SOAK_SECONDS'] ?? 0);

const count = (kind: string): number =>
  process.getActiveResourcesInfo().filter((name) => name === kind).length;

/** Runs a soak and expects that it leaves nothing behind. Returns how its executions ended. */
async function leavesNothing(options: SoakOptions): Promise<string[]> {
  const shared = new AbortController().signal;
  const timersBefore = count('Timeout');
  let told: Awaited<ReturnType<typeof soak>> = { problems: ['it did not run'], ends: [] };
  let timers = -1;
  let sockets = -1;
  const rejections = await unhandledRejectionsOf(async () => {
    timers = await timersLeftBy(async () => {
      await using server = await faultServer(options.network);
      told = await soak(server, shared, options);
      sockets = server.openSockets + server.openRequests;
    });
  });
  expect(told.problems.slice(0, 12)).toEqual([]);
  expect(told.ends).toHaveLength(options.executions);
  // The soak only proves something if all three kinds of end occur.
  const seen = [
    told.ends.includes('completed'),
    told.ends.includes('aborted'),
    told.ends.includes('network'),
  ];
  expect(seen).toEqual([true, true, true]);
  expect(rejections).toEqual([]);
  expect({ sockets, timers, listeners: getEventListeners(shared, 'abort').length }).toEqual({
    sockets: 0,
    timers: 0,
    listeners: 0,
  });
  expect(count('Timeout')).toBeLessThanOrEqual(timersBefore);
  expect(count('TCPSocketWrap')).toBe(0);
  return told.ends;
}

describe(`a soak (SLUICE_TEST_SEED=${SEED})`, () => {
  it('R12 leaves nothing behind: 300 executions with faults, aborts and slow readers', async () => {
    const kinds = ['fin', 'rst', 'eof', 'garbage'] as const;
    await leavesNothing({ seed: SEED, executions: 300, network: {}, kinds });
  });
});

describe(`a soak over HTTP/2 (SLUICE_TEST_SEED=${SEED})`, () => {
  let tls: Certificate;
  let trusted: Disposable;
  beforeAll(async () => {
    tls = await makeCertificate();
    trusted = trust(tls);
  });
  afterAll(() => trusted[Symbol.dispose]());

  it('R12 leaves nothing behind: 500 executions with faults, aborts and slow readers', async () => {
    const kinds = ['reset', 'eof', 'garbage'] as const;
    const ends = await leavesNothing({ seed: SEED, executions: 500, network: { tls }, kinds });
    expect(ends.filter((end) => end === 'completed').length).toBeGreaterThan(100);
  });

  it('leaves nothing behind: 500 executions whose connections are killed, renewed and changed', async () => {
    const began = performance.now();
    const kinds = ['reset', 'eof', 'garbage'] as const;
    for (let round = 0; round === 0 || performance.now() - began < SECONDS * 1_000; round++) {
      const network = { tls };
      const seed = SEED + round;
      const ends = await leavesNothing({ seed, executions: 500, network, kinds, harmsConnections: true });
      expect(ends.filter((end) => end === 'completed').length).toBeGreaterThan(50);
    }
  });
});
