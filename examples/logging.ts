// Logs the start and the end of each execution and of each attempt, without the text of the conversation.
import { Pipeline, SluiceError } from 'sluice';
import type { LoggerLike } from 'sluice';
import { constant } from 'sluice/kit';
import { logging, provider, retry } from 'sluice/middleware';
import { scripted } from 'sluice/testing';

// Any logger with the methods of pino or console works. This one prints the few fields that are the same in every run.
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

// The first attempt fails, the second one succeeds.
await pipeline.execute('user', 'Where do rivers run?');

// Both attempts fail, so the execution fails.
await pipeline.execute('user', 'And then?').catch((error: unknown) => {
  console.log('caught', error instanceof SluiceError ? error.code : error);
});
