import { MemoryStore, Pipeline, SluiceError } from 'sluice';
import type { StateStore } from 'sluice';
import { provider } from 'sluice/middleware';
import { agentTool, tool, tools } from 'sluice/middleware/tools';
import type { OnUnknownOutcome, Tool } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer, ScriptedProvider } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { ForwardingStore } from '../../support/forwarding-store.ts';
import { Desk } from './desk.ts';
import { resultsIn } from './stage.ts';

/** A store whose writes of steps fail from one on, which is still stored if its answer is lost. */
class DyingStore extends ForwardingStore {
  #left: number;
  readonly #losesAnswer: boolean;

  constructor(store: StateStore, left: number, losesAnswer: boolean) {
    super(store);
    this.#left = left;
    this.#losesAnswer = losesAnswer;
  }

  /** Whether it has died. */
  get isDead(): boolean {
    return this.#left < 0;
  }

  override async record(...call: Parameters<StateStore['record']>): Promise<number> {
    if (this.#left-- > 0) return super.record(...call);
    if (this.#left === -1 && this.#losesAnswer) await super.record(...call);
    throw new SluiceError('store', 'The store is gone.', { retryable: false });
  }
}

/** Calls tools once, and says something after their results. */
const once =
  (...names: string[]): ScriptedAnswer =>
  ({ messages }) =>
    messages.some(({ role }) => role === 'tool')
      ? 'said'
      : { toolCalls: names.map((name) => ({ name, arguments: { prompt: 'Help.' } })) };

/** Two agents side by side, each with a counting tool, and one of them with an agent of its own, which has one, too. */
function agents(onUnknownOutcome: OnUnknownOutcome): {
  list: Tool[];
  runs: string[];
  models: ScriptedProvider[];
} {
  const models: ScriptedProvider[] = [];
  const runs: string[] = [];
  const counting = (name: string): Tool =>
    tool({
      ...{ name, description: 'Counts', input: z.object({}), onUnknownOutcome },
      execute: () => `${name} ${runs.push(name)}`,
    });
  const agent = (name: string, list: Tool[]): Tool => {
    const model = scripted(once(...list.map((one) => one.name)), { repeat: true });
    models.push(model);
    return agentTool(new Pipeline([tools(list), provider(model)]), { name, description: 'Helps' });
  };
  const deep = agent('deep', [counting('c')]);
  return { list: [agent('one', [counting('a'), deep]), agent('other', [counting('b')])], runs, models };
}

const setup = { answers: [once('one', 'other'), once('one', 'other')], options: { turnId: 't' } };

describe.each([false, true])(
  'a store that dies at any write of a turn with agents (answer lost: %s)',
  (losesAnswer) => {
    test.each([1, 2, 3, 4, 5, 6])(
      'number %i: no tool runs twice, and the turn comes to its end',
      async (left) => {
        const store = new MemoryStore();
        const { list, runs, models } = agents('fail');
        const dying = new DyingStore(store, left, losesAnswer);
        const died = await new Desk(dying).turn(list, 'Go on.', setup);
        expect(died.error?.code).toBe(dying.isDead ? 'store' : undefined);
        const next = await new Desk(store).turn(list, 'Go on.', setup);
        expect(next.result?.outcome).toBe('completed');
        expect(runs.filter((name, at) => runs.indexOf(name) !== at)).toEqual([]);
        const results = resultsIn(next.model.requests.at(-1)?.messages);
        if (dying.isDead) expect(results).toEqual(['ok 0_0 said', 'ok 0_1 said']);
        const { usage } = await store.spend({ owner: 'alice', id: 's' });
        expect(next.result?.turn?.usage.totalTokens).toBe(usage.totalTokens);
        const calls = [...models, died.model, next.model].reduce((sum, model) => sum + model.calls.length, 0);
        // What ended after the last write that was stored is not known to anybody.
        expect(usage.totalTokens).toBeLessThanOrEqual(calls * 20);
        if (!dying.isDead) expect(usage.totalTokens).toBe(calls * 20);
      },
    );
  },
);

test('a tool inside an agent of unknown outcome waits under its path, and runs again if somebody approves', async () => {
  const store = new MemoryStore();
  const { list, runs } = agents('ask');
  // Replies of the two agents, then the result of the first tools is lost.
  await new Desk(new DyingStore(store, 2, false)).turn(list, 'Go on.', setup);
  const desk = new Desk(store);
  const asks = await desk.turn(list, 'Go on.', setup);
  expect(asks.result).toMatchObject({ outcome: 'interrupted', reason: 'unknown_outcome' });
  const pending = await desk.pending();
  expect(pending.map(({ name, waitsFor, path }) => [name, waitsFor, path?.split('/').length])).toEqual([
    ['a', 'unknown', 1],
    ['b', 'unknown', 1],
  ]);
  const before = [...runs];
  const on = Object.fromEntries(pending.map(({ callId }) => [callId, { approve: true as const }]));
  const next = await desk.decide(list, on, { ...setup, options: {} });
  expect(next.result?.outcome).toBe('completed');
  expect(runs.slice(before.length).toSorted()).toEqual(['a', 'b']);
});
