import { MemoryStore, Pipeline, decide, isSluiceError } from 'sluice';
import type { Lease, StateStore, StoredStep } from 'sluice';
import { tool, tools } from 'sluice/middleware/tools';
import type { OnUnknownOutcome, Tool } from 'sluice/middleware/tools';
import { provider } from 'sluice/middleware';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { ForwardingStore, leaseOver } from '../../support/forwarding-store.ts';
import { calling } from './stage.ts';
import { KEY, readTurn, run } from './turns.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** Lets everything run that waits for no timer. */
const settle = async (): Promise<void> => {
  for (let tick = 0; tick < 500; tick++) await Promise.resolve();
};

/** A store as one process sees it. Its answers can be held back: what was asked has been done by then. */
class Slow extends ForwardingStore {
  readonly asked: string[] = [];
  /** The answers that are held, by the names of their calls, and how long other answers take, in milliseconds. */
  readonly held = new Map<string, PromiseWithResolvers<void>>();
  readonly takes: Record<string, number[]> = {};

  hold(name: string): PromiseWithResolvers<void> {
    const held = Promise.withResolvers<void>();
    this.held.set(name, held);
    return held;
  }

  override record(...given: Parameters<StateStore['record']>): Promise<number> {
    const name = `record ${given[2].map(({ kind }) => kind).join()}`;
    return this.#answer(name, this.store.record(...given));
  }

  override async steps(...given: Parameters<StateStore['steps']>): Promise<StoredStep[]> {
    await this.held.get('before steps')?.promise;
    return this.#answer('steps', this.store.steps(...given));
  }

  override async lease(...given: Parameters<StateStore['lease']>): Promise<Lease> {
    const lease = await this.#answer('lease', this.store.lease(...given));
    return leaseOver(lease, {
      renew: (ms) => this.#answer('renew', lease.renew(ms)),
      release: () => lease.release(),
    });
  }

  async #answer<T>(name: string, done: Promise<T>): Promise<T> {
    this.asked.push(name);
    const answer = await done;
    const [ms] = this.takes[name]?.splice(0, 1) ?? [];
    if (ms !== undefined) await new Promise((resolve) => setTimeout(resolve, ms));
    await this.held.get(name)?.promise;
    return answer;
  }
}

/** A tool that counts its runs, of all processes. Runs that are named do not end by themselves. */
function counted({
  unknown = 'retry',
  hangs,
  ...options
}: { timeoutMs?: number; needsApproval?: boolean; unknown?: OnUnknownOutcome; hangs?: number } = {}) {
  const runs: string[] = [];
  const ofProcess = (process: string): Tool =>
    tool({
      ...{ name: 'work', description: 'Works', input: z.object({}), ...options, onUnknownOutcome: unknown },
      execute: () => {
        runs.push(process);
        return runs.length - 1 === hangs ? new Promise(() => undefined) : `done by ${process}`;
      },
    });
  return { runs, ofProcess };
}

/** Begins the turn `t` in a process, which takes the session over. */
function begin(store: StateStore, made: Tool, answers: ScriptedAnswer[] = [calling(['work', {}]), 'Done.']) {
  return run(store, [tools([made])], answers, { turnId: 't', onBusy: 'supersede' });
}

/** What a run ended with. */
const endOf = ({ result, error }: Awaited<ReturnType<typeof begin>>): string | undefined =>
  isSluiceError(error) ? error.code : result?.outcome;

describe('R60 a run whose session is taken over before it hears that a step is stored', () => {
  test('does not begin the calls of a reply that another run has brought to their end', async () => {
    const store = new MemoryStore();
    const { runs, ofProcess } = counted();
    const slow = new Slow(store);
    const answer = slow.hold('record reply');
    const first = begin(slow, ofProcess('first'));
    await settle();
    const second = await begin(new Slow(store), ofProcess('second'), ['Done.']);
    expect([endOf(second), runs]).toEqual(['completed', ['second']]);
    await vi.advanceTimersByTimeAsync(20);
    answer.resolve();
    expect(endOf(await first)).toBe('lease_lost');
    expect(runs).toEqual(['second']);
  });

  test('does not begin a queued call whose beginning it has stored', async () => {
    const store = new MemoryStore();
    const { runs, ofProcess } = counted();
    const slow = new Slow(store);
    const answer = slow.hold('record result,started');
    const first = run(
      slow,
      [tools([ofProcess('first')], { maxParallel: 1 })],
      [calling(['work', {}], ['work', {}]), 'Done.'],
      { turnId: 't', onBusy: 'supersede' },
    );
    await settle();
    const second = await begin(new Slow(store), ofProcess('second'), ['Done.']);
    expect([endOf(second), runs]).toEqual(['completed', ['first', 'second']]);
    await vi.advanceTimersByTimeAsync(20);
    answer.resolve();
    expect(endOf(await first)).toBe('lease_lost');
    expect(runs).toEqual(['first', 'second']);
  });

  test('does not begin calls again that it has found without a result', async () => {
    const store = new MemoryStore();
    const { runs, ofProcess } = counted({ hangs: 0 });
    void begin(new Slow(store), ofProcess('dead'));
    await settle();
    const slow = new Slow(store);
    const found = slow.hold('steps');
    const first = begin(slow, ofProcess('first'), ['Done.']);
    await settle();
    expect(slow.asked).toContain('steps');
    const second = await begin(new Slow(store), ofProcess('second'), ['Done.']);
    expect([endOf(second), runs]).toEqual(['completed', ['dead', 'second']]);
    found.resolve();
    expect(endOf(await first)).toBe('lease_lost');
    expect(runs).toEqual(['dead', 'second']);
  });

  test('asks no model, and knows no decision as unknown, if the turn has been ended before it has read its steps', async () => {
    for (const kind of ['turn', 'decision']) {
      const store = new MemoryStore();
      const { runs, ofProcess } = counted({ needsApproval: true });
      const [call] = (await begin(store, ofProcess('none'))).result?.pending ?? [];
      const slow = new Slow(store);
      const read = slow.hold('before steps');
      const model = scripted([]);
      const stack = [tools([ofProcess('first')]), provider(model)];
      const pipeline = new Pipeline(stack, { store: slow, onBusy: 'supersede' });
      const on = decide({ [call?.callId ?? '']: { approve: true } });
      const first = readTurn(
        kind === 'turn'
          ? pipeline.executeStreamWithContext(KEY, 'user', 'Go on.', { turnId: 't' })
          : pipeline.executeStreamWithContext(KEY, on, { turnId: 'click' }),
      );
      await settle();
      const next = new Pipeline([provider(scripted('Well.'))], { store, onBusy: 'supersede' });
      await next.executeWithContext(KEY, 'user', 'Never mind.');
      read.resolve();
      expect((await first).error?.code).toBe('lease_lost');
      expect([runs, model.requests]).toEqual([[], []]);
    }
  });

  test('does not run an approved call that others have decided on anew', async () => {
    const store = new MemoryStore();
    const { runs, ofProcess } = counted({ unknown: 'ask', needsApproval: true });
    const { result } = await begin(store, ofProcess('none'));
    const [call] = result?.pending ?? [];
    const approve = (at: StateStore, process: string, turnId: string) => {
      const pipeline = new Pipeline([tools([ofProcess(process)]), provider(scripted('Done.'))], {
        store: at,
      });
      const decisions = decide({ [call?.callId ?? '']: { approve: true } });
      return readTurn(pipeline.executeStreamWithContext(KEY, decisions, { turnId, onBusy: 'supersede' }));
    };
    const slow = new Slow(store);
    const answer = slow.hold('record decision,started');
    const first = approve(slow, 'first', 'click');
    await settle();
    // Its run seems to have died in the tool, so somebody has to say whether that runs again.
    const second = await approve(new Slow(store), 'second', 'click');
    expect([second.result?.reason, runs]).toEqual(['unknown_outcome', []]);
    const third = await approve(new Slow(store), 'third', 'click again');
    expect([third.result?.outcome, runs]).toEqual(['completed', ['third']]);
    await vi.advanceTimersByTimeAsync(20);
    answer.resolve();
    expect((await first).error?.code).toBe('lease_lost');
    expect(runs).toEqual(['third']);
  });

  test('does not run a tool once more whose time is over', async () => {
    const store = new MemoryStore();
    const { runs, ofProcess } = counted({ timeoutMs: 50, hangs: 0 });
    const first = begin(new Slow(store), ofProcess('first'));
    await settle();
    const second = await begin(new Slow(store), ofProcess('second'), ['Done.']);
    expect([endOf(second), runs]).toEqual(['completed', ['first', 'second']]);
    await vi.advanceTimersByTimeAsync(50);
    expect(endOf(await first)).toBe('lease_lost');
    expect(runs).toEqual(['first', 'second']);
  });
});

describe('an answer to a step that begins calls', () => {
  /** Runs a turn whose store takes so long for some answers. */
  async function asked(takes: Record<string, number[]>): Promise<{ renewals: number; runs: string[] }> {
    const slow = Object.assign(new Slow(new MemoryStore()), { takes });
    const { runs, ofProcess } = counted();
    const turn = begin(slow, ofProcess('one'));
    await vi.advanceTimersByTimeAsync(4_000);
    expect(endOf(await turn)).toBe('completed');
    return { renewals: slow.asked.filter((name) => name === 'renew').length, runs };
  }

  test.each([
    ['that is quick costs nothing more', { 'record reply': [4] }, 0],
    ['that is slow is confirmed once', { 'record reply': [20] }, 1],
    [
      'that is as slow as others of this store costs nothing more',
      { lease: [100], 'record reply': [250] },
      0,
    ],
    [
      'that is much slower than others of this store is confirmed',
      { lease: [100], 'record reply': [350] },
      1,
    ],
    ['is confirmed until that is quick', { 'record reply': [20], renew: [20] }, 2],
    ['is confirmed three times at most', { 'record reply': [20], renew: [20, 20, 20, 20] }, 3],
    ['that begins none may be slow', { 'record result': [500] }, 0],
  ])('%s', async (_name, takes, renewals) => {
    expect(await asked(takes)).toEqual({ renewals, runs: ['one'] });
  });
});

describe('a tool that runs once more because its time is over', () => {
  test('does not do so if the execution ends before that is stored', async () => {
    const slow = new Slow(new MemoryStore());
    const { runs, ofProcess } = counted({ timeoutMs: 50, hangs: 0 });
    const stored = slow.hold('record started');
    const model = scripted(calling(['work', {}]));
    const pipeline = new Pipeline([tools([ofProcess('one')]), provider(model)], { store: slow });
    const stream = pipeline.executeStreamWithContext(KEY, 'user', 'Go on.');
    const read = readTurn(stream);
    await settle();
    await vi.advanceTimersByTimeAsync(50);
    expect(slow.asked.at(-1)).toBe('record started');
    const closed = stream.close();
    await settle();
    stored.resolve();
    await closed;
    await read;
    expect(runs).toEqual(['one']);
  });

  test('says before that it begins again', async () => {
    const slow = new Slow(new MemoryStore());
    const { runs, ofProcess } = counted({ timeoutMs: 50, hangs: 0 });
    const turn = begin(slow, ofProcess('one'));
    await settle();
    await vi.advanceTimersByTimeAsync(50);
    expect(endOf(await turn)).toBe('completed');
    expect(runs).toEqual(['one', 'one']);
    expect(slow.asked.filter((name) => name.startsWith('record'))).toEqual([
      'record reply',
      'record started',
      'record result',
    ]);
  });
});
