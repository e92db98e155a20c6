// One line at the start and one at the end of each execution and of each attempt; what was said stays out of them.
import { Pipeline, SluiceError } from 'sluice';
import type { LoggerLike } from 'sluice';
import { constant } from 'sluice/kit';
import { logging, provider, retry } from 'sluice/middleware';
import { scripted } from 'sluice/testing';

// Any logger of pino's or the console's shape does; this one prints the few fields that do not change from run to run.
const SHOWN = ['call', 'attempt', 'errorCode', 'status', 'inputTokens', 'outputTokens'];

function line(level: string): (message: unknown, fields?: unknown) => void {
  return (message, fields) => console.log(level.padEnd(5), message, JSON.stringify(fields, SHOWN));
}
const logger: LoggerLike = {
  debug: line('debug'),
  info: line('info'),
  warn: line('warn'),
  error: line('error'),
};

const busy = new SluiceError('overloaded', 'The model is busy.', { status: 529 });
const model = scripted([{ error: busy }, 'Rivers run to the sea.', { error: busy }, { error: busy }]);
const pipeline = new Pipeline([
  logging({ logger }),
  retry({ maxRetries: 1, backoff: constant(10) }),
  provider(model),
]);

// The first attempt fails, the second one answers.
await pipeline.execute('user', 'Where do rivers run?');

// Both attempts fail: the execution does.
await pipeline.execute('user', 'And then?').catch((error: unknown) => {
  console.log('caught', error instanceof SluiceError ? error.code : error);
});
