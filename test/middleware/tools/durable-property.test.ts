import fc from 'fast-check';
import { MemoryStore, Pipeline, SluiceError, decide, isSluiceError } from 'sluice';
import type { ExecutionResult, Input, Message, PendingCall, StateStore } from 'sluice';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import type { Tool } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import type { ScriptedReply } from 'sluice/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { inputFault } from '../../histories/stamp.ts';
import { seedOf } from '../../session/seed.ts';
import { ForwardingStore } from '../../support/forwarding-store.ts';
import { MortalStore } from './mortal-store.ts';
import { placeOf } from './stage.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const KEY = { owner: 'o', id: 's' };
/** What the model uses in each of its calls. */
const TOKENS = 20;
const USAGE = { inputTokens: 12, outputTokens: 8 };

/** What the tool of a call does each time that it runs. */
const behavior = fc.record({
  idempotent: fc.boolean(),
  alone: fc.boolean(),
  /** Whether it waits for an approval. */
  guarded: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
  /** Whether somebody decides about it if its outcome is unknown. */
  asks: fc.boolean(),
  ms: fc.integer({ min: 0, max: 40 }),
  end: fc.constantFrom('ok', 'ok', 'throw', 'bigint'),
});
type Behavior = typeof behavior extends fc.Arbitrary<infer B> ? B : never;

/** How a run of the turn ends before the turn does. */
const end = fc.oneof(
  fc.record({ kind: fc.constant('abort'), atMs: fc.integer({ min: 0, max: 120 }) }),
  fc.record({
    kind: fc.constant('dies'),
    /** At which write of its store. */
    write: fc.nat(9),
    when: fc.constantFrom('before', 'after'),
    death: fc.constantFrom('hangs', 'throws'),
  }),
  fc.record({
    kind: fc.constant('store fails once'),
    write: fc.nat(9),
    when: fc.constantFrom('before', 'after'),
    retryable: fc.boolean(),
  }),
);
type End = typeof end extends fc.Arbitrary<infer E> ? E : never;

const scenario = fc.record({
  rounds: fc.array(fc.array(behavior, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 }),
  maxParallel: fc.integer({ min: 1, max: 3 }),
  cancelOnError: fc.boolean(),
  ends: fc.array(end, { maxLength: 4 }),
  /** Whether another turn comes in place of the last try. */
  isSettled: fc.boolean(),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer S> ? S : never;

/** The store, which knows the results that it holds. */
class WatchedStore extends ForwardingStore {
  readonly results = new Set<string>();

  override async record(...given: Parameters<StateStore['record']>): Promise<number> {
    const version = await super.record(...given);
    for (const step of given[2]) if (step.kind === 'result') this.results.add(step.callId);
    return version;
  }
}

/** Processes that run a turn one after the other, and what their tools and their model do. */
class World {
  readonly store = new WatchedStore(new MemoryStore());
  readonly faults: string[] = [];
  issued = 0;
  /** Whether a process has died: it may have used what nobody knows. */
  hasDied = false;
  /** Whether a call of the model was cut, so that what it used is an estimate. */
  hasCut = false;
  readonly #made: Scenario;
  readonly #starts = new Map<string, number>();
  /** The next decisions and their id, if calls wait. They are sent again until they are followed. */
  #waits: [by: string, decisions: Input] | undefined;
  #decisions = 0;

  constructor(made: Scenario) {
    this.#made = made;
  }

  /** Sends the turn, or decides about what it waits for, once. Undefined if it is not at its end. */
  async goOn(how?: End): Promise<ExecutionResult | undefined> {
    const [turnId, input] = this.#waits === undefined ? (['t', 't'] as const) : this.#waits;
    const result = await this.run(turnId, input, how);
    if (result === undefined) return undefined;
    const pending = result.pending ?? [];
    this.#waits = pending.length === 0 ? undefined : [`d${++this.#decisions}`, decisionsOn(pending)];
    return this.#waits === undefined ? result : undefined;
  }

  /** Sends another turn, which settles this one. */
  async settle(): Promise<void> {
    await this.run('u', 'u');
    this.#waits = undefined;
  }

  /** Runs something once. Undefined if the run ends before it should. */
  async run(turnId: string, input: string | Input, how?: End): Promise<ExecutionResult | undefined> {
    const { maxParallel, cancelOnError } = this.#made;
    const store = this.#storeOf(how);
    let isOver = false;
    const model = scripted((request) => this.#reply(turnId === 'u' ? 'u' : 't', request.messages), {
      repeat: true,
    });
    const stack = [
      tools(
        this.#tools(() => isOver),
        { maxParallel, cancelOnError },
      ),
      provider(model),
    ];
    const pipeline = new Pipeline(stack, { store, onBusy: 'supersede', closeTimeoutMs: 20 });
    const abort = new AbortController();
    const options = { turnId, signal: abort.signal };
    const execution = (
      typeof input === 'string'
        ? pipeline.executeWithContext(KEY, 'user', input, options)
        : pipeline.executeWithContext(KEY, input, options)
    )
      .catch((error: unknown) => {
        if (!isSluiceError(error) || !['aborted', 'store', 'timeout'].includes(error.code)) throw error;
        return undefined;
      })
      .finally(() => (isOver = true));
    if (how?.kind === 'abort') setTimeout(() => abort.abort(), how.atMs);
    // The lease of a dead process, its retries, and the limit of an execution: all are over in a minute.
    await vi.advanceTimersByTimeAsync(60_000);
    const result = await execution;
    const whole = model.calls.filter(({ state }) => state === 'completed').length;
    this.issued += whole * TOKENS;
    this.hasCut ||= whole < model.calls.length;
    const isUnsaved = result?.unsaved !== undefined;
    this.hasDied ||= isUnsaved || (store instanceof MortalStore && store.isDead);
    return isUnsaved ? undefined : result;
  }

  /** Calls that ran more often than they may. */
  get runTooOften(): string[] {
    return [...this.#starts].flatMap(([call, count]) =>
      count > 1 && this.#behaviorOf(call)?.idempotent !== true ? [`${call} ran ${count} times`] : [],
    );
  }

  #storeOf(how: End | undefined): StateStore {
    if (how === undefined || how.kind === 'abort') return this.store;
    let writes = 0;
    const burns = (call: string): boolean => /^(append|record) /.test(call) && writes++ === how.write;
    const fuse = { burns, when: how.when };
    if (how.kind === 'dies') return new MortalStore(this.store, how.death, fuse);
    return new MortalStore(this.store, new SluiceError('store', 'Busy.', { retryable: how.retryable }), fuse);
  }

  #tools(isOver: () => boolean): Tool[] {
    const kinds = new Map(this.#made.rounds.flat().map((one) => [nameOf(one), one]));
    return [...kinds].map(([name, { idempotent, alone, guarded, asks }]) =>
      tool({
        ...{ name, description: 'Works', input: z.object({}), idempotent, parallel: !alone },
        onUnknownOutcome: idempotent ? 'retry' : asks ? 'ask' : 'fail',
        ...(guarded && { needsApproval: true }),
        execute: async (_input, { callId }) => {
          if (isOver()) this.faults.push(`${callId} began after the end of its run`);
          if (this.store.results.has(callId))
            this.faults.push(`${callId} ran again after its result was stored`);
          this.#starts.set(callId, (this.#starts.get(callId) ?? 0) + 1);
          const { ms = 0, end = 'ok' } = this.#behaviorOf(callId) ?? {};
          await new Promise((resolve) => setTimeout(resolve, ms));
          if (end === 'throw') throw new Error('broken');
          return end === 'bigint' ? 1n : `done ${callId}`;
        },
      }),
    );
  }

  #reply(turnId: string, messages: readonly Message[]): ScriptedReply {
    const asked = messages.findLastIndex(({ role, content }) => role === 'user' && content === turnId);
    const fault = asked < 0 ? 'it lacks the input' : inputFault(messages);
    if (fault !== undefined) this.faults.push(`a request of ${turnId} is not valid: ${fault}`);
    const round = messages.slice(asked + 1).filter(({ role }) => role === 'assistant').length;
    const calls = turnId === 't' ? this.#made.rounds[round] : undefined;
    if (calls === undefined) return { text: 'Done.', usage: USAGE };
    return { toolCalls: calls.map((one) => ({ name: nameOf(one) })), usage: USAGE };
  }

  #behaviorOf(call: string): Behavior | undefined {
    const [round = 0, place = 0] = placeOf(call).split('_').map(Number);
    return this.#made.rounds[round]?.[place];
  }
}

function nameOf({ idempotent, alone, guarded, asks }: Behavior): string {
  const words = [idempotent && 'idempotent', alone && 'alone', guarded && 'guarded', asks && 'asks'];
  return ['call', ...words.filter((word) => word !== false)].join('_');
}

/** Approves what waits for that. What may have taken effect is not run again. */
function decisionsOn(pending: readonly PendingCall[]): Input {
  return decide(
    Object.fromEntries(
      pending.map(({ callId, waitsFor }) => [
        callId,
        waitsFor === 'approval' ? { approve: true } : { deny: 'Do not run it again.' },
      ]),
    ),
  );
}

test('R60 every call has one result, sums are those of the model, and nothing finished runs twice, however often a turn is cut', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (made) => {
      const world = new World(made);
      let result: ExecutionResult | undefined;
      for (const how of made.ends) result ??= await world.goOn(how);
      if (made.isSettled) await world.settle();
      // Each round may wait for approvals, and then for decisions about what is unknown.
      for (let tries = 0; tries < 8; tries++) result ??= await world.goOn();
      if (made.isSettled) result = await world.run('t', 't');

      const isSettled = result?.reason === 'abandoned';
      expect(result?.outcome).toBe(isSettled ? 'interrupted' : 'completed');
      expect(isSettled && !made.isSettled).toBe(false);
      expect(world.faults).toEqual([]);
      expect(world.runTooOften).toEqual([]);
      const state = await world.store.load(KEY);
      expect(state?.open).toBeUndefined();
      expect(inputFault(state?.messages ?? [])).toBeUndefined();
      expect(await world.store.steps(KEY, 't')).toEqual([]);

      const { usage } = await world.store.spend({ owner: KEY.owner });
      expect(usage).toEqual(state?.usage);
      if (!world.hasCut) expect(usage.totalTokens).toBeLessThanOrEqual(world.issued);
      if (!world.hasCut && !world.hasDied) {
        expect(usage.totalTokens).toBe(world.issued);
        expect(usage.estimated).toBeUndefined();
      }
    }),
    { numRuns: 100, seed: seedOf('turns that are cut') },
  );
});
