/**
 * A pipeline behind HTTP, server-sent events and WebSocket.
 *
 * @module
 */
export { createServer } from './create-server.ts';
export type { SluiceServer } from './create-server.ts';
export { defineConfig } from './config.ts';
export type { ServeConfig } from './config.ts';
export type { Auth, Authenticate, Credentials } from './callers/auth.ts';
export { RequestCaller, RequestContext } from './callers/caller.ts';
export type { Caller, CallerLimits } from './callers/caller.ts';
export type { TicketStore } from './callers/tickets.ts';
export type { Begun, CallerCounter, CountedLimits, Spent } from './callers/counter.ts';
export type { ServerOptions } from './http/options.ts';
export type { PipelineEntry, Pipelines } from './http/pipelines.ts';
export type { ServerApp, ServerContext, ServerEnv } from './http/service.ts';
export type { Listening, ListenOptions } from './node/listen.ts';
export { RequestError } from './requests/request-error.ts';
export type { RequestErrorDetails } from './requests/request-error.ts';
export type { Encoder, EncoderOptions, ErrorBody, Format, Frame } from './formats/format.ts';
export { agentFormat } from './formats/agent.ts';
export { sluiceFormat } from './formats/sluice.ts';
export type { FormatName } from './send/formats.ts';
export type { NodeResponse } from './send/node-sink.ts';
export type { SocketLike } from './send/socket-sink.ts';
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
