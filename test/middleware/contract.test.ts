import { logging, provider, retry, system, timeout } from 'sluice/middleware';
import { middlewareContract } from 'sluice/testing';
import { silent } from 'sluice';
import { describe, expect, test } from 'vitest';

const quiet = { logger: silent };
const limits = { firstChunkMs: 60_000, idleMs: 60_000, totalMs: 600_000 };

const subjects = {
  logging: { make: () => logging(quiet) },
  'logging with content': { make: () => logging({ ...quiet, content: true }) },
  retry: { make: () => retry({ maxRetries: 0 }) },
  'retry that resets': { make: () => retry({ maxRetries: 0, afterContent: 'reset' }) },
  'retry that goes on': { make: () => retry({ maxRetries: 0, afterContent: 'continue' }) },
  timeout: { make: () => timeout(limits) },
  system: { make: () => system('Be brief.'), changes: ['request'] as const },
};

for (const [name, subject] of Object.entries(subjects)) {
  middlewareContract({ name, ...subject, describe, test });
}

test('the barrel holds what needs no optional package', () => {
  expect([logging, provider, retry, system, timeout].map(({ name }) => name)).toEqual([
    'logging',
    'provider',
    'retry',
    'system',
    'timeout',
  ]);
});
