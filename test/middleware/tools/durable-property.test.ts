import fc from 'fast-check';
import { MemoryStore, Pipeline, SluiceError, decide, isSluiceError } from 'sluice';
import type { Decision, ExecutionResult, Input, Message, PendingCall, StateStore, StoredStep } from 'sluice';
import { provider } from 'sluice/middleware';
import { UnknownOutcome, tool, tools } from 'sluice/middleware/tools';
import type { Tool } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import type { ScriptedProvider, ScriptedReply } from 'sluice/testing';
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
/** What a run may fail with. */
const CUT: ReadonlySet<string> = new Set(['aborted', 'store', 'timeout', 'lease_lost']);
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
  /** When it runs for the first time, `unknown` says that nobody knows whether its work was done, and `deaf` does not end. */
  end: fc.constantFrom('ok', 'ok', 'throw', 'bigint', 'unknown', 'deaf'),
  /** What somebody decides if it waits. */
  says: fc.constantFrom('yes', 'yes', 'no', 'otherwise'),
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
  /** Another process takes the session over while this one lives. What its store answers comes late. */
  fc.record({
    kind: fc.constant('taken over'),
    atMs: fc.integer({ min: 0, max: 120 }),
    lateMs: fc.constantFrom(0, 30, 200),
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

/** The store, which knows the results that it holds, and whether the turn has ended. */
class WatchedStore extends ForwardingStore {
  readonly results = new Set<string>();
  hasEnded = false;

  override async append(...given: Parameters<StateStore['append']>): Promise<number> {
    const version = await super.append(...given);
    this.hasEnded ||= given[2].closes === 't';
    return version;
  }

  override async record(...given: Parameters<StateStore['record']>): Promise<number> {
    const version = await super.record(...given);
    for (const step of given[2]) if (step.kind === 'result') this.results.add(step.callId);
    return version;
  }
}

/** The store of a process that gets its answers late, but not those to its lease. */
class LateStore extends ForwardingStore {
  readonly #ms: number;

  constructor(store: StateStore, ms: number) {
    super(store);
    this.#ms = ms;
  }

  override async steps(...given: Parameters<StateStore['steps']>): Promise<StoredStep[]> {
    return this.#late(await super.steps(...given));
  }

  override async record(...given: Parameters<StateStore['record']>): Promise<number> {
    return this.#late(await super.record(...given));
  }

  override async append(...given: Parameters<StateStore['append']>): Promise<number> {
    return this.#late(await super.append(...given));
  }

  async #late<T>(answer: T): Promise<T> {
    if (this.#ms > 0) await new Promise((resolve) => setTimeout(resolve, this.#ms));
    return answer;
  }
}

/** Processes that run a turn one after the other, or one over the other, and what their tools and their model do. */
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
  /** How often somebody has approved a call, or said that it runs again. */
  readonly #approvals = new Map<string, number>();
  readonly #denied = new Set<string>();
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
    this.#waits = pending.length === 0 ? undefined : [`d${++this.#decisions}`, this.#decide(pending)];
    return this.#waits === undefined ? result : undefined;
  }

  /** Sends another turn, which settles this one. */
  async settle(): Promise<void> {
    await this.run('u', 'u');
    this.#waits = undefined;
  }

  /** Runs something once. Undefined if the run ends before it should. */
  async run(turnId: string, input: string | Input, how?: End): Promise<ExecutionResult | undefined> {
    const ends = this.#begin(turnId, input, how);
    if (how?.kind === 'taken over') {
      await vi.advanceTimersByTimeAsync(how.atMs);
      const result = await this.run(turnId, input);
      const first = await ends();
      this.hasDied ||= first === undefined;
      return result;
    }
    // The lease of a dead process, its retries, and the limit of an execution: all are over in a minute.
    await vi.advanceTimersByTimeAsync(60_000);
    return ends();
  }

  /** Begins a run. It has ended a minute later: then its end is asked for. */
  #begin(turnId: string, input: string | Input, how?: End): () => Promise<ExecutionResult | undefined> {
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
        if (!isSluiceError(error) || !CUT.has(error.code)) throw error;
        return undefined;
      })
      .finally(() => (isOver = true));
    if (how?.kind === 'abort') setTimeout(() => abort.abort(), how.atMs);
    return async () => this.#ended(await execution, model, store);
  }

  #ended(
    result: ExecutionResult | undefined,
    model: ScriptedProvider,
    store: StateStore,
  ): ExecutionResult | undefined {
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
      count > this.#mayRun(call) ? [`${call} ran ${count} times`] : [],
    );
  }

  /** How often a call may run. */
  #mayRun(call: string): number {
    const { idempotent = false, guarded = false } = this.#behaviorOf(call) ?? {};
    if (this.#denied.has(call) && guarded) return 0;
    return idempotent ? Number.POSITIVE_INFINITY : (this.#approvals.get(call) ?? 0) + (guarded ? 0 : 1);
  }

  #storeOf(how: End | undefined): StateStore {
    if (how === undefined || how.kind === 'abort') return this.store;
    if (how.kind === 'taken over') return new LateStore(this.store, how.lateMs);
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
        ...{ timeoutMs: 100, ...(guarded && { needsApproval: true }) },
        execute: async (_input, { callId }) => {
          if (isOver()) this.faults.push(`${callId} began after the end of its run`);
          if (this.store.hasEnded) this.faults.push(`${callId} began after the end of the turn`);
          if (this.store.results.has(callId))
            this.faults.push(`${callId} ran again after its result was stored`);
          this.#starts.set(callId, (this.#starts.get(callId) ?? 0) + 1);
          const { ms = 0, end = 'ok' } = this.#behaviorOf(callId) ?? {};
          await new Promise((resolve) => setTimeout(resolve, ms));
          const isFirst = this.#starts.get(callId) === 1;
          if (end === 'deaf' && isFirst) await new Promise(() => undefined);
          if (end === 'unknown' && isFirst) throw new UnknownOutcome('No answer.');
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

  /** Decides about the calls that wait. One that may have taken effect is run again, denied, or gets a result. */
  #decide(pending: readonly PendingCall[]): Input {
    const on = pending.map(({ callId, waitsFor }): [string, Decision] => {
      const { says = 'no' } = this.#behaviorOf(callId) ?? {};
      if (says === 'no') {
        if (waitsFor === 'approval') this.#denied.add(callId);
        return [callId, { deny: 'No.' }];
      }
      if (says === 'otherwise' && waitsFor === 'unknown') return [callId, { result: 'It is done.' }];
      this.#approvals.set(callId, (this.#approvals.get(callId) ?? 0) + 1);
      return [callId, { approve: true, ...(says === 'otherwise' && { arguments: {} }) }];
    });
    return decide(Object.fromEntries(on));
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

test('R60 every call has one result, sums are those of the model, and nothing finished runs twice, however often a turn is cut', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (made) => {
      const world = new World(made);
      let result: ExecutionResult | undefined;
      for (const how of made.ends) result ??= await world.goOn(how);
      if (made.isSettled) await world.settle();
      // Each round may wait for approvals, and then for decisions about what is unknown.
      for (let tries = 0; tries < 12; tries++) result ??= await world.goOn();
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
