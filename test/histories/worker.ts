// One process of a history. It runs turns on sessions that other processes also write to, until it is told to end. Its log contains what it has told
// its callers. A killed process starts again with the turns that its log leaves open, like a client that got no answer.
import { flushCompileCache } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { Pipeline, isSluiceError } from '../../src/index.ts';
import type { ExecutionOptions, ExecutionResult } from '../../src/index.ts';
import { Log, readLog } from './log.ts';
import type { Act } from './log.ts';
import { TurnId, modelStack } from './model.ts';
import { openStore } from './open-store.ts';
import type { StoreSpec } from './open-store.ts';
import { between, oneOf, randomOf } from './random.ts';
import { WatchedStore } from './watched-store.ts';

/** The settings of a worker, passed as its only argument. */
export interface WorkerSpec {
  name: string;
  store: StoreSpec;
  log: string;
  seed: number;
  owner: string;
  sessions: string[];
  /** Those of them that have branches. */
  branching: string[];
  leaseMs: number;
  /** How many of the newest messages of a session it reads. Default: all. */
  historyLimit?: number;
  /** Number of turns that it runs at once. */
  clients: number;
  /** When the history began. With it, all workers choose the same ids for some turns. */
  startedAt: number;
}

/** A turn of a session. */
interface Job {
  turn: string;
  session: string;
  act: Act;
}

const SAY: Act = { does: 'say' };

// A process that is killed would not keep what it has compiled.
flushCompileCache();
const spec = JSON.parse(process.argv[2] ?? '') as WorkerSpec;
const before = readLog(spec.log);
const log = new Log(spec.log);
const random = randomOf(spec.seed);
const chance = (of: number): boolean => random() < of;

/** What was acknowledged, and what was said. */
const acked = new Map<string, { job: Job; content: string }>();
const jobs = new Map<string, Job>();
const open = new Map<string, Job>();
let begun = 0;
for (const line of before) {
  if (line.what === 'begin') {
    const { turn, session, act } = line;
    jobs.set(turn, { turn, session, act });
    open.set(turn, { turn, session, act });
    begun++;
  }
  const job = line.what === 'ack' ? jobs.get(line.turn) : undefined;
  if (line.what === 'ack' && job !== undefined) acked.set(line.turn, { job, content: line.content });
  if (line.what === 'ack' || line.what === 'abandon') open.delete(line.turn);
}
const again = [...open.values()];

let draining = false;
process.on('message', () => (draining = true));
process.on('disconnect', () => process.exit(2));
const violation = (text: string): void => log.write({ what: 'violation', text });
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    violation(`${event}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    process.exit(3);
  });
}

// What no turn reads is not what a turn has seen.
const unwatched = await openStore(spec.store);
const store = new WatchedStore(unwatched, spec.leaseMs, (session, id) =>
  log.write({ what: 'move', session, id }),
);
const { historyLimit } = spec;
const windowed = historyLimit !== undefined;
const stack = modelStack({ random, windowed, violation, seen: (id) => store.seen(id) });
const pipeline = new Pipeline(stack, { store, maxQueuedTurns: 100, ...(windowed && { historyLimit }) });

await Promise.all(Array.from({ length: spec.clients }, () => client()));
log.close();
process.exit(0);

async function client(): Promise<void> {
  for (;;) {
    const job = again.pop() ?? (draining ? undefined : await newJob());
    if (job === undefined) return;
    await play(job);
    if (chance(0.1)) await repeat();
    if (chance(0.15)) await select(oneOf(random, spec.branching));
    await delay(between(random, 0, 20));
  }
}

async function newJob(): Promise<Job> {
  const session = oneOf(random, spec.sessions);
  const shared = `all-${Math.floor((Date.now() - spec.startedAt) / 1_000)}-${session}`;
  if (chance(0.2) && !acked.has(shared) && !open.has(shared)) return { session, turn: shared, act: SAY };
  const turn = `${spec.name}-${begun++}-${session}`;
  return {
    session,
    turn,
    act: spec.branching.includes(session) && chance(0.4) ? await newAct(session) : SAY,
  };
}

/** Something that makes a branch. If nothing was said yet, it says something. */
async function newAct(session: string): Promise<Act> {
  if (chance(0.5)) return { does: 'regenerate' };
  try {
    const { messages = [], ids = [] } = (await unwatched.load(keyOf(session), { ids: true })) ?? {};
    const users = ids.filter((_id, at) => messages[at]?.role === 'user');
    return users.length === 0 ? SAY : { does: 'edit', of: oneOf(random, users) };
  } catch (error) {
    codeOf(error);
    return SAY;
  }
}

/** Selects a branch, and now and then copies the session. Nobody has to do that again if it fails. */
async function select(session: string): Promise<void> {
  const key = keyOf(session);
  try {
    const branches = await pipeline.branches(key);
    if (branches.length === 0) return;
    await pipeline.switchTo(key, oneOf(random, branches).id);
    if (chance(0.5)) log.write({ what: 'fork', session, copy: (await unwatched.fork(key)).id });
  } catch (error) {
    if (codeOf(error) === 'not_found') violation(`a branch of ${session} is gone: ${String(error)}`);
  }
}

function keyOf(session: string): { owner: string; id: string } {
  return { owner: spec.owner, id: session };
}

/** Runs a turn until it is stored, like a client that tries again after each failure. */
async function play(job: Job): Promise<void> {
  const { turn, session, act } = job;
  if (!open.has(turn)) log.write({ what: 'begin', turn, session, act });
  open.set(turn, job);
  for (;;) {
    const leaves = !draining && chance(0.06);
    const signal = leaves ? AbortSignal.timeout(Math.ceil(between(random, 1, 200))) : undefined;
    const failed = await attempt(job, signal, chance(0.1) ? 2 : 1);
    if (failed === undefined) break;
    log.write({ what: 'fail', turn, session, code: failed });
    if ((leaves && chance(0.5)) || isElsewhere(session, failed)) {
      log.write({ what: 'abandon', turn, session });
      break;
    }
    await delay(between(random, 20, 150));
  }
  open.delete(turn);
}

/** Whether a turn cannot go on because another branch is loaded now, or because there is nothing to answer anew. */
function isElsewhere(session: string, code: string): boolean {
  return spec.branching.includes(session) && (code === 'conflict' || code === 'not_found');
}

/** Runs a turn, once or (a double click) twice at once. Resolves to the code of the error, if it failed. */
async function attempt(
  job: Job,
  signal: AbortSignal | undefined,
  clicks: number,
): Promise<string | undefined> {
  const { turn } = job;
  const dice = random();
  // If several processes run the same turn, one takes the session from another.
  const [queue, reject] = turn.startsWith('all-') ? [0.6, 0.7] : [0.8, 0.9];
  const onBusy = draining || dice < queue ? 'queue' : dice < reject ? 'reject' : 'supersede';
  const asked = await Promise.allSettled(
    Array.from({ length: clicks }, () => send(job, { onBusy, ...(signal !== undefined && { signal }) })),
  );
  let code: string | undefined;
  for (const one of asked) {
    if (one.status === 'rejected') code ??= codeOf(one.reason);
    else if (one.value.unsaved !== undefined) code ??= 'unsaved';
    else acknowledge(job, one.value);
  }
  return acked.has(turn) ? undefined : code;
}

async function send({ turn, session, act }: Job, given: ExecutionOptions = {}): Promise<ExecutionResult> {
  const key = keyOf(session);
  const options = { ...given, turnId: turn, values: [TurnId.with(turn)] };
  if (act.does === 'say') return pipeline.executeWithContext(key, 'user', turn, options);
  const stream =
    act.does === 'edit' ? pipeline.edit(key, act.of, turn, options) : pipeline.regenerate(key, options);
  await stream.text();
  return stream.result;
}

function acknowledge(job: Job, { response, replayed, outcome }: ExecutionResult): void {
  const { turn, session } = job;
  const { content } = response;
  if (outcome !== 'completed') violation(`${turn} resolved as ${outcome}`);
  const known = acked.get(turn);
  if (known !== undefined && known.content !== content)
    violation(`${turn} has two replies: ${known.content} and ${content}`);
  acked.set(turn, { job, content });
  log.write({ what: 'ack', turn, session, content, replayed: replayed === true });
}

/** Sends an acknowledged turn once more. It must return the stored reply, whatever has happened since. */
async function repeat(): Promise<void> {
  if (acked.size === 0) return;
  const [turn, { job }] = oneOf(random, [...acked.entries()]);
  try {
    const result = await send(job);
    if (result.replayed !== true) violation(`${turn} was acknowledged, but ran again`);
    acknowledge(job, result);
  } catch (error) {
    codeOf(error);
  }
}

function codeOf(error: unknown): string {
  if (isSluiceError(error)) return error.code;
  violation(`a turn failed with an error that is not a SluiceError: ${String(error)}`);
  return 'unknown';
}
