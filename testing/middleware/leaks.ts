import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';

import { SluiceError } from '../../src/index.ts';
import { settled } from '../contract.ts';
import { timersLeftBy, unhandledRejectionsOf } from '../leaks.ts';
import type { MiddlewareCase, MiddlewareSubject } from './contract.ts';
import { Stage, abortable, failureOf } from './stage.ts';

/** Cases about what executions leave behind. */
export const leakCases: readonly MiddlewareCase[] = [
  {
    name: 'leaves no listener on a signal that outlives the call',
    async run(subject) {
      const stage = new Stage(subject, 'Rivers run');
      const { controller, options } = abortable();
      for (let at = 0; at < 20; at++) {
        const stream = stage.stream(`Hi ${at}`, options);
        await subject.until('the first chunk arrives', stream.next());
        if (at % 2 === 1)
          await subject.until(
            'the execution ends',
            stream.result.catch(() => undefined),
          );
        await stage.close(stream);
      }
      assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
      // The execution's own signal lives as long as the execution. Listeners that others add to it must not outlive it.
      const left = stage.contexts.map(({ signal }) => getEventListeners(signal, 'abort').length);
      assert.deepEqual(
        left,
        left.map(() => 0),
      );
    },
  },
  {
    name: 'leaves no unhandled rejection',
    async run(subject) {
      const reasons = await unhandledRejectionsOf(() => everyEnd(subject));
      assert.deepEqual(reasons, []);
    },
  },
  {
    name: 'leaves no timer running',
    async run(subject) {
      const left = await timersLeftBy(() => everyEnd(subject));
      assert.equal(left, 0, `${left} timers that keep the process alive are left`);
    },
  },
];

/** Executions that complete, fail, are aborted while they wait, and are closed halfway. Each has a prompt of its own. */
async function everyEnd(subject: MiddlewareSubject): Promise<void> {
  const error = new SluiceError('invalid_request', 'The provider refuses.', { status: 400 });
  const middleware = subject.make();
  await new Stage(subject, 'Rivers run', { middleware }).execute('one');
  await new Stage(subject, { error }, { middleware }).execute('two').catch(() => undefined);

  const hanging = new Stage(subject, { text: 'Rivers ', hang: true }, { middleware });
  const { controller, options } = abortable();
  const aborted = hanging.execute('three', options);
  await hanging.called(aborted);
  await settled();
  controller.abort();
  await failureOf(aborted);

  const closed = hanging.stream('four');
  const read = closed.next();
  await hanging.called(closed.result);
  await hanging.close(closed);
  await subject.until('the pending read is answered', read);
}
