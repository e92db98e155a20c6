import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Message, StateStore } from '../../src/index.ts';
import { endsWithUs } from '../support/ends-with-us.ts';
import { pause, type Backend } from './backend.ts';
import { violationsOf } from './check.ts';
import type { KeptSession } from './check.ts';
import { keptTurns } from './kept-turns.ts';
import { readLog } from './log.ts';
import type { LogLine } from './log.ts';
import { between, oneOf, randomOf } from './random.ts';
import type { Random } from './random.ts';
import type { WorkerSpec } from './worker.ts';

/** The settings of a history. */
export interface HistoryOptions {
  backend: Backend;
  /** Number of faults. */
  faults: number;
  /** Decides which faults happen, when, and to which process. The machine decides the rest. */
  seed: number;
  workers?: number;
  sessions?: number;
  /** Called for each fault. */
  onFault?: (number: number, name: string) => void;
}

/** The outcome of a history. */
export interface History {
  store: string;
  seed: number;
  ms: number;
  faults: Record<string, number>;
  /** Turns that workers were asked to run. */
  begun: number;
  /** Turns that workers reported as stored. */
  acknowledged: number;
  /** How often a stored reply was returned again. */
  replayed: number;
  /** Failed attempts, by the code of their error. */
  failures: Record<string, number>;
  /** What was begun, and moves of the head and copies, by kind. */
  acts: Record<string, number>;
  /** Number of stored messages. */
  messages: number;
  violations: string[];
}

const LEASE_MS = 1_000;
/** How long the workers may take for a turn, and to finish open turns after the last fault. */
const DRAIN_MS = 180_000;
/** Where Node keeps what it has compiled. Workers are killed and started again, and would spend most of their time on that. */
const compiled = process.env['NODE_COMPILE_CACHE'] ?? join(tmpdir(), 'node-compile-cache');
const worker = fileURLToPath(new URL('worker.ts', import.meta.url));

/** Runs workers on shared sessions, causes faults in them and in their store, and at the end checks what is stored. */
export async function runHistory(options: HistoryOptions): Promise<History> {
  const { backend, faults, seed, workers: count = 4, sessions: many = 6, onFault } = options;
  const random = randomOf(seed);
  const began = Date.now();
  const folder = await mkdtemp(join(tmpdir(), 'sluice-history-'));
  const sessions = Array.from({ length: many }, (_, at) => `s${at}`);
  const violations: string[] = [];
  const workers = Array.from(
    { length: count },
    (_, at) =>
      new Worker(
        {
          name: `w${at}`,
          store: backend.spec(at),
          log: join(folder, `w${at}.log`),
          seed,
          owner: 'history',
          sessions,
          leaseMs: LEASE_MS,
          clients: 3,
          branching: sessions.filter((_id, number) => number % 2 === 1),
          ...(at % 2 === 1 && { historyLimit: 6 }),
          startedAt: began,
        },
        violations,
      ),
  );
  const happened: Record<string, number> = {};
  try {
    for (const one of workers) one.start();
    const kinds = kindsOf(backend, workers);
    const running = new Set<Promise<void>>();
    for (let number = 1; number <= faults; number++) {
      await pause(random, 200, 700);
      await turnsOf(workers, number / 2);
      let chosen = chosenOf(kinds, random);
      while (chosen === undefined) {
        await Promise.race(running);
        chosen = chosenOf(kinds, random);
      }
      const { kind, free } = chosen;
      happened[kind.name] = (happened[kind.name] ?? 0) + 1;
      onFault?.(number, kind.name);
      const run: Promise<void> = kind.run(random, free).finally(() => running.delete(run));
      running.add(run);
    }
    await Promise.all(running);
    await Promise.all(workers.map((one) => one.drain()));
    const logs = linesOf(workers);
    const store = await backend.open();
    try {
      const kept = await Promise.all(sessions.map((id) => keptOf(store, { owner: 'history', id }, logs)));
      const spend = await store.spend({ owner: 'history' });
      const found = kept.filter((one) => one !== undefined);
      violations.push(...violationsOf({ logs, sessions: found, spend }));
      return {
        store: backend.name,
        seed,
        ms: Date.now() - began,
        faults: happened,
        ...figuresOf(logs),
        messages: found.reduce((sum, { state }) => sum + state.messageCount, 0),
        violations,
      };
    } finally {
      await store.close();
    }
  } finally {
    for (const one of workers) one.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Waits until this many turns were acknowledged. Usually many more of them were. But on a slow machine, faults would follow each other so
 * quickly that no turn gets through between them, which would show nothing.
 */
async function turnsOf(workers: readonly Worker[], count: number): Promise<void> {
  const from = Date.now();
  while (figuresOf(linesOf(workers)).acknowledged < count) {
    if (Date.now() - from > DRAIN_MS) throw new Error(`No turn was acknowledged for ${DRAIN_MS} ms.`);
    await delay(100);
  }
}

function linesOf(workers: readonly Worker[]): LogLine[] {
  return workers.flatMap(({ spec }) => readLog(spec.log));
}

/** A kind of fault, and the targets that it can hit now. */
interface Kind {
  name: string;
  weight: number;
  targets: () => Target[];
  run(random: Random, target: Target): Promise<void>;
}

/** Something that only one fault at a time can hit. */
interface Target {
  busy: boolean;
}

function kindsOf(backend: Backend, workers: readonly Worker[]): Kind[] {
  const server: Target = { busy: false };
  const onWorkers = (run: (random: Random, target: Worker) => Promise<void>): Kind['run'] => {
    return async (random, target) => {
      if (target instanceof Worker) await run(random, target);
    };
  };
  const kinds: Kind[] = [
    {
      name: 'process killed',
      weight: 4,
      targets: () => [...workers],
      run: onWorkers((random, target) => target.killed(random)),
    },
    {
      name: 'process paused past its lease',
      weight: 3,
      targets: () => [...workers],
      run: onWorkers((random, target) => target.paused(between(random, 1.1, 1.7) * LEASE_MS)),
    },
    ...Object.entries(backend.faults).map(([name, { weight, run }]) => ({
      name,
      weight,
      targets: () => [server],
      run: (random: Random) => run(random),
    })),
  ];
  return kinds.map((kind) => ({
    ...kind,
    async run(random, target) {
      target.busy = true;
      try {
        await kind.run(random, target);
      } finally {
        target.busy = false;
      }
    },
  }));
}

/** Chooses a kind of fault that is possible now, by its weight, and its target. */
function chosenOf(kinds: readonly Kind[], random: Random): { kind: Kind; free: Target } | undefined {
  const possible = kinds.flatMap((kind) => {
    const free = kind.targets().filter(({ busy }) => !busy);
    return free.length === 0 ? [] : [{ kind, free }];
  });
  let at = random() * possible.reduce((sum, { kind }) => sum + kind.weight, 0);
  for (const { kind, free } of possible) {
    at -= kind.weight;
    if (at <= 0) return { kind, free: oneOf(random, free) };
  }
  return undefined;
}

class Worker implements Target {
  busy = false;
  readonly spec: WorkerSpec;
  readonly #violations: string[];
  #starts = 0;
  #child: ChildProcess | undefined;
  #errors = '';
  /** Whether the end of the process is expected. */
  #ending = false;

  constructor(spec: WorkerSpec, violations: string[]) {
    this.spec = spec;
    this.#violations = violations;
  }

  start(): void {
    this.#ending = false;
    this.#errors = '';
    const spec: WorkerSpec = { ...this.spec, seed: this.spec.seed + this.#starts++ * 7919 };
    const child = endsWithUs(
      spawn(process.execPath, [worker, JSON.stringify(spec)], {
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
        env: { ...process.env, NODE_COMPILE_CACHE: compiled },
      }),
    );
    child.stderr?.on('data', (data) => (this.#errors += String(data)));
    child.on('error', () => undefined);
    child.on('exit', (code, signal) => {
      if (this.#ending && (code === 0 || signal === 'SIGKILL')) return;
      this.#violations.push(`${spec.name} ended by itself: ${String(code ?? signal)} ${this.#errors}`);
    });
    this.#child = child;
  }

  /** Kills the process, and starts it again a little later. */
  async killed(random: Random): Promise<void> {
    await this.#end('SIGKILL');
    await pause(random, 0, 300);
    this.start();
  }

  /** Pauses the process, and lets it continue later. */
  async paused(ms: number): Promise<void> {
    this.#child?.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.#child?.kill('SIGCONT');
  }

  /** Lets the process finish its open turns. */
  async drain(): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null) return;
    this.#ending = true;
    const ended = once(child, 'exit');
    child.send('drain');
    const late = setTimeout(() => {
      this.#violations.push(`${this.spec.name} did not end within ${DRAIN_MS} ms`);
      child.kill('SIGKILL');
    }, DRAIN_MS);
    await ended;
    clearTimeout(late);
  }

  kill(): void {
    this.#ending = true;
    this.#child?.kill('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    this.#ending = true;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}

/** A session, with every append that a turn in the logs can have made. */
async function keptOf(
  store: StateStore,
  key: { owner: string; id: string },
  logs: readonly LogLine[],
): Promise<KeptSession | undefined> {
  const state = await store.load(key);
  if (state === undefined) return undefined;
  const ids = new Set(
    logs.flatMap((line) => (line.what === 'begin' && line.session === key.id ? [line.turn] : [])),
  );
  const own = logs.filter((line) => 'session' in line && line.session === key.id);
  const moves = own.flatMap((line) => (line.what === 'move' ? [line.id] : []));
  const copies = own.flatMap((line) => (line.what === 'fork' ? [line.copy] : []));
  const messagesOf = async (id: string): Promise<readonly Message[]> =>
    (await store.load({ ...key, id }))?.messages ?? [];
  const branches = (await store.branches(key)).map(async ({ id }) => {
    const { ids = [], messages = [] } = (await store.load(key, { leaf: id, ids: true })) ?? {};
    return { ids, messages };
  });
  return {
    state,
    turns: await keptTurns(store, key, ids, state.version, moves),
    branches: await Promise.all(branches),
    copies: await Promise.all(copies.map(messagesOf)),
  };
}

/** What is counted of what sessions are asked for. */
const ACTS: ReadonlySet<string> = new Set(['say', 'regenerate', 'edit', 'move', 'fork']);

function figuresOf(
  logs: readonly LogLine[],
): Pick<History, 'begun' | 'acknowledged' | 'replayed' | 'failures' | 'acts'> {
  const [begun, acknowledged] = [new Set<string>(), new Set<string>()];
  let replayed = 0;
  const failures: Record<string, number> = {};
  const acts: Record<string, number> = {};
  for (const line of logs) {
    const act = line.what === 'begin' ? line.act.does : line.what;
    if (ACTS.has(act)) acts[act] = (acts[act] ?? 0) + 1;
    if (line.what === 'begin') begun.add(line.turn);
    if (line.what === 'fail') failures[line.code] = (failures[line.code] ?? 0) + 1;
    if (line.what !== 'ack') continue;
    acknowledged.add(line.turn);
    if (line.replayed) replayed++;
  }
  return { begun: begun.size, acknowledged: acknowledged.size, replayed, failures, acts };
}
