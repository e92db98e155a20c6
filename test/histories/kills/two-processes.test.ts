import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { StateStore } from 'sluice';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endsWithUs } from '../../support/ends-with-us.ts';
import type { Backend } from '../backend.ts';
import { backends } from '../backends.ts';
import type { StoreSpec } from '../open-store.ts';
import { isThere } from '../there.ts';
import type { Said, Told } from './gated-child.ts';
import { resultsIn } from './step-word.ts';

/** A turn that was run to its end, and not given again. */
const done = (asked: number) => ({
  ...{ outcome: 'completed', content: 'Done.', replayed: false, asked, pending: [] },
});
const END = { what: 'end the tool' } as const;

const program = fileURLToPath(new URL('gated-child.ts', import.meta.url));

/** A process, and what it says. */
class Gated {
  readonly #process: ChildProcess;
  readonly #said: Said[] = [];
  #onSaid: (() => void) | undefined;

  private constructor(spec: StoreSpec) {
    this.#process = endsWithUs(fork(program, [JSON.stringify(spec)], { execArgv: [] }));
    this.#process.on('message', (said) => {
      this.#said.push(said as Said);
      this.#onSaid?.();
    });
  }

  static async start(spec: StoreSpec): Promise<Gated> {
    const started = new Gated(spec);
    expect(await started.says()).toBe('ready');
    return started;
  }

  get isAlive(): boolean {
    return this.#process.signalCode === null && this.#process.exitCode === null;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  tell(told: Told): void {
    this.#process.send(told);
  }

  /** The next thing that it says. */
  async says(): Promise<Said> {
    for (;;) {
      const said = this.#said.shift();
      if (said !== undefined) return said;
      await new Promise<void>((resolve) => (this.#onSaid = resolve));
    }
  }

  async kill(): Promise<void> {
    if (!this.isAlive) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await gone;
  }
}

describe.each(Object.entries(backends))('two processes on %s', (name, make) => {
  let backend: Backend | undefined;
  let store: StateStore | undefined;
  let sessions = 0;

  const processes: Gated[] = [];

  beforeAll(async () => {
    if (!(await isThere(name))) return;
    backend = await make();
    store = await backend.open();
  });
  afterAll(async () => {
    await Promise.all(processes.map((one) => one.kill()));
    await store?.close();
    await backend?.stop();
  });

  /** The process with a number. One that was killed is replaced. */
  async function processOf(of: Backend, at: number): Promise<Gated> {
    const known = processes[at];
    if (known?.isAlive === true) return known;
    return (processes[at] = await Gated.start(of.spec(at)));
  }

  /** Two processes, and what is told to run a turn in a new session. */
  async function stage(calls: 'read' | 'send' | 'pay') {
    if (backend === undefined || store === undefined) return undefined;
    const [first, second] = [await processOf(backend, 0), await processOf(backend, 1)];
    const key = { owner: 'two', id: `s${sessions++}` };
    return { first, second, store, key, turn: { what: 'run', turnId: 't', key, calls } as const };
  }

  /** Two processes, and a turn whose tool runs in the first of them. */
  async function begun(calls: 'read' | 'send') {
    const at = await stage(calls);
    at?.first.tell({ ...at.turn, onBusy: 'queue' });
    if (at !== undefined) expect(await at.first.says()).toBe('in the tool');
    return at;
  }

  /** Two processes, and a call that waits for an approval. */
  async function waiting() {
    const at = await stage('pay');
    if (at === undefined) return undefined;
    at.first.tell({ ...at.turn, onBusy: 'queue' });
    const said = await at.first.says();
    const call = typeof said === 'object' && 'pending' in said ? said.pending[0] : undefined;
    if (call === undefined) throw new Error(`No call waits: ${JSON.stringify(said)}`);
    return { ...at, call, approve: { what: 'approve', key: at.key, call, onBusy: 'queue' } as const };
  }

  /** The results that are stored of a turn that is whole. */
  async function stored(at: StateStore, key: { owner: string; id: string }) {
    const state = await at.load(key);
    expect(state?.open).toBeUndefined();
    const { messages = [] } = state ?? {};
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    return resultsIn(messages).map(([, text]) => text);
  }

  test('R60 the same turn in both: one runs, the other gets its answer', async () => {
    const at = await begun('send');
    if (at === undefined) return;
    const { first, second, key, turn } = at;
    second.tell({ ...turn, onBusy: 'queue' });
    first.tell(END);
    expect(await first.says()).toEqual(done(2));
    expect(await second.says()).toEqual({ ...done(0), replayed: true });
    expect(await stored(at.store, key)).toEqual([`done by ${first.pid}`]);
  });

  test('R42 a take-over while a tool runs: the late result is refused, and what the tool did is unknown', async () => {
    const at = await begun('send');
    if (at === undefined) return;
    const { first, second, key, turn } = at;
    second.tell({ ...turn, onBusy: 'supersede' });
    expect(await second.says()).toEqual(done(1));
    first.tell(END);
    expect(await first.says()).toEqual({ code: 'lease_lost' });
    const [told] = await stored(at.store, key);
    expect(told).toMatch(/It may have taken effect/);
  });

  test('R42 a take-over while an idempotent tool runs: it runs again, and only its new result is stored', async () => {
    const at = await begun('read');
    if (at === undefined) return;
    const { first, second, key, turn } = at;
    second.tell({ ...turn, onBusy: 'supersede' });
    expect(await second.says()).toBe('in the tool');
    first.tell(END);
    expect(await first.says()).toEqual({ code: 'lease_lost' });
    second.tell(END);
    expect(await second.says()).toEqual(done(1));
    expect(await stored(at.store, key)).toEqual([`done by ${second.pid}`]);
  });

  test('R61 ten calls that both approve: one runs each, and the other is told that it is decided', async () => {
    for (let round = 0; round < 10; round++) {
      const at = await waiting();
      if (at === undefined) return;
      const { first, second, key, approve } = at;
      const both = [first, second];
      for (const [number, one] of both.entries()) one.tell({ ...approve, turnId: `d${number}` });
      const said = both.map((one) => one.says());
      const winner = await Promise.race(said.map((one, number) => one.then(() => number)));
      expect(await said[winner]).toBe('in the tool');
      both[winner]?.tell(END);
      expect(await both[winner]?.says()).toEqual(done(1));
      expect(await said[1 - winner]).toEqual({ code: 'conflict' });
      expect(await stored(at.store, key)).toEqual([`done by ${both[winner]?.pid}`]);
    }
  });

  test('R61 one decision in both: one runs, the other gets its answer', async () => {
    const at = await waiting();
    if (at === undefined) return;
    const both = [at.first, at.second];
    for (const one of both) one.tell({ ...at.approve, turnId: 'd' });
    const said = both.map((one) => one.says());
    const winner = await Promise.race(said.map((one, number) => one.then(() => number)));
    both[winner]?.tell(END);
    expect(await both[winner]?.says()).toEqual(done(1));
    expect(await said[1 - winner]).toEqual({ ...done(0), replayed: true });
  });

  test('R61 who approves a call is killed in the tool: it waits again, as unknown, and runs once more only if somebody says so', async () => {
    const at = await waiting();
    if (at === undefined) return;
    const { first, second, key, approve, call } = at;
    first.tell({ ...approve, turnId: 'd' });
    expect(await first.says()).toBe('in the tool');
    await first.kill();
    second.tell({ ...approve, turnId: 'd', onBusy: 'supersede' });
    expect(await second.says()).toMatchObject({ outcome: 'interrupted', asked: 0, pending: [call] });
    second.tell({ ...approve, turnId: 'other' });
    expect(await second.says()).toBe('in the tool');
    second.tell(END);
    expect(await second.says()).toEqual(done(1));
    second.tell({ ...approve, turnId: 'late' });
    expect(await second.says()).toMatchObject({ code: 'conflict' });
    expect(await stored(at.store, key)).toEqual([`done by ${second.pid}`]);
  });

  test('R60 a kill while the tool runs: the other goes on with the same turn', async () => {
    const at = await begun('read');
    if (at === undefined) return;
    const { first, second, key, turn } = at;
    await first.kill();
    second.tell({ ...turn, onBusy: 'supersede' });
    expect(await second.says()).toBe('in the tool');
    second.tell(END);
    expect(await second.says()).toEqual(done(1));
    expect(await stored(at.store, key)).toEqual([`done by ${second.pid}`]);
  });
});
