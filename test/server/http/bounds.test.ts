import { expect, test } from 'vitest';
import type { CallerCounter } from 'sluice/server';
import { stage } from './stage.ts';

const RUN = '/api/v1/agent/run';

test('JSON with many lists beside each other is not deep', async () => {
  const context = { all: Array.from({ length: 100 }, () => [{}]) };
  expect((await stage('Hi').ask(RUN, { body: { input: 'Hi', context } })).status).toBe(200);
});

test('a caller is told in whole seconds when the minute is over, and never too early', async () => {
  const counter: CallerCounter = {
    begin: () => ({ as: 'begun', requests: 1, resetMs: 1_001 }),
    hold: () => true,
    leave: () => undefined,
    spend: () => undefined,
  };
  const { headers } = await stage('Hi', { counter }).ask(RUN, { body: { input: 'Hi' } });
  expect(headers.get('x-ratelimit-reset-requests')).toBe('2s');
});
