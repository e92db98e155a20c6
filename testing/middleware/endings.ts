import assert from 'node:assert/strict';

import { SluiceError } from '../../src/index.ts';
import type { Middleware } from '../../src/index.ts';
import { settled } from '../contract.ts';
import { manualGate } from '../manual-gate.ts';
import type { MiddlewareCase } from './contract.ts';
import { Stage, abortable, failureOf } from './stage.ts';

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
    async run(subject) {
      const error = await new Stage(subject, { error: refused() }).failure();
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
    async run(subject) {
      const stage = new Stage(subject, { text: ['Rivers ', 'run'], error: filtered() });
      const { content, error } = await stage.readToFailure(stage.stream());
      assert.equal(error.code, 'content_filter');
      assert.deepEqual([content, error.partial?.content], ['Rivers run', 'Rivers run']);
    },
  },
  {
    name: 'does nothing until the stream is read',
    async run(subject) {
      const stage = new Stage(subject, 'Rivers run');
      const stream = stage.stream();
      await settled();
      await stage.close(stream);
      assert.deepEqual([stage.log, stage.model.calls.length], [[], 0]);
    },
  },
  {
    name: 'makes no call if the signal is already aborted',
    async run(subject) {
      const stage = new Stage(subject, 'Rivers run');
      const { controller, options } = abortable();
      controller.abort();
      const error = await stage.failure('Hi', options);
      assert.deepEqual([error.code, stage.model.calls.length], ['aborted', 0]);
    },
  },
  {
    name: 'frees the model when the signal aborts before the first chunk',
    async run(subject) {
      const stage = new Stage(subject, { hang: true });
      const { controller, options } = abortable();
      const running = stage.execute('Hi', options);
      await stage.called(running);
      controller.abort();
      assert.equal((await failureOf(running)).code, 'aborted');
      stage.assertFreed();
    },
  },
  {
    name: 'frees the model when the signal aborts between chunks',
    unless: ['pace'],
    async run(subject) {
      const stage = new Stage(subject, { text: ['Rivers '], hang: true });
      const { controller, options } = abortable();
      const stream = stage.stream('Hi', options);
      await subject.until('the first chunk arrives', stream.next());
      const failure = stage.readToFailure(stream);
      await settled();
      controller.abort();
      assert.equal((await failure).error.code, 'aborted');
      stage.assertFreed();
    },
  },
  {
    name: 'frees the model when the stream is closed while a read is pending',
    async run(subject) {
      const stage = new Stage(subject, { hang: true });
      const stream = stage.stream();
      const read = stream.next();
      await stage.called(stream.result);
      await stage.close(stream);
      assert.equal((await subject.until('the pending read is answered', read)).done, true);
      assert.equal((await failureOf(stream.result)).code, 'aborted');
      stage.assertFreed();
    },
  },
  {
    name: 'frees the model when the reader leaves its loop',
    unless: ['pace'],
    async run(subject) {
      const stage = new Stage(subject, { text: ['Rivers '], hang: true });
      async function readOne(): Promise<void> {
        for await (const chunk of stage.stream()) {
          assert.equal(chunk.type === 'done', false);
          break;
        }
      }
      await subject.until('the loop is left', readOne());
      stage.assertFreed();
    },
  },
  {
    name: 'delivers no chunk after a close',
    unless: ['pace'],
    async run(subject) {
      const pace = manualGate();
      const stage = new Stage(subject, { text: ['Rivers ', 'run'], gate: pace.gate });
      const stream = stage.stream();
      pace.release();
      await subject.until('the first chunk arrives', stream.next());
      await stage.close(stream);
      const before = [...stage.log];
      pace.open();
      await settled();
      assert.equal((await subject.until('a read after the close is answered', stream.next())).done, true);
      assert.deepEqual(stage.log, before);
    },
  },
  {
    name: 'passes on an interrupt from above',
    unless: ['pace', 'text'],
    run: (subject) => checkInterrupt(new Stage(subject, endless, { above: stopper })),
  },
  {
    name: 'passes on an interrupt from below',
    unless: ['pace', 'text'],
    run: (subject) => checkInterrupt(new Stage(subject, endless, { below: stopper })),
  },
  {
    name: 'lets a middleware above abort the call',
    unless: ['pace', 'text'],
    run: (subject) => checkAbort(new Stage(subject, endless, { above: breaker })),
  },
  {
    name: 'lets a middleware below abort the call',
    unless: ['pace', 'text', 'errors'],
    run: (subject) => checkAbort(new Stage(subject, endless, { below: breaker })),
  },
  {
    name: 'ends each stream that it starts exactly once',
    async run(subject) {
      const middleware = subject.make();
      const stages = [
        new Stage(subject, 'Rivers run', { middleware }),
        new Stage(subject, { text: 'Rivers run', error: filtered() }, { middleware }),
        new Stage(subject, { text: 'Rivers run', hang: true }, { middleware }),
        new Stage(subject, endless, { middleware, below: stopper }),
      ];
      for (const [at, stage] of stages.entries()) {
        const { controller, options } = abortable();
        const over = stage.execute(`Hi ${at}`, options).catch(() => undefined);
        await settled();
        if (stage.model.openCalls > 0) controller.abort();
        await over;
        await settled();
        for (const where of ['above', 'below']) {
          const starts = stage.log.filter((line) => line === `${where} start`).length;
          const ends = stage.log.filter((line) => line.startsWith(`${where} end`)).length;
          assert.equal(ends, starts, `${where}: ${stage.log.join(', ')}`);
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

async function checkAbort(stage: Stage): Promise<void> {
  const { content, error } = await stage.readToFailure(stage.stream());
  assert.deepEqual([error.code, content], ['guard', 'Rivers run ']);
  stage.assertFreed();
}

async function checkInterrupt(stage: Stage): Promise<void> {
  const { outcome, reason, response, warnings } = await stage.execute();
  assert.deepEqual([outcome, reason, response.content], ['interrupted', 'enough', 'Rivers run ']);
  const late = warnings.filter((warning) => warning.includes('was abandoned'));
  assert.deepEqual(late, [], 'the interrupt left something that did not end in time');
  stage.assertFreed();
}
