import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { Pipeline } from '../../../../src/index.ts';
import type { StateStore } from '../../../../src/index.ts';
import { resumable } from '../../../../server/index.ts';
import type { ChunkLog } from '../../../../server/chunk-log.ts';
import type { Resumable, ResumableOptions, SentEnd } from '../../../../server/index.ts';
import { endsWithUs } from '../../../support/ends-with-us.ts';
import { until } from '../../../support/redis-servers.ts';
import { reading } from '../stage.ts';
import type { Reading } from '../stage.ts';
import { saidBy, talks } from './owner-process.ts';
import type { OwnerSpec } from './owner-process.ts';
import { openService } from './service.ts';
import type { ServiceSpec } from './service.ts';

export const LEASE_MS = 1_000;
export const GRACE_MS = 200;
export const OWNER = 'ada';
/** So many words that a turn never ends by itself while a test runs, however long the test takes. */
export const ENDLESS = 100_000;

/** A process that runs a turn. */
export interface OwnerProcess {
  readonly process: ChildProcess;
  readonly key: { owner: string; id: string };
  /** How many chunks of its stream it has got, and its start. */
  readonly got: number;
  /** How its stream has ended. */
  readonly end: SentEnd | undefined;
  kill(signal: NodeJS.Signals): void;
  /** Lets its model say its last word, if `waits` is set. */
  finish(): void;
  /** Resolves when it has ended. */
  gone(): Promise<void>;
}

const ENTRY = fileURLToPath(new URL('owner-process.ts', import.meta.url));

/** Starts a process that runs a turn. Resolves when its stream is open. */
export async function ownerProcess(
  given: Partial<OwnerSpec> & { service: ServiceSpec },
): Promise<OwnerProcess> {
  const turnId = crypto.randomUUID();
  const spec: OwnerSpec = {
    ...{ leaseMs: LEASE_MS, graceMs: GRACE_MS, owner: OWNER, turnId },
    ...{ name: 'a', words: ENDLESS, everyMs: 10, firstMs: 0 },
    ...given,
  };
  const child = endsWithUs(
    fork(ENTRY, [JSON.stringify(spec)], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  const owner: { got: number; end: SentEnd | undefined } = { got: 0, end: undefined };
  const gone = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  child.on('message', (said: { end?: SentEnd }) => {
    owner.got++;
    owner.end ??= said.end;
  });
  const reader = await openService(spec.service);
  onTestFinished(() => reader[Symbol.asyncDispose]());
  await until(
    async () => (await reader.log.read({ owner: OWNER, id: spec.turnId }, { after: 0 })) !== undefined,
  );
  return {
    process: child,
    key: { owner: OWNER, id: spec.turnId },
    get got() {
      return owner.got;
    },
    get end() {
      return owner.end;
    },
    kill: (signal) => void child.kill(signal),
    finish: () => void child.send('finish'),
    gone: () => gone,
  };
}

/** A process that serves readers: this one, with connections of its own. Its model says 20 words that begin with `name`. */
export interface Server {
  readonly runs: Resumable;
  readonly log: ChunkLog;
  readonly store: StateStore;
}

export async function server(
  service: ServiceSpec,
  name: string,
  options: Partial<ResumableOptions> = {},
): Promise<Server> {
  const { log, store, ...open } = await openService(service);
  const pipeline = new Pipeline([talks({ name, words: 20, everyMs: 5, firstMs: 0 })], { store });
  const runs = resumable(pipeline, { log, leaseMs: LEASE_MS, graceMs: GRACE_MS, ...options });
  onTestFinished(async () => {
    await runs.close({ signal: AbortSignal.abort() });
    await open[Symbol.asyncDispose]();
  });
  return { runs, log, store };
}

/** Reads a stream that must be there. */
export async function readingOf({ runs }: Server, key: { owner: string; id: string }): Promise<Reading> {
  const answer = await runs.read(key);
  if (answer.as !== 'stream') throw new Error(`expected a stream, got ${answer.as}`);
  return reading(answer.stream);
}

/** Waits until readers have some words each. */
export async function words(readers: readonly Reading[], count = 5): Promise<void> {
  await until(async () => readers.every(({ text }) => text.split(' ').length > count));
}

/** That the chunks of a reader have every index once. */
export function expectDense({ items }: Reading): void {
  const chunks = items.flatMap((item) => (item.type === 'chunk' ? [item.chunk.index] : []));
  expect(chunks).toEqual(chunks.map((_, at) => at));
}

export const resetsOf = ({ items }: Reading): number =>
  items.filter((item) => item.type === 'chunk' && item.chunk.type === 'reset').length;

export { delay, saidBy, until };
