import { expect, test } from 'vitest';
import * as z from 'zod';
import { readFileSync } from 'node:fs';
import { root } from '../../scripts/entry-points.ts';
import { runtimeProblem } from '../../src/runtime.ts';

test.each(['22.19.0', '22.20.1', '23.0.0', '24.1.0', '100.0.0'])('Node %s is new enough', (node) => {
  expect(runtimeProblem({ node })).toBeUndefined();
});

test.each(['22.18.9', '22.9.0', '20.19.6', '8.0.0'])(
  'Node %s is too old, and the problem says what is needed',
  (node) => {
    expect(runtimeProblem({ node })).toBe(
      `Sluice needs Node.js 22.19 or later, and this is ${node}: install a newer Node.js.`,
    );
  },
);

test('a runtime that is not Node is never too old, whatever version of Node it tells', () => {
  expect(runtimeProblem({ node: '20.0.0', bun: '1.0.0' })).toBeUndefined();
  expect(runtimeProblem({ node: '20.0.0', deno: '2.0.0' })).toBeUndefined();
  expect(runtimeProblem({})).toBeUndefined();
  expect(runtimeProblem(undefined)).toBe(runtimeProblem(process.versions));
});

test('package.json asks for the same Node', () => {
  const schema = z.object({ engines: z.object({ node: z.string() }) });
  const { engines } = schema.parse(JSON.parse(readFileSync(`${root}package.json`, 'utf8')));
  const oldest = engines.node.replace('>=', '');
  expect(runtimeProblem({ node: `${oldest}.0` })).toBeUndefined();
  expect(runtimeProblem({ node: '0.0.0' })).toContain(`Node.js ${oldest} or later`);
});
