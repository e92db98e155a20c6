import { globSync, readFileSync } from 'node:fs';

import { Pipeline, isSluiceError } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';
import { unhandledRejectionsOf } from '../../testing/leaks.ts';
import { settled } from '../core/harness.ts';
import { answers, asyncAnswers, listeners, toldBy } from './callbacks.ts';
import type { Failing } from './callbacks.ts';

const throwing: Failing = () => {
  throw new RangeError('words of a user');
};
// Plain JavaScript may pass an async function in place of any other.
const rejecting = new Proxy(throwing, { apply: () => Promise.reject(new RangeError('words of a user')) });

describe.each(Object.entries(listeners))('R53 %s', (name, setting) => {
  test('that throws is one warning, and the call goes on', async () => {
    const { ended, warnings, lost } = await toldBy(setting, throwing);
    expect([ended, lost]).toEqual(['completed', []]);
    expect(warnings.filter((warning) => warning.startsWith(name))).toEqual([
      expect.stringContaining('threw RangeError'),
    ]);
    expect(warnings.join()).not.toContain('words');
  });

  test('that rejects ends neither the call nor the process', async () => {
    const { ended, warnings, lost } = await toldBy(setting, rejecting);
    expect([ended, lost]).toEqual(['completed', []]);
    expect(warnings.filter((warning) => warning.startsWith(name)).length).toBeLessThan(2);
    expect(warnings.join()).not.toContain('words');
  });
});

describe.each(Object.entries(answers))('R53 %s', (name, setting) => {
  test('that throws fails the call, and the error says whose function it is', async () => {
    expect(await toldBy(setting, throwing)).toEqual({
      ended: 'middleware',
      message: `${name} threw RangeError (see the cause).`,
      warnings: [],
      lost: [],
    });
  });

  test('that is async is an option that is wrong', async () => {
    expect(await toldBy(setting, rejecting)).toEqual({
      ended: 'invalid_options',
      message: `${name} returned a promise: give a function that is not async.`,
      warnings: [],
      lost: [],
    });
  });
});

describe.each(Object.entries(asyncAnswers))('R53 what %s calls', (name, setting) => {
  test.each([
    ['throws', throwing],
    ['rejects', rejecting],
  ])('and %s fails the call with its name', async (_how, fail) => {
    const { ended, message, lost } = await toldBy(setting, fail);
    expect([ended, lost]).toEqual(['middleware', []]);
    expect(message).toBe(`Middleware "${name}" threw RangeError (see the cause).`);
  });
});

describe('R53 an async function that should not be async ends no process', () => {
  const stacks: [string, Middleware, string][] = [
    ['a tap', (_context, next) => next().tap(rejecting), 'completed'],
    ['the pull of a tap', (_context, next) => next().tap({ pull: rejecting }), 'completed'],
    [
      'an observer of chunks',
      (_context, next) => next().tap({ call: () => ({ chunk: rejecting }) }),
      'completed',
    ],
    ['an observer', (_context, next) => next().tap({ call: rejecting }), 'middleware'],
    ['a map', (_context, next) => next().map(rejecting), 'middleware'],
    ['a filter', (_context, next) => next().filter(rejecting), 'invalid_options'],
  ];
  test.each(stacks)('%s', async (_what, middleware, expected) => {
    let ended: unknown;
    const lost = await unhandledRejectionsOf(async () => {
      const run = new Pipeline([middleware, provider(scripted('Hello'))]).execute('user', 'Hi');
      ended = await run.then(
        ({ outcome }) => outcome,
        (error: unknown) => (isSluiceError(error) ? error.code : error),
      );
      await settled();
    });
    expect([ended, lost]).toEqual([expected, []]);
  });
});

/** The options of a file whose schema takes a function, also among other things. */
function functionOptionsOf(path: string): string[] {
  const found: string[] = [];
  let option = '';
  for (const line of readFileSync(root + path, 'utf8').split('\n')) {
    option = /^ {2,6}(\w+): /.exec(line)?.[1] ?? option;
    if (/^ .*\b(?:functionOf<|keyed\.)/.test(line)) found.push(option);
  }
  return found;
}

test('every option of a middleware that is a function is tried here', () => {
  /** Tried in the tests of their middleware: the clock, the limiter, what counts, and what tools are made of. A budget cannot be a function. */
  const ofTools = ['execute', 'onError', 'repair', 'needsApproval', 'url', 'headers', 'lookup'];
  const ofAgents = ['messages', 'result', 'progress'];
  const elsewhere = ['now', 'limiter', 'counter', 'count', 'budget', ...ofTools, ...ofAgents];
  const found = globSync('middleware/**/*.ts', { cwd: root }).flatMap(functionOptionsOf);
  expect(found).toEqual(expect.arrayContaining(['onRetry', 'retryOn', 'onCut', 'strategy', 'key', 'onCost']));
  const names = [...Object.keys(listeners), ...Object.keys(answers), 'strategy'];
  const tried = names.map((name) => name.split(/[ .]/).at(-1));
  expect(found.filter((one) => !tried.includes(one) && !elsewhere.includes(one))).toEqual([]);
});
