import { MemoryStore, Pipeline } from 'sluice';
import type { LoggerLike, ResultStep, StateStore } from 'sluice';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import type { ToolsOptions } from 'sluice/middleware/tools';
import { manualGate, scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { ForwardingStore } from '../../support/forwarding-store.ts';
import { calling, resultsIn, withoutDeltas, wordFor } from './stage.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
afterEach(() => void vi.useRealTimers());

/** Lets everything run that waits for no timer. */
const settle = async (): Promise<void> => {
  for (let tick = 0; tick < 200; tick++) await Promise.resolve();
};

/** A tool whose runs a test ends by hand. It ignores its signal. */
function deaf(options: { timeoutMs?: number; idempotent?: boolean } = {}) {
  const runs: PromiseWithResolvers<unknown>[] = [];
  const made = tool({
    name: 'deaf',
    description: 'Ignores its signal',
    onUnknownOutcome: options.idempotent === true ? 'retry' : 'fail',
    input: z.object({ n: z.number().default(0) }),
    ...options,
    execute: () => {
      const run = Promise.withResolvers<unknown>();
      runs.push(run);
      return run.promise;
    },
  });
  return { made, runs };
}

/** A store that keeps what was recorded, and can hold a record back. */
class Watched extends ForwardingStore {
  readonly results: [outcome: string, content: ResultStep['content']][] = [];
  held: Promise<void> | undefined;

  override async record(...call: Parameters<StateStore['record']>): Promise<number> {
    await this.held;
    const version = await super.record(...call);
    for (const step of call[2]) if (step.kind === 'result') this.results.push([step.outcome, step.content]);
    return version;
  }
}

interface Setup {
  answers: ScriptedAnswer[];
  options?: ToolsOptions;
  store?: Watched;
}

/** One run of the turn `t`, and what it says. */
function begin(made: ReturnType<typeof deaf>['made'], { answers, options, store = fresh() }: Setup) {
  const warned: unknown[] = [];
  const logger: LoggerLike = {
    debug: () => undefined,
    info: () => undefined,
    warn: (...said) => void warned.push(said),
    error: () => undefined,
  };
  const model = scripted(answers);
  const pipeline = new Pipeline([tools([made], options), provider(model)], { store, logger });
  const stream = pipeline.executeStreamWithContext('s', 'user', 'Go on.', { turnId: 't' });
  const seen: string[] = [];
  const read = async (): Promise<void> => {
    for await (const chunk of stream) seen.push(wordFor(chunk));
  };
  return { stream, seen, model, store, warned, done: read().catch((error: unknown) => error) };
}

const fresh = (): Watched => new Watched(new MemoryStore());
const SLOW = 'The tool took longer than 50 ms and was stopped. It may have taken effect.';

describe('a tool that returns after it was given up', () => {
  test('is recorded while the turn goes on, and never becomes the result', async () => {
    const gate = manualGate();
    const { made, runs } = deaf({ timeoutMs: 50 });
    const one = begin(made, { answers: [calling(['deaf', {}]), { text: 'Sorry.', gate: gate.gate }] });
    await settle();
    await vi.advanceTimersByTimeAsync(50);
    await settle();
    runs[0]?.resolve('late');
    await settle();
    expect(one.store.results).toEqual([
      ['unknown', SLOW],
      ['done', 'late'],
    ]);
    gate.open();
    await one.done;
    const result = await one.stream.result;
    expect(withoutDeltas(one.seen)).toEqual(['call 0_0 deaf', `error 0_0 ${SLOW}`, 'Sorry.', 'done']);
    expect(resultsIn(result.messages)).toEqual([`error 0_0 ${SLOW}`]);
    expect(result.trace.find(({ kind }) => kind === 'tool')).toMatchObject({
      outcome: 'failed',
      errorCode: 'timeout',
      attributes: { result: 'unknown', late: 'done' },
    });
    expect(one.warned).toEqual([]);
  });

  test('is not the result when the turn goes on in another run, either', async () => {
    const gate = manualGate();
    const { made, runs } = deaf({ timeoutMs: 50 });
    const store = fresh();
    const one = begin(made, {
      store,
      answers: [calling(['deaf', {}]), { text: 'Half', gate: gate.gate, hang: true }],
    });
    await settle();
    await vi.advanceTimersByTimeAsync(50);
    await settle();
    runs[0]?.resolve('late');
    await settle();
    await one.stream.close();
    await one.done;
    expect(store.results).toHaveLength(2);
    const next = begin(made, { store, answers: ['Sorry.'] });
    await next.done;
    expect(resultsIn(next.model.requests[0]?.messages)).toEqual([`error 0_0 ${SLOW}`]);
    expect(runs).toHaveLength(1);
  });

  test('is a warning in the log after the end of the turn', async () => {
    const { made, runs } = deaf({ timeoutMs: 50 });
    const one = begin(made, { answers: [calling(['deaf', {}]), 'Sorry.'] });
    await settle();
    await vi.advanceTimersByTimeAsync(50);
    await one.done;
    runs[0]?.resolve('secret');
    await settle();
    expect(one.store.results).toHaveLength(1);
    expect(one.warned).toEqual([
      [
        'tools(): the result of deaf was not recorded: the loop is over, and no step is recorded any more.',
        { execution: (await one.stream.result).id, callId: expect.stringMatching(/_0_0$/) },
      ],
    ]);
  });

  test('is a warning in the log also if the execution was closed and did not wait for it', async () => {
    const { made, runs } = deaf();
    const one = begin(made, { answers: [calling(['deaf', {}])] });
    await settle();
    const closed = one.stream.close();
    await vi.advanceTimersByTimeAsync(20_000);
    await closed;
    runs[0]?.resolve('late');
    await settle();
    expect(one.store.results).toEqual([]);
    expect(one.warned).toHaveLength(1);
    expect(String(one.warned[0])).toContain('the result of deaf was not recorded');
  });

  test('is only in the span if a second run of the same call goes on, whose result counts', async () => {
    const { made, runs } = deaf({ timeoutMs: 50, idempotent: true });
    const one = begin(made, { answers: [calling(['deaf', {}]), 'Fine.'] });
    await settle();
    await vi.advanceTimersByTimeAsync(50);
    runs[0]?.resolve('first');
    await settle();
    runs[1]?.resolve('second');
    await one.done;
    expect(one.store.results).toEqual([['done', 'second']]);
    expect((await one.stream.result).trace.find(({ kind }) => kind === 'tool')).toMatchObject({
      outcome: 'completed',
      attributes: { result: 'done', late: 'done' },
    });
  });

  test('is only in the span if it throws, since the end of a stopped tool says nothing new', async () => {
    const gate = manualGate();
    const { made, runs } = deaf({ timeoutMs: 50 });
    const one = begin(made, { answers: [calling(['deaf', {}]), { text: 'Sorry.', gate: gate.gate }] });
    await settle();
    await vi.advanceTimersByTimeAsync(50);
    runs[0]?.reject(new Error('stopped'));
    await settle();
    gate.open();
    await one.done;
    expect(one.store.results).toEqual([['unknown', SLOW]]);
    expect((await one.stream.result).trace.find(({ kind }) => kind === 'tool')?.attributes).toEqual({
      callId: expect.any(String),
      result: 'unknown',
      late: 'failed',
    });
  });
});

test('a close waits for results that settle while another one is being recorded', async () => {
  const { made, runs } = deaf();
  const store = fresh();
  const one = begin(made, {
    store,
    answers: [calling(['deaf', { n: 1 }], ['deaf', { n: 2 }])],
    options: { onClose: 'finish' },
  });
  await settle();
  const hold = Promise.withResolvers<void>();
  store.held = hold.promise;
  runs[0]?.resolve('first');
  await settle();
  const closed = one.stream.close();
  runs[1]?.resolve('second');
  await settle();
  hold.resolve();
  await closed;
  await one.done;
  expect(store.results).toEqual([
    ['done', 'first'],
    ['done', 'second'],
  ]);
  expect(one.warned).toEqual([]);
});
