/**
 * A pipeline behind HTTP, server-sent events and WebSocket.
 *
 * @module
 */
export type { Encoder, EncoderOptions, ErrorBody, Format, Frame } from './formats/format.ts';
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
  StreamKey,
  StreamLease,
} from './log/chunk-log.ts';
export { memoryLog } from './log/memory-log.ts';
export type { MemoryLogOptions } from './log/memory-log.ts';
export type { SentChunk, SentError, SentEnd, SentStart } from './stream/parts.ts';
