import assert from 'node:assert/strict';

import { isSluiceError } from '../../src/index.ts';
import type { ErrorCode } from '../../src/index.ts';
import type {
  ChunkLog,
  LoggedStart,
  Opened,
  OpenedOwner,
  OpenOptions,
  Page,
  SentChunk,
  SentEnd,
  StreamKey,
  StreamLease,
} from '../../server/chunk-log.ts';
import { eventually } from '../store/stage.ts';
import type { ChunkLogContractOptions } from './contract.ts';

/** Options of a log that the contract asks for. */
export interface MadeLogOptions {
  ttlMs?: number;
  maxStreamBytes?: number;
}

/** What a case about chunk logs works with. */
export interface LogStage {
  readonly log: ChunkLog;
  /** A second log over the same data; the same log if there is none. */
  readonly other: ChunkLog;
  /** An owner that no other case uses. */
  readonly owner: string;
  /** A second owner that no other case uses. */
  readonly stranger: string;
  /** A stream of the owner. */
  key(id?: string): StreamKey;
}

/** Runs a case on a new log, and cleans up after it. */
export async function onLog(
  options: Omit<ChunkLogContractOptions, 'test'>,
  given: MadeLogOptions | undefined,
  act: (stage: LogStage) => Promise<void>,
): Promise<void> {
  const log = await options.makeLog(given ?? {});
  const other = (await options.another?.(log)) ?? log;
  const owner = `owner-${crypto.randomUUID()}`;
  const stranger = `stranger-${crypto.randomUUID()}`;
  try {
    await act({ log, other, owner, stranger, key: (id = 'turn') => ({ owner, id }) });
    await log.forget(owner);
    await log.forget(stranger);
  } finally {
    if (other !== log) await other.close();
    await log.close();
  }
}

/** A lease that is not over while a case runs. */
export const LONG_MS = 60_000;
/** A lease that is soon over. */
export const TINY_MS = 30;

/** How a stream ends. */
export const done: SentEnd = { outcome: 'completed', finishReason: 'stop', by: 'owner' };

/** How somebody ends a stream whose owner is gone. */
export const lost: SentEnd = {
  outcome: 'failed',
  error: { code: 'lease_lost', message: 'The session was taken over.', retryable: false },
  by: 'finder',
};

/** Chunks of text, to append after `from` chunks. */
export function texts(from: number, ...contents: string[]): SentChunk[] {
  return contents.map((content, at) => ({ type: 'content', content, call: 1, index: from + at }));
}

/** The start of a stream. */
export function startOf(key: StreamKey, more: Partial<LoggedStart> = {}): LoggedStart {
  return { turnId: key.id, fingerprint: 'what was asked', ...more };
}

/** Opens a stream and asserts that the caller owns it. */
export async function own(
  log: ChunkLog,
  key: StreamKey,
  options: Partial<OpenOptions> = {},
): Promise<OpenedOwner> {
  return ownerOf(await log.open(key, startOf(key), { leaseMs: LONG_MS, ...options }));
}

/** Asserts that an open gave the stream to the caller. */
export function ownerOf(opened: Opened): OpenedOwner {
  assert.equal(opened.as, 'owner');
  assert.ok(opened.as === 'owner');
  return opened;
}

/** Takes over a stream as soon as its lease is over. */
export async function takenOver(log: ChunkLog, key: StreamKey, leaseMs = LONG_MS): Promise<OpenedOwner> {
  return eventually(async () => {
    const opened = await log.open(key, startOf(key), { leaseMs, takeOver: true });
    return opened.as === 'owner' ? opened : undefined;
  });
}

/** Waits until the lease of a stream is over, by its log's clock. */
export async function leaseOver(log: ChunkLog, key: StreamKey): Promise<void> {
  await eventually(async () => ((await pageOf(log, key)).leaseLeftMs <= 0 ? true : undefined));
}

/** Opens a stream and appends texts to it, each by itself. */
export async function written(log: ChunkLog, key: StreamKey, ...contents: string[]): Promise<StreamLease> {
  const { held } = await own(log, key);
  for (const [at, content] of contents.entries()) await log.append(held, at, texts(at, content));
  return held;
}

/** Reads a page and asserts that the stream is there. */
export async function pageOf(log: ChunkLog, key: StreamKey, after = 0, most?: number): Promise<Page> {
  const page = await log.read(key, most === undefined ? { after } : { after, most });
  assert.ok(page !== undefined, 'the log does not have the stream');
  return page;
}

/** All chunks after `after` of them, page by page. */
export async function chunksAfter(
  log: ChunkLog,
  key: StreamKey,
  after: number,
  most?: number,
): Promise<SentChunk[]> {
  const chunks: SentChunk[] = [];
  for (;;) {
    const at = after + chunks.length;
    const { entries, next } = await pageOf(log, key, at, most);
    for (const { from, chunks: more } of entries) chunks.push(...more.slice(Math.max(0, at - from)));
    if (after + chunks.length >= next || entries.length === 0) return chunks;
  }
}

/** The texts of a stream. */
export async function textOf(log: ChunkLog, key: StreamKey, after = 0, most?: number): Promise<string[]> {
  return (await chunksAfter(log, key, after, most)).map((chunk) =>
    chunk.type === 'content' ? chunk.content : chunk.type,
  );
}

/** Asserts that a promise rejects with a `SluiceError` of this code. */
export async function refused(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error: unknown = await promise.then(
    (value) => value,
    (thrown: unknown) => thrown,
  );
  assert.ok(isSluiceError(error), `expected a SluiceError with code ${code}, got ${String(error)}`);
  assert.equal(error.code, code, `expected ${code}, got ${error.code}: ${error.message}`);
}
