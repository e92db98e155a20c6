import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';

import { SluiceError, isSluiceError } from '../../src/index.ts';
import type { ExecutionResult, ModelRequest } from '../../src/index.ts';
import { textOf } from '../../src/index.ts';
import { settled } from '../contract.ts';
import { timersLeftBy, unhandledRejectionsOf } from '../leaks.ts';
import { manualGate } from '../manual-gate.ts';
import type { MiddlewareCase, MiddlewareSubject } from './contract.ts';
import { abortable, stageOf } from './stage.ts';

/** Cases about what executions leave behind and what they share. */
export const leakCases: readonly MiddlewareCase[] = [
  {
    name: 'leaves no listener on a signal that outlives the call',
    async run({ make, execution }) {
      const { pipeline, contexts } = stageOf(make(), 'Rivers run', { repeat: true });
      const { controller, options } = abortable(execution);
      for (let at = 0; at < 20; at++) {
        const stream = pipeline.executeStream('user', `Hi ${at}`, options);
        await stream.next();
        if (at % 2 === 0) await stream.close();
        else await stream.result.catch(() => undefined);
        await stream.close();
      }
      assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
      // The execution's own signal lives as long as the execution. Listeners that others add to it must not outlive it.
      const left = contexts.map(({ signal }) => getEventListeners(signal, 'abort').length);
      assert.deepEqual(
        left,
        contexts.map(() => 0),
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
  {
    name: 'works for one execution after another',
    unless: ['calls'],
    async run({ make, execution }) {
      const { pipeline, model } = stageOf(make(), (_request, call) => `answer ${call}`, { repeat: true });
      const contents: string[] = [];
      for (const prompt of ['one', 'two', 'three']) {
        contents.push((await pipeline.execute('user', prompt, execution)).response.content);
      }
      assert.equal(model.calls.length, 3);
      assert.equal(new Set(contents).size, 3, `Expected three different answers, got ${contents.join(', ')}`);
    },
  },
  {
    name: 'keeps concurrent executions apart',
    unless: ['text', 'pace', 'calls'],
    async run({ make, execution }) {
      const pace = manualGate();
      const answer = (request: ModelRequest) => ({ text: wordsFor(request), gate: pace.gate });
      const { pipeline } = stageOf(make(), answer, { repeat: true });
      const running = ['a', 'b', 'c'].map((name) => pipeline.execute('user', name, execution));
      for (let at = 0; at < 20; at++) {
        await settled(1);
        pace.release();
      }
      pace.open();
      const contents = (await Promise.all(running)).map(({ response }) => response.content);
      assert.deepEqual(contents, ['a1 a2 a3', 'b1 b2 b3', 'c1 c2 c3']);
    },
  },
  {
    name: 'ends no other execution when one ends',
    async run({ make, execution }) {
      const pace = manualGate();
      const { pipeline, model } = stageOf(
        make(),
        (request) => ({ text: wordsFor(request), gate: pace.gate }),
        {
          repeat: true,
        },
      );
      const { controller, options } = abortable(execution);
      const first: Promise<ExecutionResult | string> = pipeline.execute('user', 'a', options).catch(codeOf);
      await model.nextCall();
      const second = pipeline.execute('user', 'b', execution);
      await settled();
      controller.abort();
      assert.equal(await first, 'aborted');
      pace.open();
      assert.equal((await second).outcome, 'completed');
    },
  },
];

/** Executions that complete, fail, are aborted while they wait, and are closed halfway. */
async function everyEnd({ make, execution }: MiddlewareSubject): Promise<void> {
  const error = new SluiceError('invalid_request', 'The provider refuses.', { status: 400 });
  const middleware = make();
  await stageOf(middleware, 'Rivers run').pipeline.execute('user', 'Hi', execution);
  await stageOf(middleware, { error }).pipeline.execute('user', 'Hi', execution).catch(codeOf);

  const hanging = stageOf(middleware, { text: 'Rivers ', hang: true }, { repeat: true });
  const { controller, options } = abortable(execution);
  const aborted = hanging.pipeline.execute('user', 'Hi', options).catch(codeOf);
  await hanging.model.nextCall();
  await settled();
  controller.abort();
  await aborted;

  const closed = hanging.pipeline.executeStream('user', 'Hi', execution);
  const read = closed.next();
  await hanging.model.nextCall();
  await closed.close();
  await read;
}

function wordsFor({ messages }: ModelRequest): string[] {
  const last = messages.findLast(({ role }) => role === 'user');
  const name = last === undefined ? '' : textOf(last);
  return [`${name}1 `, `${name}2 `, `${name}3`];
}

function codeOf(error: unknown): string {
  return isSluiceError(error) ? error.code : String(error);
}
