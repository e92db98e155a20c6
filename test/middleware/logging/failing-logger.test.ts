import { Pipeline } from 'sluice';
import type { LoggerLike, Middleware } from 'sluice';
import { logging } from 'sluice/middleware/logging';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { unhandledRejectionsOf } from '../../../testing/leaks.ts';
import { settled } from '../../core/harness.ts';

function failing(write: () => unknown): LoggerLike {
  return { debug: write, info: write, warn: write, error: write };
}

const broken = (): never => {
  throw new RangeError('the disk is full: secret');
};

/** Loggers that fail in each way, made anew for each test. */
const loggers: readonly [string, () => LoggerLike][] = [
  ['throws', () => failing(broken)],
  ['rejects', () => failing(() => Promise.reject(new RangeError('the disk is full: secret')))],
  ['returns a thenable that throws', () => failing(() => ({ then: broken }))],
  [
    'has methods that cannot be read after it was checked',
    () => {
      const logger = failing(() => undefined);
      let reads = 0;
      Object.defineProperty(logger, 'info', { get: () => (reads++ < 2 ? () => undefined : broken()) });
      return logger;
    },
  ],
];

describe.each(loggers)('R53 a logger that %s', (_how, logger) => {
  test('given to logging() fails no execution, and is one warning', async () => {
    const pipeline = new Pipeline([logging({ logger: logger() }), provider(scripted('Hello'))]);
    let told: unknown;
    const lost = await unhandledRejectionsOf(async () => {
      const { outcome, response, warnings } = await pipeline.execute('user', 'Hi');
      told = [outcome, response.content, warnings];
      await settled();
    });
    expect([told, lost]).toEqual([['completed', 'Hello', ['logging: the logger threw RangeError.']], []]);
  });

  test('given to the pipeline fails no plugin that logs, and is one warning for each execution', async () => {
    const talker: Middleware = async function* talker(context, next) {
      for (const level of ['debug', 'info', 'warn', 'error', 'info', 'info'] as const)
        context.log[level]('a line');
      await settled();
      return yield* next();
    };
    const pipeline = new Pipeline([talker, provider(scripted(['Hello', 'Hello']))], { logger: logger() });
    const told: unknown[] = [];
    const lost = await unhandledRejectionsOf(async () => {
      for (let time = 0; time < 2; time++) told.push((await pipeline.execute('user', 'Hi')).warnings);
    });
    expect(told).toEqual([['The logger threw RangeError.'], ['The logger threw RangeError.']]);
    expect(lost).toEqual([]);
  });
});

test('R53 a logger that never settles is not waited for', async () => {
  const logger = failing(() => new Promise(() => undefined));
  const pipeline = new Pipeline([logging({ logger }), provider(scripted('Hello'))], { logger });
  expect((await pipeline.execute('user', 'Hi')).warnings).toEqual([]);
});

test('logs the lines from a level on', async () => {
  const lines: unknown[] = [];
  const one = (message: unknown): void => void lines.push(message);
  const logger: LoggerLike = { debug: one, info: one, warn: one, error: one };
  const run = async (level: 'debug' | 'info' | 'warn' | 'error', error?: Error): Promise<unknown[]> => {
    lines.length = 0;
    const model = scripted(error === undefined ? 'Hello' : { error });
    await new Pipeline([logging({ logger, level }), provider(model)])
      .execute('user', 'Hi')
      .catch(() => undefined);
    return [...lines];
  };
  expect(await run('debug')).toHaveLength(4);
  expect(await run('info')).toEqual(['execution started', 'attempt completed', 'execution completed']);
  expect(await run('warn')).toEqual([]);
  expect(await run('warn', new Error('x'))).toEqual(['attempt failed', 'execution failed']);
  expect(await run('error', new Error('x'))).toEqual(['execution failed']);
});
