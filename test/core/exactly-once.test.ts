import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError } from 'sluice';
import type { Middleware, PipelineOptions } from 'sluice';
import { Model, readAll, settled, shapeNames, shapes, stop, text, texts, witness } from './harness.ts';

const open = (middleware: Middleware[], options?: PipelineOptions, signal?: AbortSignal) =>
  new Pipeline(middleware, options).executeStream('user', 'hi', { ...(signal && { signal }) });

describe('R32 exactly one terminal event', () => {
  const boom = (): never => {
    throw new RangeError('boom');
  };
  /** Middleware that go wrong somewhere. */
  const broken: [string, Middleware][] = [
    ['a chunk tap that throws', (_c, next) => next().tap(boom)],
    ['an end tap that throws', (_c, next) => next().tap({ end: boom })],
    ['a pull tap that throws', (_c, next) => next().tap({ pull: boom })],
    ['a body that throws', () => boom()],
    ['an async body that rejects', async () => boom()],
    [
      'a generator that throws before a chunk',
      async function* layer() {
        boom();
      },
    ],
    [
      'a generator that throws after a chunk',
      async function* layer() {
        yield text('x');
        boom();
      },
    ],
    [
      'a generator that throws after the end',
      async function* layer(_c, next) {
        yield* next();
        boom();
      },
    ],
    [
      'a generator that throws in its finally',
      async function* layer(_c, next) {
        try {
          return yield* next();
        } finally {
          boom();
        }
      },
    ],
    [
      'a generator that yields in its finally',
      async function* layer(_c, next) {
        try {
          return yield* next();
        } finally {
          yield text('x');
        }
      },
    ],
    [
      'a generator that throws in its finally, delegating to a loop',
      async function* layer(_c, next) {
        try {
          for await (const chunk of next()) yield chunk;
        } finally {
          boom();
        }
      },
    ],
    ['an end hook that throws', (context, next) => (context.onEnd(boom), next())],
    ['a tap of calls that throws at once', (_c, next) => next().tap({ call: boom })],
    [
      'an observer of a call that throws at a chunk',
      (_c, next) => next().tap({ call: () => ({ chunk: boom }) }),
    ],
    [
      'an observer of a call that throws at the end',
      (_c, next) => next().tap({ call: () => ({ end: boom }) }),
    ],
    [
      'an observer of a call that will not be ready',
      (_c, next) => next().tap({ call: () => ({ ready: Promise.reject(new TypeError('x')) }) }),
    ],
    [
      'a span listener that throws at the start',
      (context, next) => (context.trace.onSpan({ start: boom }), next()),
    ],
    [
      'a span listener that throws at the end',
      (context, next) => (context.trace.onSpan({ end: boom }), next()),
    ],
    ['a reader that never pulls what it made', (_c, next) => (next(), next())],
  ];
  const stops = ['end', 'error', 'close', 'signal', 'interrupt'] as const;

  describe.each(broken)('%s', (_name, middleware) => {
    test.each(stops)(
      '%s: every finally, tap end and onEnd runs once, and the reader hears one end',
      async (how) => {
        for (const below of shapeNames) {
          const log: string[] = [];
          const abort = new AbortController();
          const model = new Model({ log }).give(texts('a'));
          if (how === 'end') model.give(stop());
          if (how === 'error') model.give(new SluiceError('server', 'down'));
          const stopper: Middleware = function stopper(context, next) {
            if (how === 'interrupt') void settled().then(() => context.interrupt('enough'));
            return next();
          };
          const layers = [
            witness(log, 'outer'),
            shapes[below](log, 'around'),
            middleware,
            shapes[below](log, 'within'),
          ];
          const stream = open(
            [stopper, witness(log, 'top'), ...layers, model.middleware],
            { closeTimeoutMs: 50, hookTimeoutMs: 50 },
            abort.signal,
          );
          let ends = 0;
          stream.tap({
            end: () => {
              ends++;
            },
          });
          const reading = readAll(stream);
          await settled();
          if (how === 'close') await stream.close();
          if (how === 'signal') abort.abort();
          const settledResult = stream.result.then(
            ({ outcome }) => outcome,
            () => 'rejected',
          );
          await reading;
          await settledResult;
          const count = (pattern: RegExp): number => log.filter((line) => pattern.test(line)).length;
          expect([below, ends]).toEqual([below, 1]);
          expect([count(/^top end/), count(/^top onEnd/)], log.join()).toEqual([1, 1]);
          expect([count(/^outer end/), count(/^outer onEnd/)], log.join()).toEqual([1, 1]);
          expect(count(/^around (end|finally)/), log.join()).toBe(1);
          expect(count(/^within (end|finally)/), log.join()).toBeLessThanOrEqual(1);
          const started = count(/^model \d called/);
          expect(count(/^within (end|finally)/), log.join()).toBeGreaterThanOrEqual(started);
          expect(
            log.findLastIndex((line) => / (end|finally)/.test(line) && !line.includes('onEnd')),
          ).toBeLessThan(log.findIndex((line) => line.includes('onEnd')));
        }
      },
    );
  });
});
