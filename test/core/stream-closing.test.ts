import { expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import type { Middleware } from 'sluice';

test('a second close() of an execution resolves when the cleanup is over, as the first one does', async () => {
  const log: string[] = [];
  const held = Promise.withResolvers<void>();
  const model: Middleware = async function* model(context) {
    context.onEnd(async () => {
      await held.promise;
      log.push('cleaned up');
    });
    yield { type: 'content', content: 'a' };
    yield { type: 'content', content: 'b' };
    return { finishReason: 'stop' };
  };
  const stream = new Pipeline([model], { streamBufferSize: 0 }).executeStream('user', 'hi');
  await stream.next();
  const closes = [stream.close(), stream.close()].map((close) => close.then(() => log.push('closed')));
  await Promise.resolve();
  held.resolve();
  await Promise.all(closes);
  expect(log).toEqual(['cleaned up', 'closed', 'closed']);
});
