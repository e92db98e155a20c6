import { expect, describe, test } from 'vitest';
import { postgresStore } from 'sluice/stores/postgres';
import { failureOf } from '../../core/harness.ts';
import { keepsContract, onPostgres } from './stage.ts';

await onPostgres('postgres', (stage) => {
  const { database, open } = stage;

  keepsContract(stage, 'postgres', 'public');

  describe('the pool', () => {
    test('is left open for the caller, unless own is set', async () => {
      const theirs = database.pool({ max: 1 });
      await open({ pool: theirs }).close();
      expect(theirs.ended).toBe(false);
      const own = open({ pool: theirs, own: true });
      await own.close();
      await own.close();
      expect(theirs.ended).toBe(true);
      expect(await failureOf(own.load('s'))).toMatchObject({ code: 'store' });
    });

    test('is checked, and so is every other option', () => {
      expect(() => postgresStore(JSON.parse('{"pool":{},"ttlMs":0,"table":"x"}'))).toThrow(
        expect.objectContaining({
          code: 'invalid_options',
          message: expect.stringMatching(
            /pool is an object: give a Pool of pg.*ttlMs.*table is not an option/,
          ),
        }),
      );
    });
  });
});
