import assert from 'node:assert/strict';

import { isSluiceError, SluiceError } from '../../src/index.ts';
import type { ExecutionChunk, ExecutionResult, Middleware, Stream } from '../../src/index.ts';
import { settled } from '../contract.ts';
import { manualGate } from '../manual-gate.ts';
import type { MiddlewareCase } from './contract.ts';
import { abortable, stageOf } from './stage.ts';
import type { Stage } from './stage.ts';

/** Errors that are never retried: the caller must get the error that the middleware gets. */
const refused = () =>
  new SluiceError('invalid_request', 'The provider refuses.', {
    status: 400,
    provider: 'scripted',
    requestId: 'req_7',
  });
const filtered = () => new SluiceError('content_filter', 'The provider stops.', { provider: 'scripted' });

/** Cases about how executions end. */
export const endingCases: readonly MiddlewareCase[] = [
  {
    name: "passes on the provider's error unchanged",
    unless: ['errors'],
    async run({ make, execution }) {
      const { pipeline } = stageOf(make(), { error: refused() });
      const error = await failureOf(pipeline.execute('user', 'Hi', execution));
      const { code, status, provider, requestId, retryable } = error;
      assert.deepEqual(
        { code, status, provider, requestId, retryable },
        { code: 'invalid_request', status: 400, provider: 'scripted', requestId: 'req_7', retryable: false },
      );
    },
  },
  {
    name: 'passes on an error that follows some text, with the text',
    unless: ['errors', 'text', 'pace'],
    async run({ make, execution }) {
      const { pipeline } = stageOf(make(), { text: ['Rivers ', 'run'], error: filtered() });
      const stream = pipeline.executeStream('user', 'Hi', execution);
      const { content, error } = await readToFailure(stream);
      assert.equal(error.code, 'content_filter');
      assert.deepEqual([content, error.partial?.content], ['Rivers run', 'Rivers run']);
    },
  },
  {
    name: 'does nothing until the stream is read',
    async run({ make, execution }) {
      const stage = stageOf(make(), 'Rivers run');
      const stream = stage.pipeline.executeStream('user', 'Hi', execution);
      await settled();
      await stream.close();
      assert.deepEqual([stage.log, stage.model.calls.length], [[], 0]);
    },
  },
  {
    name: 'makes no call if the signal is already aborted',
    async run({ make, execution }) {
      const { model, pipeline } = stageOf(make(), 'Rivers run');
      const { controller, options } = abortable(execution);
      controller.abort();
      const error = await failureOf(pipeline.execute('user', 'Hi', options));
      assert.deepEqual([error.code, model.calls.length], ['aborted', 0]);
    },
  },
  {
    name: 'frees the model when the signal aborts before the first chunk',
    async run({ make, execution }) {
      const { model, pipeline } = stageOf(make(), { hang: true });
      const { controller, options } = abortable(execution);
      const failure = failureOf(pipeline.execute('user', 'Hi', options));
      await model.nextCall();
      controller.abort();
      assert.equal((await failure).code, 'aborted');
      assertFreed(model.calls);
    },
  },
  {
    name: 'frees the model when the signal aborts between chunks',
    unless: ['pace'],
    async run({ make, execution }) {
      const { model, pipeline } = stageOf(make(), { text: ['Rivers '], hang: true });
      const { controller, options } = abortable(execution);
      const stream = pipeline.executeStream('user', 'Hi', options);
      await stream.next();
      const failure = readToFailure(stream);
      await settled();
      controller.abort();
      assert.equal((await failure).error.code, 'aborted');
      assertFreed(model.calls);
    },
  },
  {
    name: 'frees the model when the stream is closed while a read is pending',
    async run({ make, execution }) {
      const { model, pipeline } = stageOf(make(), { hang: true });
      const stream = pipeline.executeStream('user', 'Hi', execution);
      const failure = failureOf(stream.result);
      const read = stream.next();
      await model.nextCall();
      await stream.close();
      assert.equal((await read).done, true);
      assert.equal((await failure).code, 'aborted');
      assertFreed(model.calls);
    },
  },
  {
    name: 'frees the model when the reader leaves its loop',
    unless: ['pace'],
    async run({ make, execution }) {
      const { model, pipeline } = stageOf(make(), { text: ['Rivers '], hang: true });
      for await (const chunk of pipeline.executeStream('user', 'Hi', execution)) {
        assert.equal(chunk.type === 'done', false);
        break;
      }
      assertFreed(model.calls);
    },
  },
  {
    name: 'delivers no chunk after a close',
    unless: ['pace'],
    async run({ make, execution }) {
      const pace = manualGate();
      const stage = stageOf(make(), { text: ['Rivers ', 'run'], gate: pace.gate });
      const stream = stage.pipeline.executeStream('user', 'Hi', execution);
      pace.release();
      await stream.next();
      await stream.close();
      const before = [...stage.log];
      pace.open();
      await settled();
      assert.equal((await stream.next()).done, true);
      assert.deepEqual(stage.log, before);
    },
  },
  {
    name: 'passes on an interrupt from above',
    unless: ['pace', 'text'],
    run: async ({ make, execution }) =>
      checkInterrupt(stageOf(make(), endless, { above: stopper }), execution),
  },
  {
    name: 'passes on an interrupt from below',
    unless: ['pace', 'text'],
    run: async ({ make, execution }) =>
      checkInterrupt(stageOf(make(), endless, { below: stopper }), execution),
  },
  {
    name: 'lets a middleware above abort the call',
    unless: ['pace', 'text'],
    run: async ({ make, execution }) => checkAbort(stageOf(make(), endless, { above: breaker }), execution),
  },
  {
    name: 'lets a middleware below abort the call',
    unless: ['pace', 'text', 'errors'],
    run: async ({ make, execution }) => checkAbort(stageOf(make(), endless, { below: breaker }), execution),
  },
  {
    name: 'ends each stream that it starts exactly once',
    async run({ make, execution }) {
      const middleware = make();
      const stages = [
        stageOf(middleware, 'Rivers run'),
        stageOf(middleware, { text: 'Rivers run', error: filtered() }),
        stageOf(middleware, { text: 'Rivers run', hang: true }),
        stageOf(middleware, endless, { below: stopper }),
      ];
      for (const { model, pipeline, log } of stages) {
        const { controller, options } = abortable(execution);
        const over = pipeline.execute('user', 'Hi', options).catch(() => undefined);
        await settled();
        if (model.openCalls > 0) controller.abort();
        await over;
        await settled();
        for (const where of ['above', 'below']) {
          const starts = log.filter((line) => line === `${where} start`).length;
          const ends = log.filter((line) => line.startsWith(`${where} end`)).length;
          assert.equal(ends, starts, `${where}: ${log.join(', ')}`);
        }
      }
    },
  },
];

const endless = { text: ['Rivers ', 'run ', 'down'], hang: true };

const stopper: Middleware = function stopper(context, next) {
  return next().tap((chunk) => {
    if (chunk.type === 'content' && chunk.content === 'run ') context.interrupt('enough');
  });
};

/** Ends the call below it with its own error, as a guard does. */
const breaker: Middleware = function breaker(_context, next) {
  const stream = next();
  return stream.tap((chunk) => {
    if (chunk.type === 'content' && chunk.content === 'run ') {
      stream.abort(new SluiceError('guard', 'It must not run.'));
    }
  });
};

async function checkAbort({ model, pipeline }: Stage, execution: object): Promise<void> {
  const { content, error } = await readToFailure(pipeline.executeStream('user', 'Hi', execution));
  assert.deepEqual([error.code, content], ['guard', 'Rivers run ']);
  assertFreed(model.calls);
}

async function checkInterrupt({ model, pipeline }: Stage, execution: object): Promise<void> {
  const { outcome, reason, response, warnings } = await pipeline.execute('user', 'Hi', execution);
  assert.deepEqual([outcome, reason, response.content], ['interrupted', 'enough', 'Rivers run ']);
  const late = warnings.filter((warning) => warning.includes('was abandoned'));
  assert.deepEqual(late, [], 'the interrupt left something that did not end in time');
  assertFreed(model.calls);
}

function assertFreed(calls: Stage['model']['calls']): void {
  assert.deepEqual(
    calls.map(({ state }) => state),
    calls.map(() => 'closed'),
  );
  assert.notEqual(calls.length, 0, 'the model was never called');
}

/** The error of an execution that must fail. */
async function failureOf(result: Promise<unknown>): Promise<SluiceError> {
  const error = await result.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (isSluiceError(error)) return error;
  throw new assert.AssertionError({ message: `Expected a SluiceError, got ${String(error)}` });
}

async function readToFailure(
  stream: Stream<ExecutionChunk, ExecutionResult>,
): Promise<{ content: string; error: SluiceError }> {
  let content = '';
  const error = await failureOf(
    (async function readAll() {
      for await (const chunk of stream) if (chunk.type === 'content') content += chunk.content;
    })(),
  );
  return { content, error };
}
