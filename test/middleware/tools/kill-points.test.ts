import { MemoryStore, Pipeline, isSluiceError } from 'sluice';
import type { ExecutionResult, Message, StateStore } from 'sluice';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import { sqliteStore } from 'sluice/stores/sqlite';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer, ScriptedProvider } from 'sluice/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { inputFault } from '../../histories/stamp.ts';
import { MortalStore } from './mortal-store.ts';
import type { Death, Fuse } from './mortal-store.ts';
import { calling, resultsIn } from './stage.ts';

const KEY = { owner: 'o', id: 's' };
/** Two rounds: `add`, which is idempotent, then `send`, which is not; then `send` again. */
const ROUNDS: ScriptedAnswer[] = [calling(['add', {}], ['send', {}]), calling(['send', {}]), 'All done.'];
/** What the model uses in each of its calls. */
const TOKENS = 20;

/** What is known of a call: its result, that it may have taken effect, that it was not run, or that there is no such call. */
type Told = 'ok' | 'unknown' | 'not run' | '-';

/** A process dies at a point. What must hold for the calls 0_0, 0_1 and 1_0. */
interface Point {
  name: string;
  /** When the process dies: at a call of its store, or in a tool. */
  dies: Fuse | { inTool: string };
  /** How often the tools have run after the turn was sent again. */
  runs: [number, number, number];
  /** What the model was told after that. */
  told: [Told, Told, Told];
  /** What it is told if another turn comes instead. */
  settled: [Told, Told, Told];
  /** How often the model is asked again. */
  asks: number;
}

const at = (call: string, when: 'before' | 'after'): Fuse => ({ burns: (name) => name === call, when });

const NONE: [Told, Told, Told] = ['-', '-', '-'];
const OK: [Told, Told, Told] = ['ok', 'ok', 'ok'];

const points: Point[] = [
  {
    name: 'before the input is stored',
    dies: at('append t.input', 'before'),
    ...{ runs: [1, 1, 1], told: OK, settled: NONE, asks: 3 },
  },
  {
    name: 'after the input is stored',
    dies: at('append t.input', 'after'),
    ...{ runs: [1, 1, 1], told: OK, settled: NONE, asks: 3 },
  },
  {
    name: 'before the first reply is recorded',
    dies: at('record reply 0', 'before'),
    ...{ runs: [1, 1, 1], told: OK, settled: NONE, asks: 3 },
  },
  {
    name: 'after the first reply is recorded, before the first line of the idempotent tool',
    dies: at('record reply 0', 'after'),
    ...{ runs: [1, 1, 1], told: OK, settled: ['unknown', 'not run', '-'], asks: 2 },
  },
  {
    name: 'in the idempotent tool',
    dies: { inTool: '0_0' },
    ...{ runs: [2, 1, 1], told: OK, settled: ['unknown', 'not run', '-'], asks: 2 },
  },
  {
    name: 'after the end of the idempotent tool, before its record',
    dies: at('record result 0_0, started 0_1', 'before'),
    ...{ runs: [2, 1, 1], told: OK, settled: ['unknown', 'not run', '-'], asks: 2 },
  },
  {
    name: 'after the record, before the first line of the next tool',
    dies: at('record result 0_0, started 0_1', 'after'),
    ...{ runs: [1, 0, 1], told: ['ok', 'unknown', 'ok'], settled: ['ok', 'unknown', '-'], asks: 2 },
  },
  {
    name: 'in the tool that is not idempotent',
    dies: { inTool: '0_1' },
    ...{ runs: [1, 1, 1], told: ['ok', 'unknown', 'ok'], settled: ['ok', 'unknown', '-'], asks: 2 },
  },
  {
    name: 'after the end of that tool, before its record',
    dies: at('record result 0_1', 'before'),
    ...{ runs: [1, 1, 1], told: ['ok', 'unknown', 'ok'], settled: ['ok', 'unknown', '-'], asks: 2 },
  },
  {
    name: 'after that record',
    dies: at('record result 0_1', 'after'),
    ...{ runs: [1, 1, 1], told: OK, settled: ['ok', 'ok', '-'], asks: 2 },
  },
  {
    name: 'before the second reply is recorded',
    dies: at('record reply 1', 'before'),
    ...{ runs: [1, 1, 1], told: OK, settled: ['ok', 'ok', '-'], asks: 2 },
  },
  {
    name: 'after the second reply is recorded',
    dies: at('record reply 1', 'after'),
    ...{ runs: [1, 1, 0], told: ['ok', 'ok', 'unknown'], settled: ['ok', 'ok', 'unknown'], asks: 1 },
  },
  {
    name: 'in the tool of the second round',
    dies: { inTool: '1_0' },
    ...{ runs: [1, 1, 1], told: ['ok', 'ok', 'unknown'], settled: ['ok', 'ok', 'unknown'], asks: 1 },
  },
  {
    name: 'after the end of the last tool, before its record',
    dies: at('record result 1_0', 'before'),
    ...{ runs: [1, 1, 1], told: ['ok', 'ok', 'unknown'], settled: ['ok', 'ok', 'unknown'], asks: 1 },
  },
  {
    name: 'after the last record',
    dies: at('record result 1_0', 'after'),
    ...{ runs: [1, 1, 1], told: OK, settled: OK, asks: 1 },
  },
  {
    name: 'before the end is stored',
    dies: at('append t.reply', 'before'),
    ...{ runs: [1, 1, 1], told: OK, settled: OK, asks: 1 },
  },
  {
    name: 'after the end is stored',
    dies: at('append t.reply', 'after'),
    ...{ runs: [1, 1, 1], told: OK, settled: OK, asks: 0 },
  },
];

/** The tools of all processes, and how often each call has run. */
class World {
  readonly runs = new Map<string, number>();
  readonly store: StateStore;

  constructor(store: StateStore) {
    this.store = store;
  }

  /** Runs a turn in a process that dies at a point. */
  async dies({ dies }: Point, death: Death): Promise<void> {
    const fuse = 'inTool' in dies ? undefined : dies;
    const store = new MortalStore(this.store, death, fuse);
    const inTool = 'inTool' in dies ? dies.inTool : undefined;
    await this.#run(store, 't', ROUNDS, (call) => {
      if (!call.endsWith(`_${inTool}`)) return 'went well';
      store.die();
      return new Promise(() => undefined);
    });
    expect(store.isDead).toBe(true);
  }

  /** Runs a turn to its end. */
  async lives(turnId: string, asks: number): Promise<{ result: ExecutionResult; model: ScriptedProvider }> {
    const script = asks === 0 ? [] : ROUNDS.slice(-asks);
    const { outcome, model } = await this.#run(this.store, turnId, script, () => 'went well');
    if (outcome instanceof Error) throw outcome;
    return { result: outcome, model };
  }

  async #run(
    store: StateStore,
    turnId: string,
    script: ScriptedAnswer[],
    does: (call: string) => unknown,
  ): Promise<{ outcome: ExecutionResult | Error; model: ScriptedProvider }> {
    const execute = (_input: unknown, { callId }: { callId: string }): unknown => {
      this.runs.set(callId, (this.runs.get(callId) ?? 0) + 1);
      return does(callId);
    };
    const options = { description: 'Works', input: z.object({}), execute };
    const add = tool({ name: 'add', ...options, idempotent: true });
    const send = tool({ name: 'send', ...options, onUnknownOutcome: 'fail' });
    const model = scripted(script);
    const stack = [tools([add, send], { maxParallel: 1 }), provider(model)];
    const pipeline = new Pipeline(stack, { store, onBusy: 'supersede', executionTimeoutMs: 30_000 });
    const execution = pipeline
      .executeWithContext(KEY, 'user', `This is ${turnId}.`, { turnId })
      .catch((error: unknown) => {
        if (!isSluiceError(error)) throw error;
        return error;
      });
    // The lease of a dead process, its retries, and the limit of an execution: all are over in a minute.
    await vi.advanceTimersByTimeAsync(60_000);
    return { outcome: await execution, model };
  }

  /** How often the calls have run, in their order. */
  get counts(): number[] {
    return ['0_0', '0_1', '1_0'].map((place) =>
      [...this.runs].reduce((sum, [call, count]) => sum + (call.endsWith(`_${place}`) ? count : 0), 0),
    );
  }
}

/** What messages say of the three calls. */
function toldIn(messages: readonly Message[]): Told[] {
  const results = resultsIn(messages);
  return ['0_0', '0_1', '1_0'].map((place) => {
    const told = results.filter((word) => word.includes(` ${place} `));
    expect(told.length).toBeLessThanOrEqual(1);
    const [word] = told;
    if (word === undefined) return '-';
    if (word === `ok ${place} went well`) return 'ok';
    return word.includes('may have taken effect')
      ? 'unknown'
      : word.includes('was not run')
        ? 'not run'
        : '-';
  });
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const stores: [name: string, make: () => StateStore][] = [
  ['memory', () => new MemoryStore()],
  ['SQLite', () => sqliteStore({ path: ':memory:' })],
];
const deaths: Death[] = ['hangs', 'throws'];

describe.each(stores)('R60 on %s', (_store, make) => {
  describe.each(deaths)('a process whose store %s', (death) => {
    test.each(points)('dies $name, and the turn is sent again', async (point) => {
      await using store = make();
      const world = new World(store);
      await world.dies(point, death);
      const before = world.counts;
      const { result, model } = await world.lives('t', point.asks);
      expect(result).toMatchObject({ outcome: 'completed', response: { finishReason: 'stop' } });
      expect(result.response.content).toBe('All done.');
      expect(result.replayed).toBe(point.asks === 0 ? true : undefined);
      expect(world.counts).toEqual(point.runs);
      expect(model.requests).toHaveLength(point.asks);
      for (const { messages } of model.requests) expect(inputFault(messages)).toBeUndefined();

      const state = await store.load(KEY);
      expect(state?.open).toBeUndefined();
      expect(await store.steps(KEY, 't')).toEqual([]);
      expect(inputFault(state?.messages ?? [])).toBeUndefined();
      expect(state?.messages.map(({ role }) => role).join()).toBe(
        'user,assistant,tool,assistant,tool,assistant',
      );
      expect(toldIn(state?.messages ?? [])).toEqual(point.told);

      const issued = TOKENS * 3;
      const { usage, turns } = await store.spend(KEY);
      expect([usage.totalTokens, turns]).toEqual([issued, 1]);
      expect(result.turn?.usage.totalTokens).toBe(issued);
      // Money of a reply that was not stored is unknown, but the turn says so as soon as a run has left steps.
      const hasDied = before.some((count) => count > 0) || point.name.startsWith('after the first reply');
      expect(result.turn?.usage.estimated).toBe(hasDied && point.asks > 0 ? true : undefined);

      const again = await world.lives('t', 0);
      expect(again.result).toMatchObject({ replayed: true, outcome: 'completed' });
      expect(world.counts).toEqual(point.runs);
    });

    test.each(points)('dies $name, and another turn comes', async (point) => {
      await using store = make();
      const world = new World(store);
      await world.dies(point, death);
      const before = world.counts;
      const { result, model } = await world.lives('u', 1);
      expect(result.response.content).toBe('All done.');
      expect(world.counts).toEqual(before);
      const [request] = model.requests;
      expect(inputFault(request?.messages ?? [])).toBeUndefined();
      expect(toldIn(request?.messages ?? [])).toEqual(point.settled);
      const state = await store.load(KEY);
      expect(state?.open).toBeUndefined();
      expect(await store.steps(KEY, 't')).toEqual([]);
      expect(toldIn(state?.messages ?? [])).toEqual(point.settled);

      if (point.settled === NONE) return;
      const late = await world.lives('t', 0);
      const isWhole = point.asks === 0;
      expect(late.result).toMatchObject({ replayed: true, outcome: isWhole ? 'completed' : 'interrupted' });
      expect(late.result.reason).toBe(isWhole ? undefined : 'abandoned');
      expect(world.counts).toEqual(before);
    });
  });
});
