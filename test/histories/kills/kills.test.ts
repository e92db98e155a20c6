import { describe, expect, test } from 'vitest';
import { backends } from '../backends.ts';
import { isThere } from '../there.ts';
import { runKills } from './run.ts';

/** `npm run histories` kills 2,000 processes. */
const KILLS: Readonly<Record<string, number>> = { postgres: 15, redis: 15, sqlite: 30 };
const seed = Number(process.env['SLUICE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

describe(`kills in rounds of tools, seed ${seed}`, () => {
  test.each(Object.entries(backends).map(([name, make]) => ({ name, make })))(
    'R60 $name: a turn goes on in another process, runs no finished tool twice, and loses no step',
    async ({ name, make }) => {
      if (!(await isThere(name))) return;
      const kills = KILLS[name] ?? 0;
      console.log(`kills on ${name}: SLUICE_SEED=${seed}`);
      const backend = await make();
      try {
        const history = await runKills({ backend, kills, seed });
        const { inRounds, goneOn, completed, steps } = history;
        console.log(
          `kills on ${name}: ${kills} kills, ${inRounds} runs died in a round, ${goneOn} went on, ${steps} steps`,
        );
        expect(history.violations).toEqual([]);
        // A history in which nothing happens shows nothing.
        expect(completed).toBeGreaterThanOrEqual(kills / 4);
        expect(steps).toBeGreaterThanOrEqual(kills);
      } finally {
        await backend.stop();
      }
    },
  );
});
