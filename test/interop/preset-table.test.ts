import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { root } from '../../scripts/entry-points.ts';
import { presetTable } from '../support/preset-table.ts';

test('the table of presets in docs/models.md says what the presets are', async () => {
  const page = await readFile(join(root, 'docs/models.md'), 'utf8');
  const rows = page.split('\n').filter((line) => /^\| `\w+` \| \w.*\[page\]/.test(line));
  expect(rows).toEqual(presetTable());
});
