import { isDeepStrictEqual } from 'node:util';

import { provider } from '../../middleware/provider.ts';
import { retry } from '../../middleware/retry.ts';
import { timeout } from '../../middleware/timeout.ts';
import { isSluiceError, Pipeline, type ErrorCode } from '../../src/index.ts';
import { constant } from '../../src/kit/index.ts';
import type { Gate } from '../../testing/manual-gate.ts';
import type { FaultConnection } from '../../testing/upstream/connections.ts';
import type { Fault, FaultResponse } from '../../testing/upstream/fault-response.ts';
import type { FaultServer } from '../../testing/upstream/fault-server.ts';
import { CODES } from '../support/frames.ts';
import { accountOf, type Account } from './account.ts';
import type { FaultKind } from './cell.ts';
import { GARBAGE } from './garbage.ts';
import { inParallel, providerOf, strayRequests, type Network } from './stage.ts';
import { subject, type Subject } from './subject.ts';
import { SUBJECTS } from './subjects.ts';

/** How many executions run at the same time, besides slow readers. */
const WIDTH = 50;

/** What a soak is made of. */
export interface SoakOptions {
  /** Decides all that is random. */
  readonly seed: number;
  readonly executions: number;
  readonly network: Network;
  /** The faults of single responses. */
  readonly kinds: readonly Exclude<FaultKind, 'stall'>[];
  /** Over HTTP/2: whether the server also ends connections with all their streams, and changes their settings. */
  readonly harmsConnections?: boolean;
}

/** One execution of the soak. */
interface Job {
  readonly key: string;
  readonly recorded: Subject;
  /** The faults of its requests, in order. Further requests have none. */
  readonly faults: readonly (Fault | undefined)[];
  /** Its caller aborts it after this many chunks, or when it stalls. */
  readonly abortAt: number | undefined;
  /** Its consumer pauses after this many chunks, until all other executions are done. */
  readonly pauseAt: number | undefined;
}

/** Random numbers in [0, 1) from a seed: mulberry32 (T. Ettinger, public domain). */
function randomOf(seed: number): () => number {
  let state = seed;
  return function random() {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function jobsOf(
  { executions, kinds }: SoakOptions,
  random: () => number,
  stalled: (key: string) => void,
): Job[] {
  const subjects = SUBJECTS.map(({ wire, name }) => subject(wire, name));
  const upTo = (count: number): number => Math.floor(random() * count);
  return Array.from({ length: executions }, (_, at) => {
    const recorded = subjects[upTo(subjects.length)] ?? subjects[0];
    if (recorded === undefined) throw new Error('There are no recordings.');
    const key = `job-${at}.`;
    const aborted = at % 5 === 0;
    const faults = Array.from({ length: upTo(4) }, () => faultOf());
    // Only executions that are aborted may stall, because nothing else but time would end them.
    if (aborted) faults.push({ kind: 'stall', at: { byte: byte() }, gate: async () => stalled(key) });
    return {
      key,
      recorded,
      faults,
      abortAt: aborted ? upTo(12) : undefined,
      pauseAt: at % 10 === 1 ? 1 + upTo(6) : undefined,
    };

    function byte(): number {
      return upTo(recorded === undefined ? 0 : recorded.terminalAt);
    }
    function faultOf(): Fault | undefined {
      const data = GARBAGE[upTo(GARBAGE.length)]?.bytes ?? 1;
      // Half of the faults come before any chunk, so that the request is retried.
      const at = random() < 0.5 ? ('headers' as const) : { byte: byte() };
      // Where streams share a connection, it is not ended here: without headers, nothing else but a reset ends a stream alone.
      const resets = at === 'headers' && kinds.includes('reset');
      const kind = resets ? 'reset' : (kinds[upTo(kinds.length)] ?? 'fin');
      // The last code asks for HTTP/1.1.
      if (kind === 'reset') return { kind, at, code: upTo(CODES.length - 1) };
      return kind === 'garbage' ? { kind, at, data } : { kind, at };
    }
  });
}

/** What may happen to a connection in the middle of a response, whatever else it carries. */
const HARM: readonly ((connection: FaultConnection, random: () => number) => void)[] = [
  (connection) => connection.end('rst'),
  (connection) => connection.end('fin'),
  // It only announces that the connection will end.
  (connection) => connection.goaway({ lastStreamId: 2 ** 31 - 1 }),
  // It refuses what has not arrived yet.
  (connection) => connection.goaway(),
  function changeSettings(connection, random) {
    const maxConcurrentStreams = 1 + Math.floor(random() * 30);
    // The connection may be closed before the client has acknowledged them.
    connection.settings({ maxConcurrentStreams }).catch(() => undefined);
  },
];

/** Harms the connection of one response in eight, before one of its first events. */
function harmOf(connection: FaultConnection, random: () => number): Gate | undefined {
  if (random() >= 1 / 8) return undefined;
  const at = Math.floor(random() * 8);
  const harm = HARM[Math.floor(random() * HARM.length)];
  return (event) => {
    if (event === at) harm?.(connection, random);
  };
}

/** The error codes a job may fail with. */
const EXPECTED: readonly ErrorCode[] = ['network', 'truncated', 'protocol'];

function problemsOf({ recorded, abortAt, key }: Job, account: Account): string[] {
  const { reading } = recorded;
  const { text, thinking, toolCalls, done, result, error, after } = account;
  const problems: string[] = [];
  const codes = abortAt === undefined ? EXPECTED : [...EXPECTED, 'aborted' as const];
  if (done.length + (error === undefined ? 0 : 1) !== 1 || after === 'a chunk')
    problems.push('not one outcome');
  if (result !== (error ?? 'resolved')) problems.push('the result differs from the stream');
  if (error !== undefined && !(isSluiceError(error) && codes.includes(error.code)))
    problems.push(String(error));
  const partial = isSluiceError(error) ? (error.partial?.content ?? '-') : text;
  // Chunks that had arrived but were not read before the abort are only in the partial reply.
  const aborted = isSluiceError(error) && error.code === 'aborted';
  if (aborted ? !partial.startsWith(text) || !reading.text.startsWith(partial) : partial !== text) {
    problems.push(`partial is ${JSON.stringify(partial)}, delivered was ${JSON.stringify(text)}`);
  }
  if (!reading.text.startsWith(text) || !reading.thinking.startsWith(thinking))
    problems.push('text is wrong');
  if (!isDeepStrictEqual(toolCalls, reading.toolCalls.slice(0, toolCalls.length)))
    problems.push('calls are wrong');
  if (done.length === 1 && text !== reading.text) problems.push('completed without all text');
  return problems.map((problem) => `${recorded.name}, ${key} ${problem}`);
}

/** Runs the soak. Returns what went wrong, and how each execution ended. */
export async function soak(
  server: FaultServer,
  shared: AbortSignal,
  options: SoakOptions,
): Promise<{ problems: string[]; ends: string[] }> {
  const stalls = new Map<string, () => void>();
  const attempts = new Map<string, number>();
  const letGo = Promise.withResolvers<void>();
  const { seed, network, harmsConnections } = options;
  const random = randomOf(seed);
  const jobs = jobsOf(options, random, (key) => stalls.get(key)?.());
  const byKey = new Map(jobs.map((job) => [job.key, job]));
  const waits = { maxRetries: 3, backoff: constant(0), budget: false } as const;
  const limits = { firstChunkMs: 600_000, idleMs: 600_000, totalMs: 600_000 };
  const models = new Map(SUBJECTS.map(({ wire }) => [wire, providerOf(wire, server, network)]));
  const pipelines = new Map(
    [...models].map(([wire, model]) => [
      wire,
      new Pipeline([retry(waits), timeout(limits), provider(model)]),
    ]),
  );

  server.always(function answer(request): FaultResponse | undefined {
    const job = byKey.get(/job-\d+\./.exec(request.rawBody)?.[0] ?? '');
    if (job === undefined) return undefined;
    const attempt = attempts.get(job.key) ?? 0;
    attempts.set(job.key, attempt + 1);
    const fault = job.faults[attempt];
    const gate = harmsConnections === true ? harmOf(request.connection, random) : undefined;
    const split = { seed: seed + attempt, maxBytes: 900 };
    return { stream: job.recorded, split, ...(fault && { fault }), ...(gate && { gate }) };
  });

  const problems: string[] = [];
  const ends: string[] = [];
  const slow: Promise<void>[] = [];

  async function run(job: Job): Promise<void> {
    const own = new AbortController();
    // All executions that are not aborted share one signal that outlives them.
    const signal = job.abortAt === undefined ? shared : own.signal;
    const stop = (): void => own.abort();
    if (job.abortAt === 0) stop();
    stalls.set(job.key, stop);
    const stream = pipelines.get(job.recorded.wire)?.executeStream('user', job.key, { signal });
    if (stream === undefined) throw new Error('There is no pipeline.');
    const account = await accountOf(stream, (count) => {
      if (count === job.abortAt) stop();
      return count === job.pauseAt ? letGo.promise : undefined;
    });
    problems.push(...problemsOf(job, account));
    ends.push(isSluiceError(account.error) ? account.error.code : 'completed');
  }

  await inParallel(jobs, WIDTH, async function start(job) {
    if (job.pauseAt === undefined) await run(job);
    // Slow readers all wait until the other executions are done.
    else slow.push(run(job));
  });
  letGo.resolve();
  await Promise.all(slow);
  await server.idle();
  for (const pipeline of pipelines.values()) await pipeline.shutdown();
  for (const model of models.values()) await model.close?.();
  await server.socketsClosed();
  server.assertDrained();
  problems.push(...strayRequests(server, network, undefined));
  return { problems, ends };
}
