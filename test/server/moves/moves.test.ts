import { describe, expect, test } from 'vitest';
import { percentile } from './percentile.ts';
import { runMoves } from './run.ts';
import { isReached, ownServices, services } from './services.ts';

/** Different in each run. Set `SLUICE_SEED` to repeat one. */
const seed = Number(process.env['SLUICE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

const RUNS = 6;

describe(`clients whose server is killed (SLUICE_SEED=${seed})`, () => {
  for (const name of ['redis', 'postgres'] as const)
    test(`R40 ${name}: go on at the other server and end with the whole text or a typed error, never with silence or text twice`, async (context) => {
      if (!(await isReached[name]())) context.skip(`${name} cannot be reached`);
      await using service = await services[name]();
      const moves = await runMoves({ service, runs: RUNS, atOnce: RUNS, waits: true, seed });
      expect(moves.violations).toEqual([]);
      expect([moves.runs, moves.kills]).toEqual([RUNS, 1]);
      // Turns of a session survive their process.
      expect(moves.ends['session: completed']).toBe(RUNS / 2);
    });

  for (const name of ['redis', 'postgres'] as const)
    test(`R40 ${name}: if nobody runs a turn again, its session has what its client saw, once, also if the server that finds it is killed`, async (context) => {
      if (!(await isReached[name]())) context.skip(`${name} cannot be reached`);
      await using service = await services[name]();
      const given = {
        service,
        runs: RUNS,
        atOnce: RUNS,
        seed,
        onOwnerLost: 'end',
        killsFinder: true,
      } as const;
      const moves = await runMoves(given);
      expect(moves.violations).toEqual([]);
      expect([moves.runs, moves.kills]).toEqual([RUNS, 2]);
    });

  test('R40 redis: the same if it is told to end, without the wait for a lease', async (context) => {
    if (!(await isReached.redis())) context.skip('redis cannot be reached');
    await using service = await services.redis();
    const given = {
      service,
      runs: RUNS,
      atOnce: RUNS,
      waits: true,
      leaseMs: 60_000,
      signal: 'SIGTERM',
      seed,
    } as const;
    const moves = await runMoves(given);
    expect(moves.violations).toEqual([]);
    expect(moves.ends['session: completed']).toBe(RUNS / 2);
    // The half of a lease.
    expect(Math.max(...moves.nextMs)).toBeLessThan(30_000);
  });

  test('R40 redis: the same if the database is started again', async (context) => {
    await using service = await ownServices.redis();
    if (service === undefined) return context.skip('redis-server is not installed');
    const moves = await runMoves({ service, runs: RUNS, atOnce: RUNS, restartEvery: 1, seed });
    expect(moves.violations).toEqual([]);
    expect([moves.runs, moves.kills, moves.restarts]).toEqual([RUNS, 1, 1]);
  });

  test('times are told as percentiles of all clients', () => {
    const values = Array.from({ length: 200 }, (_, at) => 200 - at);
    expect([0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([100, 198, 200]);
  });
});
