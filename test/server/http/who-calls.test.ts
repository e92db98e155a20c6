import { describe, expect, test } from 'vitest';
import type { Caller } from 'sluice/server';
import { codeOf, stage } from './stage.ts';

const RUN = '/api/v1/agent/run';
const turn = { input: 'Hi', conversation_id: 'chat' };

describe('a function that says who calls', () => {
  test.each([undefined, null, false])('lets nobody in if it gives %s', async (given) => {
    const { ask, model } = stage('Hi', { auth: () => given as never });
    expect(await codeOf(await ask(RUN, { body: turn }))).toEqual([401, 'authentication']);
    expect(model.calls).toHaveLength(0);
  });

  test.each([
    ...['', 'ada', 0, 1, true],
    ...[{}, { id: '' }, { id: 5 }, { id: 'ada', organizations: 'acme' }, { id: 'ada', organizations: [1] }],
    ...[
      { id: 'ada', limits: { requestsPerMinute: 'many' } },
      { id: 'ada', limits: { usdPerDay: Number.NaN } },
    ],
  ])('is at fault if it gives %j, and lets nobody in', async (given) => {
    const { ask, model } = stage('Hi', { auth: () => given as never });
    expect(await codeOf(await ask(RUN, { body: turn }))).toEqual([500, 'invalid_options']);
    expect(await codeOf(await ask('/api/v1/conversations'))).toEqual([500, 'invalid_options']);
    expect(model.calls).toHaveLength(0);
  });
});

describe('tokens', () => {
  test.each([
    ...[{ '': 'ada' }, { 'two words': 'ada' }],
    ...[{ t: '' }, { t: null }, { t: {} }, { t: 5 }, { t: { id: 'ada', organizations: 'acme' } }],
  ])('that no request can have, or that are of nobody, are refused when the server is made: %j', (tokens) => {
    expect(() => stage('Hi', { auth: { tokens: tokens as never } })).toThrow(
      /^createServer\(\): (?:a token of )?auth\.tokens/,
    );
  });

  test.each([null, [], 'ada', undefined])('are an object, not %j', (tokens) => {
    expect(() => stage('Hi', { auth: { tokens: tokens as never } })).toThrow('createServer(): auth is');
  });
});

describe('limits of a caller', () => {
  const limitOf = async (limits: Caller['limits']): Promise<string | null> => {
    const { ask } = stage('Hi', { auth: () => ({ id: 'ada', limits }), limits: { requestsPerMinute: 7 } });
    return (await ask(RUN, { body: turn })).headers.get('x-ratelimit-limit-requests');
  };

  test('that are undefined are those of the server', async () => {
    expect(await limitOf({ requestsPerMinute: undefined })).toBe('7');
    expect(await limitOf({ requestsPerMinute: 3 })).toBe('3');
    const { ask } = stage(['Hi', 'Hi'], {
      auth: () => ({ id: 'ada', limits: { tokensPerMinute: undefined } }),
      limits: { tokensPerMinute: 1 },
    });
    expect((await ask(RUN, { body: turn })).status).toBe(200);
    expect(await codeOf(await ask(RUN, { body: turn }))).toEqual([429, 'rate_limited']);
  });

  test('that are Infinity do not exist, and no header says so', async () => {
    expect(await limitOf({ requestsPerMinute: Number.POSITIVE_INFINITY })).toBeNull();
  });
});
