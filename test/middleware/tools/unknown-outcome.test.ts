import { describe, expect, test, vi } from 'vitest';
import { afterEach } from 'vitest';
import * as z from 'zod';
import { UnknownOutcome, tool, tools } from 'sluice/middleware/tools';
import type { OnUnknownOutcome, Tool } from 'sluice/middleware/tools';
import { Desk, KEY, kept } from './desk.ts';
import { calling, play, resultsIn } from './stage.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** A tool that is cut off as soon as it runs: its execution is aborted. */
function cutOff(
  onUnknownOutcome?: OnUnknownOutcome,
  needsApproval = false,
): { made: Tool; signal: AbortSignal } {
  const stop = new AbortController();
  const made = tool({
    name: 'pay',
    description: 'Pays',
    input: z.object({ amount: z.number().default(1) }),
    onUnknownOutcome,
    needsApproval,
    execute: (_input, { signal }) => {
      stop.abort();
      return signal.aborted ? Promise.reject(new Error('Stopped.')) : new Promise<string>(() => undefined);
    },
  });
  return { made, signal: stop.signal };
}

/** A session whose turn `t` was cut off while its tool ran. */
async function afterCrash(onUnknownOutcome?: OnUnknownOutcome): Promise<Desk> {
  const desk = new Desk();
  const { made, signal } = cutOff(onUnknownOutcome);
  const answers = [calling(['pay', {}])];
  const { error } = await desk.turn([made], 'Pay.', { answers, options: { turnId: 't', signal } });
  expect(error?.code).toBe('aborted');
  return desk;
}

const again = { options: { turnId: 't' }, answers: [] };

describe('a call whose run died', () => {
  test('waits for a decision by default, and is run again if somebody says so', async () => {
    const desk = await afterCrash();
    const { made, runs } = kept('pay');
    const resumed = await desk.turn([made], 'Pay.', again);
    expect(resumed.result).toMatchObject({ outcome: 'interrupted', reason: 'unknown_outcome' });
    expect(resumed.result?.pending).toMatchObject([
      {
        name: 'pay',
        arguments: { amount: 1 },
        waitsFor: 'unknown',
        reason: expect.stringMatching(/may have taken effect/),
      },
    ]);
    expect(runs).toEqual([]);
    const { model } = await desk.decide([made], { '0_0': { approve: true } });
    expect(runs).toHaveLength(1);
    expect(runs[0]?.run.idempotencyKey).toMatch(/^t\//);
    expect(resultsIn(model.requests[0]?.messages)).toEqual(['ok 0_0 pay {"amount":1}']);
  });

  test('gets the result that somebody gives', async () => {
    const desk = await afterCrash();
    const { made, runs } = kept('pay');
    await desk.turn([made], 'Pay.', again);
    const { model } = await desk.decide([made], { '0_0': { result: { paid: true } } });
    expect(resultsIn(model.requests[0]?.messages)).toEqual(['ok 0_0 {"paid":true}']);
    expect(runs).toEqual([]);
  });

  test('is told as unknown if somebody denies it, and takes no other arguments', async () => {
    const desk = await afterCrash();
    const { made, runs } = kept('pay');
    await desk.turn([made], 'Pay.', again);
    const changed = await desk.decide([made], { '0_0': { approve: true, arguments: { amount: 2 } } });
    expect(changed.error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/has begun/),
    });
    const { model } = await desk.decide([made], { '0_0': { deny: 'Ask the bank.' } });
    expect(resultsIn(model.requests[0]?.messages)).toEqual([
      'error 0_0 The tool was stopped before its end. It may have taken effect. It is not run again. Ask the bank.',
    ]);
    expect(runs).toEqual([]);
  });

  test('that died again waits again, and the next decision about it counts', async () => {
    const desk = await afterCrash();
    const { made, runs } = kept('pay');
    await desk.turn([made], 'Pay.', again);
    const { made: stuck, signal } = cutOff();
    const died = await desk.decide(
      [stuck],
      { '0_0': { approve: true } },
      { options: { turnId: 'd1', signal } },
    );
    expect(died.error?.code).toBe('aborted');
    const early = await desk.decide([made], { '0_0': { approve: true } }, { options: { turnId: 'd2' } });
    expect(early.error?.code).toBe('conflict');
    const same = await desk.decide(
      [made],
      { '0_0': { approve: true } },
      { options: { turnId: 'd1' }, answers: [] },
    );
    expect(same.result).toMatchObject({ outcome: 'interrupted', reason: 'unknown_outcome' });
    expect(runs).toEqual([]);
    const next = await desk.decide([made], { '0_0': { approve: true } }, { options: { turnId: 'd2' } });
    expect(next.result?.outcome).toBe('completed');
    expect(runs).toHaveLength(1);
  });

  test('that was approved with other arguments runs with these again, and the model is told', async () => {
    const desk = new Desk();
    const { made, runs } = kept('pay', { needsApproval: true });
    await desk.turn([made], 'Pay.', {
      answers: [calling(['pay', { amount: 50 }])],
      options: { turnId: 't' },
    });
    const { made: stuck, signal } = cutOff(undefined, true);
    const edit = { '0_0': { approve: true as const, arguments: { amount: 5 } } };
    await desk.decide([stuck], edit, { options: { turnId: 'd1', signal } });
    const { result } = await desk.turn([made], 'Pay.', again);
    expect(result?.pending).toMatchObject([{ waitsFor: 'unknown', arguments: { amount: 5 } }]);
    const { model } = await desk.decide([made], { '0_0': { approve: true } });
    expect(runs.map(({ input }) => input)).toEqual([{ amount: 5 }]);
    expect(resultsIn(model.requests[0]?.messages)).toEqual([
      'ok 0_0 The call was approved with other arguments: {"amount":5}\npay {"amount":5}',
    ]);
  });

  test.each([
    ['retry', 1, 'ok 0_0 pay {"amount":1}'],
    ['fail', 0, 'error 0_0 The tool was stopped before its end. It may have taken effect.'],
  ] as const)('follows onUnknownOutcome: %s', async (onUnknownOutcome, count, told) => {
    const desk = await afterCrash(onUnknownOutcome);
    const { made, runs } = kept('pay', { onUnknownOutcome });
    const { model } = await desk.turn([made], 'Pay.', { options: { turnId: 't' } });
    expect(runs).toHaveLength(count);
    expect(resultsIn(model.requests[0]?.messages)).toEqual([told]);
  });

  test('is said to be unknown if another message comes instead of a decision', async () => {
    const desk = await afterCrash();
    const { made } = kept('pay');
    await desk.turn([made], 'Pay.', again);
    const { model } = await desk.turn([made], 'And now?');
    expect(resultsIn(model.requests[0]?.messages).join()).toMatch(/It may have taken effect/);
  });
});

describe('a call that takes too long', () => {
  const slow = (): Tool =>
    tool({
      name: 'pay',
      description: 'Pays',
      input: z.object({}),
      timeoutMs: 50,
      execute: () => {
        queueMicrotask(() => void vi.advanceTimersByTimeAsync(60));
        return new Promise<string>(() => undefined);
      },
    });

  test('waits in a session, after the others have run', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const desk = new Desk();
    const { made, runs } = kept('look');
    const { result } = await desk.turn([slow(), made], 'Pay.', {
      answers: [calling(['pay', {}], ['look', {}])],
      toolsOptions: { maxParallel: 1 },
    });
    expect(result).toMatchObject({ outcome: 'interrupted', reason: 'unknown_outcome' });
    expect(result?.pending).toMatchObject([
      { waitsFor: 'unknown', reason: expect.stringMatching(/longer than 50 ms/) },
    ]);
    expect(runs).toHaveLength(1);
    const steps = await desk.store.steps(KEY, result?.turn?.id ?? '');
    expect(steps.map(({ step }) => step.kind)).toEqual(['reply', 'started', 'result', 'wait']);
  });

  test('is told to the model as unknown without a session', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { sent } = await play(tools([slow()]), [calling(['pay', {}]), 'done']);
    expect(resultsIn(sent[1])).toEqual([
      'error 0_0 The tool took longer than 50 ms and was stopped. It may have taken effect.',
    ]);
  });
});

describe('a tool that throws UnknownOutcome', () => {
  const lost = (onUnknownOutcome?: OnUnknownOutcome) => {
    const keys: string[] = [];
    const made = tool({
      name: 'pay',
      description: 'Pays',
      input: z.object({}),
      timeoutMs: 1_000,
      onUnknownOutcome,
      execute: (_input, { idempotencyKey }) => {
        keys.push(idempotencyKey);
        throw new UnknownOutcome('The bank did not answer.', { cause: new Error('ECONNRESET') });
      },
    });
    return { made, keys };
  };
  const TOLD = 'error 0_0 The tool failed: The bank did not answer. It may have taken effect.';

  test.each([
    ['fail', 1],
    ['ask', 1],
    ['retry', 2],
  ] as const)('is treated as after a timeout: %s', async (onUnknownOutcome, count) => {
    const { made, keys } = lost(onUnknownOutcome);
    const { sent } = await play(tools([made], { onError: 'throw' }), [calling(['pay', {}]), 'done']);
    expect(resultsIn(sent[1])).toEqual([TOLD]);
    expect(keys).toHaveLength(count);
    expect(new Set(keys).size).toBe(1);
  });

  test('waits in a session', async () => {
    const { result } = await new Desk().turn([lost().made], 'Pay.', { answers: [calling(['pay', {}])] });
    expect(result).toMatchObject({ outcome: 'interrupted', reason: 'unknown_outcome' });
    expect(result?.pending).toMatchObject([{ reason: expect.stringContaining('The bank did not answer.') }]);
  });
});
