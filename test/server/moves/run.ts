import { setTimeout as delay } from 'node:timers/promises';
import { between, randomOf } from '../../histories/random.ts';
import type { Random } from '../../histories/random.ts';
import { forkedServer } from '../../support/forked-server.ts';
import type { ForkedServer } from '../../support/forked-server.ts';
import { saidBy } from '../resumable/services/owner-process.ts';
import { move } from './move.ts';
import type { Moved, Route } from './move.ts';
import { SAID } from './process.ts';
import type { ServingSpec } from './process.ts';
import type { SharedService } from './services.ts';

/** The settings of a run of moves. */
export interface MovesOptions {
  service: SharedService;
  /** The database is started again in each round of this number: 1: in each, 5: in each fifth. Default: in none. Needs a service that can. */
  restartEvery?: number;
  /** How many clients read a turn whose process is killed. */
  runs: number;
  /** How many words a turn has, one each 20 ms. A process is killed within the time that they take: on a busy machine, turns begin late. Default: 100. */
  words?: number;
  /** How many of them read at the same time, and lose the same process. */
  atOnce: number;
  /** How processes end. `SIGTERM`: they are told to, and hand over what they run. Default: `SIGKILL`. */
  signal?: 'SIGKILL' | 'SIGTERM';
  /** What becomes of turns whose process died. Default: `resume`. */
  onOwnerLost?: ServingSpec['onOwnerLost'];
  /** Whether the process to which the clients move is killed, too, at about the moment at which it finds their turns. Default: false. */
  killsFinder?: boolean;
  /** How long the lease of a turn is, in milliseconds. Default: that of the server. */
  leaseMs?: number;
  /** Whether the first kill waits until each client has its stream, however late a busy machine is. Default: false. */
  waits?: boolean;
  /** Decides when turns begin and when processes are killed. The machine decides the rest. */
  seed: number;
  /** Is told how many clients have ended. */
  onEnded?: (count: number) => void;
}

/** What all clients saw. */
export interface Moves {
  /** How many clients there were. */
  runs: number;
  /** How many processes were killed. */
  kills: number;
  /** How often the database was started again. */
  restarts: number;
  /** How often which end came, of turns with a session and of those without one. */
  ends: Record<string, number>;
  /** How many clients came back to the other server. */
  moved: number;
  /** How many sessions have a partial reply, which is what their clients saw. */
  kept: number;
  /** The times of {@link Moved} of those that came back, in milliseconds, of rounds without a restart of the database. */
  nextMs: number[];
  aliveMs: number[];
  /** The same of rounds with one. */
  restartedMs: number[];
  violations: string[];
}

const EVERY_MS = 20;

/** When a database is killed after the process whose turns it has, in milliseconds: what it had answered it has written by then. */
const KILLED_MS = [1_000, 8_000] as const;

/** When the turns of a dead process are found: after its lease, which its last append has renewed, and the grace. */
const FOUND_MS = [5_300, 6_300] as const;

/** Kills processes whose turns clients read, and looks at what the clients see of it. Half of the turns are turns of a session. */
export async function runMoves(options: MovesOptions): Promise<Moves> {
  const { service, runs, atOnce, seed, restartEvery = Infinity, signal = 'SIGKILL', onEnded } = options;
  const { onOwnerLost = 'resume', killsFinder = false, words = 100, waits = false, leaseMs } = options;
  const random = randomOf(seed);
  const lease = leaseMs === undefined ? {} : { leaseMs };
  const spec: ServingSpec = { service: service.spec, words, everyMs: EVERY_MS, onOwnerLost, ...lease };
  const start = (): Promise<ForkedServer> => forkedServer(new URL('process.ts', import.meta.url), spec);
  const all: Moves = {
    ...{ runs: 0, kills: 0, restarts: 0, ends: {}, moved: 0, kept: 0 },
    ...{ nextMs: [], aliveMs: [], restartedMs: [], violations: [] },
  };
  // How many are killed in a round.
  const dying = killsFinder ? 2 : 1;
  const servers = await Promise.all(Array.from({ length: dying + 1 }, start));
  try {
    while (all.runs < runs) {
      const count = Math.min(atOnce, runs - all.runs);
      const restart = (all.kills / dying + 1) % restartEvery === 0 ? service.restart : undefined;
      const round = { words, count, first: all.runs, random, restart, signal, waits };
      const clients = await killed(servers, round);
      servers.splice(0, dying);
      for (const [at, client] of clients.entries()) add(all, client, all.runs + at, restart !== undefined);
      all.runs += count;
      all.kills += dying;
      if (restart !== undefined) all.restarts += 1;
      onEnded?.(all.runs);
      if (all.runs < runs) servers.push(...(await Promise.all(Array.from({ length: dying }, start))));
    }
  } finally {
    await Promise.all(servers.map((server) => server.kill()));
  }
  return all;
}

/** Whether the turn of a client is one of a session. */
const hasSession = (number: number): boolean => number % 2 === 0;

/** One process and its clients. */
interface Round {
  words: number;
  count: number;
  /** The number of the first client. */
  first: number;
  random: Random;
  restart: SharedService['restart'];
  signal: NonNullable<MovesOptions['signal']>;
  waits: boolean;
}

/** Lets clients read from the first server, kills it at a random moment, and later all others but the last, and waits for their ends. */
async function killed(
  servers: readonly ForkedServer[],
  { words, count, first, random, restart, signal, waits }: Round,
): Promise<Moved[]> {
  const route: Route = { url: servers[0]?.url ?? '', killedAt: undefined };
  // Turns begin one after the other, so that the kill meets each of them at another place: also before the first token.
  const killAfterMs = between(random, 0, words * EVERY_MS);
  const whole = saidBy(SAID, words);
  const restarted = restartOnce(restart, killAfterMs, random);
  const begun = Array.from({ length: count }, () => Promise.withResolvers<void>());
  const clients = begun.map(async ({ resolve }, at) => {
    await delay(random() * killAfterMs);
    const conversation = hasSession(first + at) ? crypto.randomUUID() : undefined;
    return move(route, { whole, conversation, onOpen: resolve });
  });
  const all = Promise.all(clients);
  let afterMs = killAfterMs;
  for (const [at, server] of servers.slice(0, -1).entries()) {
    await delay(afterMs);
    if (waits) await Promise.all(begun.map(({ promise }) => promise));
    route.killedAt ??= performance.now();
    route.url = servers[at + 1]?.url ?? '';
    server.process.kill(signal);
    afterMs = between(random, ...FOUND_MS);
  }
  const moved = await all;
  await Promise.all(servers.slice(0, -1).map((server) => server.kill()));
  await restarted;
  return moved;
}

/** Starts the database again: before the process is killed, as an operator does, or killed some time after it. */
async function restartOnce(
  restart: SharedService['restart'],
  killAfterMs: number,
  random: Random,
): Promise<void> {
  if (restart === undefined) return;
  const isBefore = random() < 0.5;
  const [from, to] = KILLED_MS;
  await delay(isBefore ? random() * killAfterMs : killAfterMs + between(random, from, to));
  await restart(isBefore ? 'shut down' : 'killed');
}

function add(all: Moves, client: Moved, number: number, hasRestarted: boolean): void {
  const end = `${hasSession(number) ? 'session' : 'no session'}: ${client.end}`;
  all.ends[end] = (all.ends[end] ?? 0) + 1;
  if (client.hasMoved) all.moved += 1;
  if (client.isKept) all.kept += 1;
  if (client.nextMs !== undefined) (hasRestarted ? all.restartedMs : all.nextMs).push(client.nextMs);
  if (client.aliveMs !== undefined && !hasRestarted) all.aliveMs.push(client.aliveMs);
  all.violations.push(...client.violations.map((violation) => `client ${number}: ${violation}`));
}
