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

describe.each(Object.entries(backends))('R60 two processes on %s', (name, make) => {
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

  /** Two processes, and a turn whose tool runs in the first of them. */
  async function begin(idempotent: boolean) {
    if (backend === undefined || store === undefined) return undefined;
    const [first, second] = [await processOf(backend, 0), await processOf(backend, 1)];
    const key = { owner: 'two', id: `s${sessions++}` };
    const turn = { run: 't', key, idempotent };
    first.tell({ ...turn, onBusy: 'queue' });
    expect(await first.says()).toBe('in the tool');
    return { first, second, key, turn, store };
  }

  /** The results that are stored, and the roles of the messages. */
  async function stored(at: StateStore, key: { owner: string; id: string }) {
    const state = await at.load(key);
    expect(state?.open).toBeUndefined();
    const { messages = [] } = state ?? {};
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    return resultsIn(messages).map(([, text]) => text);
  }

  test('the same turn in both: one runs, the other gets its answer', async () => {
    const begun = await begin(false);
    if (begun === undefined) return;
    const { first, second, key, turn } = begun;
    second.tell({ ...turn, onBusy: 'queue' });
    first.tell('end the tool');
    expect(await first.says()).toEqual({ outcome: 'completed', content: 'Done.', replayed: false, asked: 2 });
    expect(await second.says()).toEqual({ outcome: 'completed', content: 'Done.', replayed: true, asked: 0 });
    expect(await stored(begun.store, key)).toEqual([`done by ${first.pid}`]);
  });

  test('R42 a take-over while a tool runs: the late result is refused, and what the tool did is unknown', async () => {
    const begun = await begin(false);
    if (begun === undefined) return;
    const { first, second, key, turn } = begun;
    second.tell({ ...turn, onBusy: 'supersede' });
    expect(await second.says()).toEqual({
      outcome: 'completed',
      content: 'Done.',
      replayed: false,
      asked: 1,
    });
    first.tell('end the tool');
    expect(await first.says()).toEqual({ code: 'lease_lost' });
    const [told] = await stored(begun.store, key);
    expect(told).toMatch(/It may have taken effect/);
  });

  test('R42 a take-over while an idempotent tool runs: it runs again, and only its new result is stored', async () => {
    const begun = await begin(true);
    if (begun === undefined) return;
    const { first, second, key, turn } = begun;
    second.tell({ ...turn, onBusy: 'supersede' });
    expect(await second.says()).toBe('in the tool');
    first.tell('end the tool');
    expect(await first.says()).toEqual({ code: 'lease_lost' });
    second.tell('end the tool');
    expect(await second.says()).toEqual({
      outcome: 'completed',
      content: 'Done.',
      replayed: false,
      asked: 1,
    });
    expect(await stored(begun.store, key)).toEqual([`done by ${second.pid}`]);
  });

  test('a kill while the tool runs: the other goes on with the same turn', async () => {
    const begun = await begin(true);
    if (begun === undefined) return;
    const { first, second, key, turn } = begun;
    await first.kill();
    second.tell({ ...turn, onBusy: 'supersede' });
    expect(await second.says()).toBe('in the tool');
    second.tell('end the tool');
    expect(await second.says()).toEqual({
      outcome: 'completed',
      content: 'Done.',
      replayed: false,
      asked: 1,
    });
    expect(await stored(begun.store, key)).toEqual([`done by ${second.pid}`]);
  });
});
