import { describe, expect, test } from 'vitest';
import { entryPoints, root } from '../../scripts/entry-points.ts';
import { exportedNames } from '../../scripts/exported-names.ts';

const names = exportedNames(entryPoints());

describe.each(entryPoints())('$specifier', ({ specifier, built }) => {
  test('exports these names and no others', () => {
    expect(names.get(specifier)).toMatchSnapshot();
  });

  test('declares exactly the values that it exports at run time', async () => {
    const module: object = await import(root + built);
    const declared = names.get(specifier)?.filter((line) => /^(class|function|const) /.test(line)) ?? [];
    expect(Object.keys(module).sort()).toEqual(declared.map((line) => line.split(' ')[1]).sort());
    expect(declared).not.toEqual([]);
  });
});
