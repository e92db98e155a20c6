/**
 * What keeps the chunks of resumable streams: the contract of a chunk log, and the one in memory.
 *
 * @module
 */
export type {
  Appended,
  ChunkLog,
  Entry,
  LoggedStart,
  Opened,
  OpenedOwner,
  OpenOptions,
  Page,
  ReadOptions,
  SentReset,
  SnapshotRun,
  StreamKey,
  StreamLease,
  UnownedOptions,
} from './log/chunk-log.ts';
export { snapshotOf } from './log/snapshot.ts';
export { memoryLog } from './log/memory-log.ts';
export type { MemoryLogOptions } from './log/memory-log.ts';
export type { SentChunk, SentEnd } from './stream/parts.ts';
