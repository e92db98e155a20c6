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
export { agentFormat } from './formats/agent.ts';
export { sluiceFormat } from './formats/sluice.ts';
export type { FormatName } from './http/formats.ts';
export type { NodeResponse } from './http/node-sink.ts';
export type { SocketLike } from './http/socket-sink.ts';
export { pipeToNode, pipeToWebSocket, sseResponse } from './sse.ts';
export type { Sendable, SendOptions, SseOptions } from './sse.ts';
export { liveStream } from './stream/live.ts';
export type { PipelineStream } from './stream/live.ts';
export type { SentItem, SentStream } from './stream/sent-stream.ts';
export type { SentChunk, SentError, SentEnd, SentStart } from './stream/parts.ts';
export { resumable } from './resumable/resumable.ts';
export type {
  ReadAnswer,
  Resumable,
  ResumableRunOptions,
  ResumableStream,
  StopAnswer,
} from './resumable/resumable.ts';
export type { OnOwnerLost, ResumableOptions, RunOptions } from './resumable/options.ts';
