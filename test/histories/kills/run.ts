import { mkdtemp, rm } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Decision, StateStore } from '../../../src/index.ts';
import { pause } from '../backend.ts';
import type { Backend } from '../backend.ts';
import { keptTurns } from '../kept-turns.ts';
import { oneOf, randomOf } from '../random.ts';
import type { Random } from '../random.ts';
import { violationsOf } from './check.ts';
import { Children } from './children.ts';
import type { Answer, Decisions, Waiting } from './child.ts';
import { figuresOf } from './figures.ts';
import type { KillFigures } from './figures.ts';
import { readLines } from './lines.ts';
import type { KeptSession, Run } from './story.ts';

/** The settings of a history of kills. */
export interface KillsOptions {
  backend: Backend;
  /** How many processes are killed. */
  kills: number;
  /** Decides which processes are killed and how long each of them may run. The machine decides the rest. */
  seed: number;
  onKill?: (number: number) => void;
}

/** The outcome of a history of kills. */
export interface KillsHistory extends KillFigures {
  store: string;
  ms: number;
  kills: number;
  /** How often the store itself failed. */
  faults: number;
  violations: string[];
}

const OWNER = 'kills';
const LEASE_MS = 1_000;
/** How many turns run at the same time, each in a session of its own, and in how many processes. */
const LANES = 8;
const CHILDREN = 2;
/** How many turns a session has. */
const TURNS = 5;
/** The longest time between two kills. */
const MOST_MS = 160;
/** Between how many kills the store fails once. */
const KILLS_PER_FAULT = 25;
/** Faults of a store that are over soon. */
const FAULTS = ['answers of the server lost', 'connections dropped', 'file locked by another process'];
/** How long a turn may take without being killed. */
const STUCK_MS = 180_000;
/** How decisions end that change nothing. */
const REFUSED: ReadonlySet<string> = new Set(['failed: conflict', 'failed: invalid_request']);

/** Runs turns with tools in processes that are killed, sends them again to others, and at the end checks what is stored and what has run. */
export async function runKills(options: KillsOptions): Promise<KillsHistory> {
  const { backend, kills, seed } = options;
  const began = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'sluice-kills-'));
  const violations: string[] = [];
  const children = await Children.start({
    count: CHILDREN,
    spec: (number) => ({
      store: backend.spec(number),
      lines: join(folder, `${number}.lines`),
      leaseMs: LEASE_MS,
    }),
    onBroken: (text) => violations.push(text),
  });
  const history = new History(children, randomOf(seed));
  const store = await backend.open();
  try {
    const lanes = Promise.all(Array.from({ length: LANES }, (_, at) => history.lane(`s${at}`)));
    const faults = await killing(options, history, children);
    history.isOver = true;
    await lanes;
    const lines = readdirSync(folder).flatMap((name) => readLines(join(folder, name)));
    lines.sort((one, other) => one.at - other.at);
    const sessions = await keptOf(store, history.runs);
    const spend = await store.spend({ owner: OWNER });
    const kept = { lines, runs: history.runs, sessions, spend };
    violations.push(...violationsOf(kept));
    const ms = performance.now() - began;
    return { store: backend.name, ms, kills, faults, ...figuresOf(kept), violations };
  } finally {
    await children.stop();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Kills one process after the other. Resolves to how often the store failed meanwhile. */
async function killing(
  { backend, kills, seed, onKill }: KillsOptions,
  history: History,
  children: Children,
): Promise<number> {
  const random = randomOf(seed + 1);
  const kinds = FAULTS.flatMap((name) => backend.faults[name] ?? []);
  const failing = new Set<Promise<void>>();
  let faults = 0;
  for (let number = 1; number <= kills; number++) {
    await pause(random, 0, MOST_MS);
    await history.completes(number / 4);
    if (number % KILLS_PER_FAULT === 0 && failing.size === 0) {
      faults++;
      const run: Promise<void> = oneOf(random, kinds)
        .run(random)
        .finally(() => failing.delete(run));
      failing.add(run);
    }
    await children.kill(random);
    onKill?.(number);
  }
  await Promise.all(failing);
  return faults;
}

/** Clients that send turns, and send them again after they got no answer. */
class History {
  readonly runs: Run[] = [];
  isOver = false;
  readonly #children: Children;
  readonly #random: Random;
  readonly #completed = new Set<string>();

  constructor(children: Children, random: Random) {
    this.#children = children;
    this.#random = random;
  }

  /** Waits until this many turns are complete: if kills follow each other too fast, no turn gets anywhere. */
  async completes(count: number): Promise<void> {
    const from = performance.now();
    while (this.#completed.size < count || !this.#children.isBusy) {
      if (performance.now() - from > STUCK_MS) throw new Error(`No turn is complete after ${STUCK_MS} ms.`);
      await delay(5);
    }
  }

  /** Plays one session after the other. */
  async lane(name: string): Promise<void> {
    for (let session = 0; !this.isOver; session++) {
      const id = `${name}-${session}`;
      let left: string | undefined;
      for (let turn = 0; turn < TURNS && !this.isOver; turn++) {
        const ended = await this.#play(id, `${id}.${turn}`);
        // A client may send a turn again that it had given up, although another one came after it.
        if (left !== undefined && this.#chance(0.3)) await this.#play(id, left);
        left = ended ? undefined : `${id}.${turn}`;
      }
    }
  }

  /** Sends a turn, and decides about its calls that wait, until it has ended or is given up. Resolves to whether it has ended. */
  async #play(session: string, turn: string): Promise<boolean> {
    let decisions: Decisions | undefined;
    for (;;) {
      const answers = await Promise.all([
        this.#attempt(session, turn, decisions),
        ...(this.#chance(0.05) ? [this.#attempt(session, turn, this.#alsoSent(decisions))] : []),
      ]);
      if (answers.some(({ isOver }) => isOver)) return true;
      if (!this.isOver && this.#chance(0.2)) return false;
      const pending = answers.flatMap((answer) => answer.pending);
      if (pending.length > 0) decisions = this.#decisionsOn(turn, pending);
      // Sent again, the turn says what waits now.
      else if (answers.some(({ isRefused }) => isRefused)) decisions = undefined;
    }
  }

  /** Who clicks twice sends the same decisions again; somebody else decides, too. */
  #alsoSent(decisions: Decisions | undefined): Decisions | undefined {
    return decisions === undefined || this.#chance(0.5)
      ? decisions
      : { ...decisions, by: `${decisions.by}.other` };
  }

  /** Decides about one of the calls or about all. What may have taken effect is run again now and then. */
  #decisionsOn(turn: string, pending: readonly Waiting[]): Decisions {
    const some = this.#chance(0.3) ? pending.slice(0, 1) : pending;
    const on = some.map(({ callId, waitsFor }): [string, Decision] => [
      callId,
      this.#chance(waitsFor === 'approval' ? 0.8 : 0.5) ? { approve: true } : { deny: 'Not now.' },
    ]);
    return { by: `${turn}.d${this.runs.length}`, on: Object.fromEntries(on) };
  }

  async #attempt(
    session: string,
    turn: string,
    decisions: Decisions | undefined,
  ): Promise<{ isOver: boolean; isRefused: boolean; pending: readonly Waiting[] }> {
    const run = `r${this.runs.length}`;
    const begun: Run = {
      ...{ run, turn, session, came: 'died', content: undefined },
      ...(decisions && { decisions: { by: decisions.by, calls: Object.keys(decisions.on) } }),
    };
    this.runs.push(begun);
    const onBusy = this.#chance(0.85) ? 'supersede' : 'queue';
    const answer = await this.#children.run(
      { run, turn, key: { owner: OWNER, id: session }, onBusy, ...(decisions && { decisions }) },
      this.#random,
    );
    if (answer !== 'died') Object.assign(begun, comeOf(answer));
    const { came } = begun;
    if (came === 'completed') this.#completed.add(turn);
    return {
      isOver: came === 'completed' || came === 'abandoned',
      isRefused: REFUSED.has(came),
      pending: answer !== 'died' && 'pending' in answer ? answer.pending : [],
    };
  }

  #chance(of: number): boolean {
    return this.#random() < of;
  }
}

function comeOf(answer: Answer): Pick<Run, 'came' | 'content'> {
  if ('code' in answer) return { came: `failed: ${answer.code}`, content: undefined };
  const { outcome, reason, content, unsaved } = answer;
  if (unsaved) return { came: 'unsaved', content };
  return { came: outcome === 'interrupted' ? (reason ?? '') : outcome, content };
}

/** What is stored of each session at the end. */
async function keptOf(store: StateStore, runs: readonly Run[]): Promise<KeptSession[]> {
  const turns = new Map<string, Set<string>>();
  for (const { session, turn } of runs) turns.set(session, (turns.get(session) ?? new Set()).add(turn));
  const kept: KeptSession[] = [];
  for (const [id, ids] of turns) {
    const key = { owner: OWNER, id };
    const state = await store.load(key);
    if (state === undefined) continue;
    const steps = state.open === undefined ? [] : await store.steps(key, state.open);
    kept.push({ state, steps, turns: await keptTurns(store, key, ids, state.version) });
  }
  return kept;
}
