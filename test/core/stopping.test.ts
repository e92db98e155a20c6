import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError } from 'sluice';
import type { Middleware } from 'sluice';
import { Model, failureOf, settled, shapeNames, shapes, stop, texts } from './harness.ts';
import type { Shape } from './harness.ts';

describe('stopping with reads pending and with chunks that wait', () => {
  const ways = ['close', 'signal', 'interrupt', 'abort'] as const;
  const cases = shapeNames.flatMap((shape) =>
    ways.map((way): [Shape, (typeof ways)[number]] => [shape, way]),
  );

  test.each(cases)('%s: %s while a read is pending', async (shape, way) => {
    const log: string[] = [];
    const { stream, model, stopIt } = stage(shape, log);
    const read = stream.next().catch((error: unknown) => (error instanceof SluiceError ? error.code : error));
    await settled();
    await stopIt(way);
    const expected = {
      close: { done: true, value: undefined },
      signal: 'aborted',
      interrupt: { done: false, value: expect.objectContaining({ type: 'done' }) },
      abort: 'timeout',
    }[way];
    expect(await read).toEqual(expected);
    expect(model.log).toEqual(['model 1 called', 'model 1 closed: aborted']);
    expect(log).toHaveLength(1);
  });

  test.each(cases)('%s: %s with chunks in the buffer', async (shape, way) => {
    const log: string[] = [];
    const { stream, model, stopIt } = stage(shape, log);
    model.give(texts('a', 'b', 'c'));
    expect((await stream.next()).value).toMatchObject({ content: 'a' });
    await settled();
    await stopIt(way);
    const rest: string[] = [];
    let how = 'done';
    try {
      for await (const chunk of stream) rest.push(chunk.type === 'content' ? chunk.content : chunk.type);
    } catch (error) {
      how = error instanceof SluiceError ? error.code : 'unknown';
    }
    const expected = {
      close: [[], 'done'],
      signal: [[], 'aborted'],
      interrupt: [['b', 'c', 'done'], 'done'],
      abort: [['b', 'c'], 'timeout'],
    }[way];
    expect([rest, how]).toEqual(expected);
    expect(model.log).toEqual(['model 1 called', 'model 1 closed: aborted']);
    expect(log).toHaveLength(1);
    expect(stream.partial?.content).toBe('abc');
  });

  function stage(shape: Shape, log: string[]) {
    const model = new Model();
    const abort = new AbortController();
    const kept: { interrupt?: () => void } = {};
    const keeps: Middleware = function keeps(context, next) {
      kept.interrupt = () => context.interrupt('enough');
      return next();
    };
    const stream = new Pipeline([keeps, shapes[shape](log), model.middleware]).executeStream('user', 'hi', {
      signal: abort.signal,
    });
    const stopIt = async (way: (typeof ways)[number]): Promise<void> => {
      if (way === 'close') await stream.close();
      else if (way === 'signal') abort.abort();
      else if (way === 'interrupt') kept.interrupt?.();
      else stream.abort(new SluiceError('timeout', 'too slow'));
      await settled();
    };
    return { stream, model, stopIt };
  }
});

test('a stop between the last chunk and the end keeps what was stamped', async () => {
  const model = new Model().give(texts('a'), texts('b'), stop());
  const stream = new Pipeline([model.middleware], { streamBufferSize: 0 }).executeStream('user', 'hi');
  await stream.next();
  await stream.close();
  expect((await failureOf(stream.result)).partial?.content).toBe('a');
});
