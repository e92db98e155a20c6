import { describe, expect, test } from 'vitest';
import { backends, shares } from './backends.ts';
import { runHistory } from './run.ts';
import { isThere } from './there.ts';

/** 200 in total. `npm run histories` causes 2,000. */
const FAULTS = shares(200, 3);
const seed = Number(process.env['SLUICE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

describe(`histories, seed ${seed}`, () => {
  // All at once: each history mostly waits, for its faults to pass and its servers to start again.
  test.concurrent.each(Object.entries(backends).map(([name, make], at) => ({ name, make, at })))(
    'R33 R34 R42 R43 $name: no acknowledged turn is lost, doubled or interleaved, whatever happens to processes, server and connections',
    async ({ name, make, at }) => {
      if (!(await isThere(name))) return;
      const faults = FAULTS[at] ?? 0;
      console.log(`histories of ${name}: SLUICE_SEED=${seed}`);
      const backend = await make();
      try {
        const history = await runHistory({ backend, faults, seed: seed + at });
        console.log(
          `histories of ${name}: ${faults} faults, ${history.begun} turns, ${history.acknowledged} acknowledged`,
        );
        expect(history.violations).toEqual([]);
        expect(Object.values(history.faults).reduce((sum, count) => sum + count, 0)).toBe(faults);
        // A history without turns would show nothing.
        expect(history.acknowledged).toBeGreaterThanOrEqual(faults / 2);
      } finally {
        await backend.stop();
      }
    },
  );
});
