import { MemoryStore, Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { ForwardingStore } from '../../support/forwarding-store.ts';
import { Desk, KEY, guarded, kept } from './desk.ts';
import { calling, play, resultsIn } from './stage.ts';

const APPROVE = { '0_0': { approve: true as const } };

describe('a call that has to be approved', () => {
  test('waits, is shown with its checked arguments, and runs once when it is approved, in another process', async () => {
    const desk = new Desk();
    const { made, runs } = guarded();
    const first = await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}])] });
    expect(first.seen).toEqual(['call 0_0 pay', 'done']);
    expect(first.result).toMatchObject({ outcome: 'interrupted', reason: 'approval' });
    expect(first.result?.pending).toEqual([
      {
        callId: expect.stringMatching(/_0_0$/),
        name: 'pay',
        arguments: { amount: 1 },
        waitsFor: 'approval',
        fingerprint: made.fingerprint,
      },
    ]);
    expect(runs).toEqual([]);
    expect(await desk.roles()).toEqual(['user']);
    expect(await desk.open()).toMatchObject({
      turnId: first.result?.turn?.id,
      messages: [{ role: 'assistant' }],
      pending: first.result?.pending,
    });

    const second = await desk.decide([made], APPROVE);
    expect(second.seen).toEqual(['call 0_0 pay', 'result 0_0 pay {"amount":1}', 'done', 'done']);
    expect(second.result?.outcome).toBe('completed');
    expect(second.result?.turn?.id).toBe(first.result?.turn?.id);
    expect(runs).toHaveLength(1);
    expect(resultsIn(second.model.requests[0]?.messages)).toEqual(['ok 0_0 pay {"amount":1}']);
    expect(await desk.roles()).toEqual(['user', 'assistant', 'tool', 'assistant']);
    expect(await desk.open()).toBeUndefined();
  });

  test('is asked about with its checked input and the context, once, and says why it waits', async () => {
    const desk = new Desk();
    const asked: unknown[] = [];
    const { made, runs } = guarded('pay', {
      needsApproval: (input: { amount: number }, context: { session: { id: string } | undefined }) => {
        asked.push([input, context.session?.id]);
        return input.amount > 10 && { reason: 'It is much.', metadata: { limit: 10 } };
      },
    });
    const answers = [calling(['pay', { amount: 5 }], ['pay', { amount: 50 }])];
    const { result } = await desk.turn([made], 'Pay.', { answers });
    expect(asked).toEqual([
      [{ amount: 5 }, 's'],
      [{ amount: 50 }, 's'],
    ]);
    expect(runs.map(({ input }) => input)).toEqual([{ amount: 5 }]);
    expect(result?.pending).toMatchObject([
      { arguments: { amount: 50 }, reason: 'It is much.', metadata: { limit: 10 } },
    ]);
    const resumed = await desk.decide([made], { '0_1': { approve: true } });
    expect(resumed.result?.outcome).toBe('completed');
    expect(asked).toHaveLength(2);
    expect(runs.map(({ run }) => run.approval !== undefined)).toEqual([false, true]);
  });

  test('lets the other calls of its reply run to their end first, and their results are stored', async () => {
    const desk = new Desk();
    const { made } = guarded();
    const { made: look, runs } = kept('look');
    const { seen } = await desk.turn([made, look], 'Pay.', {
      answers: [calling(['pay', {}], ['look', {}])],
    });
    expect(seen).toEqual(['call 0_0 pay', 'call 0_1 look', 'result 0_1 look {"amount":1}', 'done']);
    const steps = await desk.store.steps(KEY, (await desk.open())?.turnId ?? '');
    expect(steps.map(({ step }) => step.kind)).toEqual(['reply', 'result', 'wait']);
    await desk.decide([made, look], APPROVE);
    expect(runs).toHaveLength(1);
  });

  test('that is denied is not run, and its result is not an error', async () => {
    const desk = new Desk();
    const { made, runs } = guarded();
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}])] });
    const { model } = await desk.decide([made], { '0_0': { deny: 'Too dear.' } });
    expect(resultsIn(model.requests[0]?.messages)).toEqual([
      'ok 0_0 The call was denied, and the tool was not run. Too dear.',
    ]);
    expect(runs).toEqual([]);
  });

  test('runs with other arguments if the decision has some, which are checked and told to the model', async () => {
    const desk = new Desk();
    const { made, runs } = guarded();
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', { amount: 50 }])] });
    const before = await desk.snapshot();
    const wrong = await desk.decide([made], { '0_0': { approve: true, arguments: { amount: 'all' } } });
    expect(wrong.error).toMatchObject({ code: 'invalid_request' });
    expect(wrong.error?.message).toMatch(/_0_0 of pay .* amount: /);
    expect(await desk.snapshot()).toEqual(before);

    const { model } = await desk.decide([made], { '0_0': { approve: true, arguments: { amount: 5 } } });
    expect(runs.map(({ input }) => input)).toEqual([{ amount: 5 }]);
    expect(resultsIn(model.requests[0]?.messages)).toEqual([
      'ok 0_0 The call was approved with other arguments: {"amount":5}\npay {"amount":5}',
    ]);
    const [, reply] = (await desk.store.load(KEY))?.messages ?? [];
    expect(reply?.content).toMatchObject([{ type: 'tool_call', arguments: { amount: 50 } }]);
  });

  test('gives the tool who has approved it, and what they said', async () => {
    const desk = new Desk();
    const { made, runs } = guarded();
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}])] });
    const decision = { approve: true as const, reason: 'Fine.', metadata: { desk: 3 } };
    await desk.decide([made], { '0_0': decision }, { options: { turnId: 'd1' } });
    expect(runs[0]?.run.approval).toEqual({ by: 'd1', reason: 'Fine.', metadata: { desk: 3 } });
  });

  test('is decided in any order and number of requests: each runs at once, and the model is asked when none waits', async () => {
    const desk = new Desk();
    const { made, runs } = guarded();
    await desk.turn([made], 'Pay.', {
      answers: [calling(['pay', { amount: 1 }], ['pay', { amount: 2 }], ['pay', { amount: 3 }])],
    });
    const second = await desk.decide([made], { '0_2': { approve: true } }, { answers: [] });
    expect(second.result).toMatchObject({ outcome: 'interrupted', reason: 'approval' });
    expect(second.result?.pending?.map(({ arguments: given }) => given)).toEqual([
      { amount: 1 },
      { amount: 2 },
    ]);
    expect(runs.map(({ input }) => input)).toEqual([{ amount: 3 }]);
    expect(second.model.requests).toEqual([]);
    const last = await desk.decide([made], { '0_1': { deny: '' }, '0_0': { approve: true } });
    expect(resultsIn(last.model.requests[0]?.messages)).toEqual([
      'ok 0_0 pay {"amount":1}',
      'ok 0_1 The call was denied, and the tool was not run.',
      'ok 0_2 pay {"amount":3}',
    ]);
    expect(runs).toHaveLength(2);
  });

  test('runs with what was shown, also if its schema or a repair made it', async () => {
    const desk = new Desk();
    let now = 0;
    const stamp = tool({
      name: 'stamp',
      description: 'Stamps',
      input: z.object({ at: z.number().default(() => ++now) }),
      needsApproval: true,
      execute: ({ at }) => `at ${at}`,
    });
    const repair = () => ({ name: 'stamp', arguments: {} });
    const toolsOptions = { repair };
    const { result } = await desk.turn([stamp], 'Go.', { answers: [calling(['stomp', {}])], toolsOptions });
    const shown = result?.pending?.[0]?.arguments;
    expect(shown).toEqual({ at: now });
    const { model } = await desk.decide([stamp], APPROVE, { toolsOptions });
    expect(`at ${now}`).not.toBe(`at ${String(Reflect.get(shown as object, 'at'))}`);
    expect(resultsIn(model.requests[0]?.messages)).toEqual([
      `ok 0_0 at ${String(Reflect.get(shown as object, 'at'))}`,
    ]);
  });

  test('that needsApproval says nothing sensible about is not run', async () => {
    for (const [needsApproval, code, message] of [
      [() => 'yes', 'invalid_options', /The tool pay: needsApproval: .* is a string/],
      [() => ({ expiresInMs: -1 }), 'invalid_options', /pay: needsApproval/],
      [() => Promise.reject(new Error('No rules.')), 'tool', /needsApproval threw: No rules/],
    ] as const) {
      const { made, runs } = guarded('pay', { needsApproval } as object);
      const { error } = await new Desk().turn([made], 'Pay.', { answers: [calling(['pay', {}])] });
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
      expect(runs).toEqual([]);
    }
  });

  test('counts as a call of maxCalls', async () => {
    const desk = new Desk();
    const { made, runs } = guarded();
    const setup = { answers: [calling(['pay', {}], ['pay', {}])], toolsOptions: { maxCalls: 1 } };
    const { result } = await desk.turn([made], 'Pay.', setup);
    expect(result?.pending).toHaveLength(1);
    await desk.decide([made], APPROVE, { toolsOptions: { maxCalls: 1 } });
    expect(runs).toHaveLength(1);
  });
});

describe('without a record of the turn, needsApproval', () => {
  test('is refused without a session, before the model is asked', async () => {
    const { made, runs } = guarded();
    const { error, model } = await play(tools([made]), [calling(['pay', {}]), 'done']);
    expect(error).toMatchObject({
      code: 'invalid_options',
      message: expect.stringMatching(/needsApproval of pay/),
    });
    expect([model.requests, runs]).toEqual([[], []]);
  });

  test('is refused with a store that has no record(), as any tool is', async () => {
    class Old extends ForwardingStore {
      constructor() {
        super(new MemoryStore());
        Object.defineProperty(this, 'record', { value: undefined });
      }
    }
    for (const { made } of [guarded(), kept('look')]) {
      const model = scripted([calling([made.name, {}])]);
      const pipeline = new Pipeline([tools([made]), provider(model)], { store: new Old() });
      const turn = pipeline.executeWithContext(KEY, 'user', 'Pay.');
      await expect(turn).rejects.toMatchObject({
        code: 'invalid_options',
        message: expect.stringMatching(/record\(\)/),
      });
      expect(model.requests).toEqual([]);
    }
  });

  test('is refused in a second run of the loop with other messages, whose steps are not stored', async () => {
    const twice: Middleware = async function* twice({ request }, next) {
      yield* next();
      return yield* next({ messages: [...request.messages, { role: 'user', content: 'Again.' }] });
    };
    const { made, runs } = guarded();
    const look = kept('look').made;
    const answers = [calling(['look', {}]), 'seen', calling(['pay', {}]), 'paid'];
    const { error } = await new Desk().turn([made, look], 'Pay.', { answers, above: [twice] });
    expect(error).toMatchObject({
      code: 'invalid_options',
      message: expect.stringMatching(/pay cannot wait/),
    });
    expect(runs).toEqual([]);
  });

  test('is refused for a tool of the client', () => {
    const options = { name: 'ask', description: 'Asks', input: z.object({}), needsApproval: true };
    expect(() => tool(options)).toThrow(/ask has needsApproval, but no execute/);
  });
});
