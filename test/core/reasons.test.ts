import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline, SluiceError } from 'sluice';
import type { ExecutionEnd, Middleware } from 'sluice';
import { logging } from 'sluice/middleware';
import { Model, failureOf, settled, texts } from './harness.ts';

/** An execution that has given one chunk, and all that is said about its end. */
async function stage(signal?: AbortSignal) {
  const told: unknown[] = [];
  const lines: unknown[] = [];
  const look: Middleware = function look(context, next) {
    context.onEnd(({ outcome, reason, error }: ExecutionEnd) => {
      told.push({ hook: outcome, reason, error: error?.reason });
    });
    return next().tap({ end: ({ outcome, error }) => told.push({ tap: outcome, error: error?.reason }) });
  };
  const note = (...given: unknown[]): void => void lines.push(...given);
  const logger = { debug: note, info: note, warn: note, error: note };
  const store = new MemoryStore();
  const model = new Model().give(texts('a'));
  const pipeline = new Pipeline([logging({ logger, level: 'info' }), look, model.middleware], { store });
  const stream = pipeline.executeStreamWithContext('s', 'user', 'hi', {
    turnId: 't',
    ...(signal && { signal }),
  });
  await stream.next();
  const result = failureOf(stream.result);
  return { stream, result, told, lines, store };
}

describe('the reason of a cancel', () => {
  type Stage = Awaited<ReturnType<typeof stage>>;
  const ways: [string, (stream: Stage['stream'], controller: AbortController) => void][] = [
    ['close()', (stream) => void stream.close('stopped')],
    ['the signal', (_stream, controller) => controller.abort('stopped')],
    ['abort()', (stream) => stream.abort(new SluiceError('aborted', 'It ends.', { reason: 'stopped' }))],
  ];

  test.each(ways)(
    'of %s reaches the error, its JSON, hooks, the log and the stored turn',
    async (_way, end) => {
      const controller = new AbortController();
      const { stream, result, told, lines, store } = await stage(controller.signal);
      end(stream, controller);
      const error = await result;
      await settled();
      expect(JSON.parse(JSON.stringify(error))).toEqual({
        code: 'aborted',
        message: 'The request was cancelled.',
        reason: 'stopped',
      });
      expect(told).toContainEqual({ hook: 'cancelled', reason: 'stopped', error: 'stopped' });
      expect(lines).toContainEqual(
        expect.objectContaining({ event: 'execution_end', outcome: 'cancelled', reason: 'stopped' }),
      );
      const stored = (await store.turn('s', 't.reply'))?.end;
      expect([stored?.outcome, stored?.reason]).toEqual(['cancelled', 'stopped']);
    },
  );

  test('is told to the taps of the layers', async () => {
    const { stream, result, told } = await stage();
    await stream.close('stopped');
    await result;
    expect(told).toContainEqual({ tap: 'cancelled', error: 'stopped' });
  });

  test('is that of the error that the signal was aborted with', async () => {
    const own = new AbortController();
    const { result } = await stage(own.signal);
    own.abort(new SluiceError('aborted', 'It ends.', { reason: 'orphaned' }));
    expect((await result).reason).toBe('orphaned');
  });

  test.each([
    ['an object', { text: 'stopped' }],
    ['an Error', new Error('words of a user')],
    ['several lines', 'a\nb'],
    ['a long text', 'x'.repeat(101)],
    ['a key', 'sk-proj-abcdefghijkl'],
    ['nothing', undefined],
  ])('is left out if it is %s, which stays the cause', async (_kind, given) => {
    const { stream, result, told } = await stage();
    await stream.close(given);
    const error = await result;
    expect([error.reason, 'reason' in error.toJSON(), error.cause]).toEqual([undefined, false, given]);
    expect(told).toContainEqual({ hook: 'cancelled', reason: undefined, error: undefined });
  });

  test('of an interruption is not logged without content, because it may quote the answer', async () => {
    const lines: unknown[] = [];
    const note = (...given: unknown[]): void => void lines.push(...given);
    const logger = { debug: note, info: note, warn: note, error: note };
    const guard: Middleware = function guard(context, next) {
      return next().tap(() => context.interrupt('it said so'));
    };
    const model = new Model().give(texts('a'));
    await new Pipeline([logging({ logger }), guard, model.middleware]).execute('user', 'hi');
    expect(JSON.stringify(lines)).not.toContain('it said so');
  });
});
