import { SluiceError } from 'sluice';
import type { ChunkLog, OpenedOwner, StreamKey, StreamLease } from '../../../server/chunk-log.ts';
import type { SentChunk } from '../../../server/index.ts';
import { until } from '../../support/redis-servers.ts';

/** How a stream ends. */
export const done = { outcome: 'completed' } as const;

/** How somebody ends a stream whose owner is gone. */
export const lost = { outcome: 'failed', by: 'finder' } as const;

/** Chunks of text, to append after `from` chunks. */
export function texts(from: number, ...contents: string[]): SentChunk[] {
  return contents.map((content, at) => ({ type: 'content', content, call: 1, index: from + at }));
}

/** Opens a stream that nobody else has. */
export async function own(log: ChunkLog, key: StreamKey, leaseMs = 60_000): Promise<OpenedOwner> {
  const opened = await log.open(key, { turnId: key.id }, { leaseMs });
  if (opened.as !== 'owner') throw new Error(`Expected the owner, got ${opened.as}.`);
  return opened;
}

/** The texts that the log has. */
export async function textsOf(log: ChunkLog, key: StreamKey): Promise<string[]> {
  const page = await log.read(key, { after: 0, most: 10_000 });
  return (page?.entries ?? []).flatMap(({ chunks }) =>
    chunks.map((chunk) => (chunk.type === 'content' ? chunk.content : chunk.type)),
  );
}

/** Does something again until it does not fail with `store`, as whoever runs a turn does. Says how often it failed. */
export async function insisting<T>(act: () => Promise<T>): Promise<{ value: T; failures: number }> {
  let failures = 0;
  let value: { it: T } | undefined;
  await until(async () => {
    try {
      value = { it: await act() };
      return true;
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== 'store' || !error.retryable) throw error;
      failures++;
      return false;
    }
  });
  if (value === undefined) throw new Error('It never succeeded.');
  return { value: value.it, failures };
}

/** Appends one chunk after another as an owner does: again if the log fails, and from where it says. Returns how many it had to give again. */
export async function appendAll(log: ChunkLog, held: StreamLease, from: number, to: number): Promise<number> {
  let again = 0;
  for (let at = from; at < to;) {
    const { value } = await insisting(() => log.append(held, at, texts(at, `${at}`)));
    again += Math.max(0, at - value.next);
    at = value.next;
  }
  await insisting(() => log.append(held, to, [], done));
  return again;
}

/** Counts how often it is woken. */
export class Waiter {
  wakes = 0;
  readonly end: () => void;

  constructor(log: ChunkLog, key: StreamKey, what: 'chunks' | 'stop') {
    this.end = log.watch(key, what, () => (this.wakes += 1));
  }

  /** Waits until it is woken. */
  async woken(): Promise<void> {
    const { wakes } = this;
    await until(async () => this.wakes > wakes);
  }
}
