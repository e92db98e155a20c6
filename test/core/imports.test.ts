import { readFile, readdir } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';

/** What each file of the core imports, types too; paths from `src/`. */
async function importsOfCore(): Promise<Map<string, string[]>> {
  const core = join(root, 'src');
  const files = (await readdir(core, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const imports = new Map<string, string[]>();
  for (const file of files) {
    const text = await readFile(join(core, file), 'utf8');
    const found = [...text.matchAll(/^(?:import|export|\}) .*?from '(\.[^']+)';$/gmu)];
    imports.set(
      file,
      found.map(([, path]) => normalize(join(dirname(file), path ?? ''))),
    );
  }
  return imports;
}

/** The first way from a file back to itself, or undefined. */
function circleIn(imports: Map<string, string[]>): string[] | undefined {
  const clean = new Set<string>();
  function visit(file: string, path: string[]): string[] | undefined {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (clean.has(file)) return undefined;
    for (const next of imports.get(file) ?? []) {
      const circle = visit(next, [...path, file]);
      if (circle !== undefined) return circle;
    }
    clean.add(file);
    return undefined;
  }
  for (const file of imports.keys()) {
    const circle = visit(file, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

describe('the imports of the core', () => {
  test('form no circle, not even of types', async () => {
    const imports = await importsOfCore();
    expect(imports.get('stream/pump.ts')).toContain('stream/segment.ts');
    expect(circleIn(imports)).toBeUndefined();
  });

  test.each([
    ['stream/', ['execution/', 'session/']],
    ['views/', ['execution/', 'session/', 'stream/stream.ts', 'stream/pump.ts']],
    ['execution/', ['pipeline.ts', 'index.ts']],
  ])('of %s name nothing of %j', async (folder, forbidden) => {
    const imports = await importsOfCore();
    const files = [...imports].filter(([file]) => file.startsWith(folder));
    expect(files.length).toBeGreaterThan(3);
    const wrong = files.flatMap(([file, named]) =>
      named
        .filter((path) => forbidden.some((start) => path.startsWith(start)))
        .map((path) => `${file} -> ${path}`),
    );
    expect(wrong).toEqual([]);
  });
});
