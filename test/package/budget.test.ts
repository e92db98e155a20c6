import { describe, expect, test } from 'vitest';
import { entryPoints, readManifest } from '../../scripts/entry-points.ts';
import { measureEntry, type EntrySize } from '../../scripts/entry-size.ts';
import budget from './budget.json' with { type: 'json' };

const limits = new Map<string, EntrySize>(Object.entries(budget));
const peers = Object.keys(readManifest().peerDependencies);

describe('the byte budget', () => {
  test('has one entry for each entry point', () => {
    expect([...limits.keys()].sort()).toEqual(
      entryPoints()
        .map(({ specifier }) => specifier)
        .sort(),
    );
  });

  test.each(entryPoints())('is met by $specifier, which loads only the listed packages', async (entry) => {
    const limit = limits.get(entry.specifier);
    const size = await measureEntry(entry);
    expect(size.packages, 'see npm run budget').toEqual(limit?.packages);
    expect(size.ownBytes, 'bytes of our own').toBeLessThanOrEqual(limit?.ownBytes ?? 0);
    expect(size.bundledBytes, 'bytes with dependencies').toBeLessThanOrEqual(limit?.bundledBytes ?? 0);
  });

  test.each(['sluice', 'sluice/middleware', 'sluice/testing', 'sluice/providers/demo'])(
    'of %s lists no optional peer',
    (specifier) => {
      const packages = limits.get(specifier)?.packages;
      expect(packages?.filter((name) => peers.includes(name))).toEqual([]);
    },
  );
});
