import { expect, test } from 'vitest';
import { Pipeline } from 'sluice';

test('an execution that comes after the shutdown rejects, and nothing is left unhandled', async () => {
  const pipeline = new Pipeline([async function* model() {}]);
  await pipeline.shutdown();
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  await expect(pipeline.execute('user', 'late')).rejects.toMatchObject({ code: 'shutting_down' });
  await expect(pipeline.executeStream('user', 'late').next()).rejects.toMatchObject({
    code: 'shutting_down',
  });
  await new Promise(setImmediate);
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});
