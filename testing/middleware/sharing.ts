import assert from 'node:assert/strict';

import { SluiceError, textOf } from '../../src/index.ts';
import type { ExecutionResult, Middleware, ModelRequest } from '../../src/index.ts';
import { settled } from '../contract.ts';
import { manualGate } from '../manual-gate.ts';
import type { ScriptedReply } from '../scripted-reply.ts';
import type { MiddlewareCase, MiddlewareSubject } from './contract.ts';
import { Stage, abortable, failureOf } from './stage.ts';

/** Cases about what executions of one middleware share: nothing, unless they are asked the same. */
export const sharingCases: readonly MiddlewareCase[] = [
  {
    name: 'works for one execution after another',
    async run(subject) {
      const stage = new Stage(subject, (request) => `answer to ${promptOf(request)}`);
      const contents: string[] = [];
      for (const prompt of ['one', 'two', 'three']) {
        contents.push((await stage.execute(prompt)).response.content);
      }
      assert.equal(new Set(contents).size, 3, `Expected three different answers, got ${contents.join(', ')}`);
    },
  },
  {
    name: 'tells apart requests that differ in the model, the parameters, the tools or the format',
    unless: ['request'],
    async run(subject) {
      const stage = new Stage(subject, ({ model, parameters, tools, responseFormat }) =>
        JSON.stringify([model, parameters.temperature, tools?.length, responseFormat?.type]),
      );
      const tools = [{ name: 'now', parameters: { type: 'object' } }];
      const asked = [
        {},
        { model: 'm' },
        { parameters: { temperature: 0.5 } },
        { tools },
        { responseFormat: { type: 'json' } },
      ] as const;
      const contents: string[] = [];
      for (const options of asked) contents.push((await stage.execute('Hi', options)).response.content);
      assert.equal(
        new Set(contents).size,
        asked.length,
        `Expected ${asked.length} different answers, got ${contents.join(', ')}`,
      );
    },
  },
  {
    name: 'answers a request that it has seen before as it did then',
    unless: ['text', 'tools'],
    async run(subject) {
      const stage = new Stage(subject, {
        thinking: ['Hm', 'm. '],
        text: ['Rivers ', 'run'],
        toolCalls: [{ id: 'a', name: 'look_up', arguments: { word: 'river' } }],
      });
      const first = await stage.execute();
      const second = await stage.execute();
      assert.deepEqual(answerOf(second), answerOf(first));
    },
  },
  {
    name: 'answers in full after an execution that ended early',
    unless: ['errors'],
    async run(subject) {
      const whole = (await new Stage(subject, 'Rivers run down').execute()).response.content;
      for (const way of ['failed', 'was aborted', 'was closed', 'was interrupted'] as const) {
        const { stage, isOver } = stageThatEndsEarly(subject, way);
        const { controller, options } = abortable();
        const stream = stage.stream('Hi', options);
        const over = stream.text().catch(() => undefined);
        await stage.called(stream.result);
        await settled();
        if (way === 'was aborted') controller.abort();
        if (way === 'was closed') await stage.close(stream);
        await subject.until('the first execution ends', over);
        isOver();
        const { response } = await stage.execute();
        assert.equal(response.content, whole, `Wrong answer after an execution that ${way}`);
      }
    },
  },
  {
    name: 'keeps concurrent executions apart',
    unless: ['text'],
    async run(subject) {
      const pace = manualGate();
      const stage = new Stage(subject, (request) => ({ text: wordsFor(request), gate: pace.gate }));
      const running = ['a', 'b', 'c'].map((name) => stage.execute(name));
      for (let at = 0; at < 20; at++) {
        await settled(1);
        pace.release();
      }
      pace.open();
      const contents = (await Promise.all(running)).map(({ response }) => response.content);
      assert.deepEqual(contents, ['a1 a2 a3', 'b1 b2 b3', 'c1 c2 c3']);
    },
  },
  ...(['another request', 'the same request'] as const).map((which): MiddlewareCase => ({
    name: `ends no other execution of ${which} when one ends`,
    async run(subject) {
      const pace = manualGate();
      const stage = new Stage(subject, (request) => ({ text: wordsFor(request), gate: pace.gate }));
      const { controller, options } = abortable();
      const first = stage.execute('a', options);
      await stage.called(first);
      const second = stage.execute(which === 'the same request' ? 'a' : 'b');
      await settled();
      controller.abort();
      assert.equal((await failureOf(first)).code, 'aborted');
      pace.open();
      assert.equal((await second).outcome, 'completed');
    },
  })),
];

/** A stage on which executions do not complete before `isOver()` is called. */
function stageThatEndsEarly(
  subject: MiddlewareSubject,
  way: 'failed' | 'was aborted' | 'was closed' | 'was interrupted',
): { stage: Stage; isOver: () => void } {
  let over = false;
  const answer = (): ScriptedReply => {
    if (over) return { text: 'Rivers run down' };
    const text = ['Rivers ', 'run '];
    return way === 'failed'
      ? { text, error: new SluiceError('content_filter', 'Stop.') }
      : { text, hang: true };
  };
  const below: Middleware = function interrupting(context, next) {
    if (over || way !== 'was interrupted') return next();
    return next().tap((chunk) => {
      if (chunk.type === 'content' && chunk.content === 'run ') context.interrupt('enough');
    });
  };
  return { stage: new Stage(subject, answer, { below }), isOver: () => void (over = true) };
}

function answerOf({ response, model }: ExecutionResult) {
  return { ...response, model };
}

function promptOf({ messages }: ModelRequest): string {
  const last = messages.findLast(({ role }) => role === 'user');
  return last === undefined ? '' : textOf(last);
}

function wordsFor(request: ModelRequest): string[] {
  const name = promptOf(request);
  return [`${name}1 `, `${name}2 `, `${name}3`];
}
