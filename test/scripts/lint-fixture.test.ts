import { ESLint } from 'eslint';
import { expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';

/** The rules that our configuration reports for a text at a path, limited to those that need no types. */
async function reported(filePath: string, text: string): Promise<string[]> {
  const eslint = new ESLint({
    cwd: root,
    overrideConfig: typeless,
    ruleFilter: ({ ruleId }) => ruleId.startsWith('sluice/'),
  });
  const results = await eslint.lintText(text, { filePath: root + filePath });
  return results.flatMap(({ messages }) =>
    messages.map(({ line, message }) => `${String(line)}: ${message}`),
  );
}

const typeless = { languageOptions: { parserOptions: { projectService: false } } };

test('the import-direction rule sees static, type-only and dynamic imports, import types and re-exports', async () => {
  const text = [
    "import { a } from '../middleware/a.ts';",
    "import type { B } from '../middleware/b.ts';",
    "export const c = import('../middleware/c.ts');",
    "export type D = import('../middleware/d.ts').D;",
    "export { e } from '../middleware/e.ts';",
    "export * from '../middleware/f.ts';",
    "export { g } from './g.ts';",
  ].join('\n');
  const why = 'src/ may not import other folders.';
  expect(await reported('src/new.ts', text)).toEqual(
    [1, 2, 3, 4, 5, 6].map((line) => `${String(line)}: ${why}`),
  );
});

test('the import-direction rule tells imports of types from others', async () => {
  const text = [
    "import type { A } from '../server/index.ts';",
    "export type { B } from '../server/index.ts';",
    "export type C = import('../server/index.ts').C;",
    "import { d } from '../server/index.ts';",
    "export { e } from '../server/index.ts';",
    "export const f = import('../server/index.ts');",
  ].join('\n');
  const why = 'testing/ may only import the core, its own files, and types of public entries.';
  expect(await reported('testing/new.ts', text)).toEqual([4, 5, 6].map((line) => `${String(line)}: ${why}`));
});
