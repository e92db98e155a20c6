import { globSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';
import { mutantsOf, reportOf } from '../../scripts/mutate/report.ts';
import { sampled } from '../../scripts/mutate/sample.ts';
import { testsOf } from '../../scripts/mutate/tests-of.ts';

const at = (line: number) => ({ start: { line, column: 3 }, end: { line, column: 9 } });
const mutants = Array.from({ length: 50 }, (_, line) => ({
  id: String(line),
  fileName: `${root}src/tokens.ts`,
  location: at(line),
  mutatorName: 'BooleanLiteral',
  replacement: 'false',
}));

test('the mutation script finds the tests of a folder by the longest start of its path', () => {
  expect(testsOf('src/session/store')).toEqual(testsOf('src/session'));
  expect(testsOf('src/stream/pump.ts')).toEqual(testsOf('src/stream'));
  expect(testsOf('src/kit.ts')).toEqual(testsOf('src'));
  expect(testsOf('src/session')).not.toEqual(testsOf('src'));
  expect(() => testsOf('srcs')).toThrow('No tests are known for srcs');
});

test.each(['cli', 'conversation', 'middleware', 'providers', 'src', 'stores', 'testing'])(
  'the mutation script knows tests of each folder of %s, and they exist',
  (top) => {
    const folders = globSync(`${top}/**`, { cwd: root }).filter((path) =>
      statSync(root + path).isDirectory(),
    );
    for (const folder of [top, ...folders]) {
      expect(
        globSync([...testsOf(folder)], { cwd: root }).filter((path) => path.includes('.test.')),
        folder,
      ).not.toEqual([]);
    }
  },
);

test('the same seed chooses the same mutants, another seed others', () => {
  const one = sampled(mutants, 10, '1');
  expect(one.size).toBe(10);
  expect(sampled(mutants.toReversed(), 10, '1')).toEqual(one);
  expect(sampled(mutants, 10, '2')).not.toEqual(one);
  expect(sampled(mutants, 100, '1').size).toBe(50);
});

test('the report names what survived, and its score counts what no test reaches', () => {
  const statuses = ['Killed', 'Timeout', 'Killed', 'Survived', 'NoCoverage', 'CompileError'] as const;
  const tried = statuses.map((status, line) => ({
    ...{ fileName: `${root}src/tokens.ts`, location: at(line), status },
    ...{ mutatorName: 'BooleanLiteral', replacement: '{\n  false }' },
    ...(line === 2 && { statusReason: 'Error: Test timed out in 5000ms.' }),
  }));
  expect(
    reportOf(mutantsOf(JSON.stringify({ files: { 'src/tokens.ts': { mutants: tried } } }))).split('\n'),
  ).toEqual([
    'took too long: src/tokens.ts:1:3 BooleanLiteral: { false }',
    'took too long: src/tokens.ts:2:3 BooleanLiteral: { false }',
    'no test: src/tokens.ts:4:3 BooleanLiteral: { false }',
    'survived: src/tokens.ts:3:3 BooleanLiteral: { false }',
    'score 60.0 %: of 6 mutants 5 were tried: 3 killed (2 took too long), 1 survived, 1 reached by no test',
  ]);
});
