import { expect, test } from 'vitest';
import { loadPeer } from 'sluice/kit';

const peer = { neededBy: 'memo()', name: 'ioredis', range: '^6.0.0' };

function thrown(message: string, code?: string): unknown {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

async function errorOf(error: unknown): Promise<unknown> {
  async function load(): Promise<never> {
    throw error;
  }
  return loadPeer(peer, load).then(
    () => 'loaded',
    (said: unknown) => said,
  );
}

test('a package that is there is handed on', async () => {
  expect(await loadPeer(peer, async () => ({ Redis: 1 }))).toEqual({ Redis: 1 });
});

test.each([
  ['Node', thrown("Cannot find package 'ioredis' imported from /app/plugin.js", 'ERR_MODULE_NOT_FOUND')],
  [
    'a subpath',
    thrown("Cannot find package 'ioredis/built' imported from /app/a.js", 'ERR_MODULE_NOT_FOUND'),
  ],
  // Bun throws an object that is not an Error.
  ['Bun', { code: 'ERR_MODULE_NOT_FOUND', message: "Cannot find package 'ioredis' from '/app/plugin.js'" }],
  ['Deno', thrown('Import "ioredis" not a dependency', 'ERR_MODULE_NOT_FOUND')],
])('a package that is missing for %s is an error that says what to install', async (_runtime, cause) => {
  expect(await errorOf(cause)).toMatchObject({
    code: 'invalid_options',
    retryable: false,
    message: 'memo() needs the package ioredis, which is not installed: run npm install "ioredis@^6.0.0".',
    cause,
  });
});

test.each([
  [
    'whose own dependency is missing',
    thrown(
      "Cannot find package 'denque' imported from /app/node_modules/ioredis/a.js",
      'ERR_MODULE_NOT_FOUND',
    ),
  ],
  [
    'with another name that begins alike',
    thrown("Cannot find package 'ioredis-mock' imported from /a.js", 'ERR_MODULE_NOT_FOUND'),
  ],
  ['that fails while it starts', new TypeError('x is not a function')],
  ['that throws no error', 'no'],
])('a package %s cannot be loaded', async (_what, cause) => {
  expect(await errorOf(cause)).toMatchObject({
    code: 'invalid_options',
    message: 'memo() needs the package ioredis, which cannot be loaded: run npm install "ioredis@^6.0.0".',
    cause,
  });
});
