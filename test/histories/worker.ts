// One process of a history. It runs turns on sessions that other processes also write to, until it is told to end. Its log contains what it has told
// its callers. A killed process starts again with the turns that its log leaves open, like a client that got no answer.
import { flushCompileCache } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { Pipeline, isSluiceError } from '../../src/index.ts';
import type { ExecutionResult } from '../../src/index.ts';
import { Log, readLog } from './log.ts';
import { modelStack } from './model.ts';
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
  leaseMs: number;
  /** How many of the newest messages of a session it reads. Default: all. */
  historyLimit?: number;
  /** Number of turns that it runs at once. */
  clients: number;
  /** When the history began. With it, all workers choose the same ids for some turns. */
  startedAt: number;
}

interface Job {
  turn: string;
  session: string;
}

// A process that is killed would not keep what it has compiled.
flushCompileCache();
const spec = JSON.parse(process.argv[2] ?? '') as WorkerSpec;
const before = readLog(spec.log);
const log = new Log(spec.log);
const random = randomOf(spec.seed);
const chance = (of: number): boolean => random() < of;

const acked = new Map<string, { session: string; content: string }>();
const open = new Map<string, Job>();
let begun = 0;
for (const line of before) {
  if (line.what === 'begin') {
    open.set(line.turn, { turn: line.turn, session: line.session });
    begun++;
  }
  if (line.what === 'ack') acked.set(line.turn, line);
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

const store = new WatchedStore(await openStore(spec.store), spec.leaseMs);
const { historyLimit } = spec;
const windowed = historyLimit !== undefined;
const stack = modelStack({ random, windowed, violation, seen: (id) => store.seen(id) });
const pipeline = new Pipeline(stack, { store, maxQueuedTurns: 100, ...(windowed && { historyLimit }) });

await Promise.all(Array.from({ length: spec.clients }, () => client()));
log.close();
process.exit(0);

async function client(): Promise<void> {
  for (;;) {
    const job = again.pop() ?? (draining ? undefined : newJob());
    if (job === undefined) return;
    await play(job);
    if (chance(0.1)) await repeat();
    await delay(between(random, 0, 20));
  }
}

function newJob(): Job {
  const session = oneOf(random, spec.sessions);
  const shared = `all-${Math.floor((Date.now() - spec.startedAt) / 1_000)}-${session}`;
  return chance(0.2) && !acked.has(shared) && !open.has(shared)
    ? { session, turn: shared }
    : { session, turn: `${spec.name}-${begun++}-${session}` };
}

/** Runs a turn until it is stored, like a client that tries again after each failure. */
async function play({ turn, session }: Job): Promise<void> {
  if (!open.has(turn)) log.write({ what: 'begin', turn, session });
  open.set(turn, { turn, session });
  for (;;) {
    const leaves = !draining && chance(0.06);
    const signal = leaves ? AbortSignal.timeout(Math.ceil(between(random, 1, 200))) : undefined;
    const failed = await attempt(turn, session, signal, chance(0.1) ? 2 : 1);
    if (failed === undefined) break;
    log.write({ what: 'fail', turn, session, code: failed });
    if (leaves && chance(0.5)) {
      log.write({ what: 'abandon', turn, session });
      break;
    }
    await delay(between(random, 20, 150));
  }
  open.delete(turn);
}

/** Runs a turn, once or (a double click) twice at once. Resolves to the code of the error, if it failed. */
async function attempt(
  turn: string,
  session: string,
  signal: AbortSignal | undefined,
  clicks: number,
): Promise<string | undefined> {
  const dice = random();
  // If several processes run the same turn, one takes the session from another.
  const [queue, reject] = turn.startsWith('all-') ? [0.6, 0.7] : [0.8, 0.9];
  const onBusy = draining || dice < queue ? 'queue' : dice < reject ? 'reject' : 'supersede';
  const asked = await Promise.allSettled(
    Array.from({ length: clicks }, () =>
      pipeline.executeWithContext({ owner: spec.owner, id: session }, 'user', turn, {
        turnId: turn,
        onBusy,
        ...(signal !== undefined && { signal }),
      }),
    ),
  );
  let code: string | undefined;
  for (const one of asked) {
    if (one.status === 'rejected') code ??= codeOf(one.reason);
    else if (one.value.unsaved !== undefined) code ??= 'unsaved';
    else acknowledge(turn, session, one.value);
  }
  return acked.has(turn) ? undefined : code;
}

function acknowledge(turn: string, session: string, { response, replayed, outcome }: ExecutionResult): void {
  const { content } = response;
  if (outcome !== 'completed') violation(`${turn} resolved as ${outcome}`);
  const known = acked.get(turn);
  if (known !== undefined && known.content !== content)
    violation(`${turn} has two replies: ${known.content} and ${content}`);
  acked.set(turn, { session, content });
  log.write({ what: 'ack', turn, session, content, replayed: replayed === true });
}

/** Sends an acknowledged turn once more. It must return the stored reply, whatever has happened since. */
async function repeat(): Promise<void> {
  if (acked.size === 0) return;
  const [turn, { session }] = oneOf(random, [...acked.entries()]);
  try {
    const key = { owner: spec.owner, id: session };
    const result = await pipeline.executeWithContext(key, 'user', turn, { turnId: turn });
    if (result.replayed !== true) violation(`${turn} was acknowledged, but ran again`);
    acknowledge(turn, session, result);
  } catch (error) {
    codeOf(error);
  }
}

function codeOf(error: unknown): string {
  if (isSluiceError(error)) return error.code;
  violation(`a turn failed with an error that is not a SluiceError: ${String(error)}`);
  return 'unknown';
}
