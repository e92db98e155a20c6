import * as z from 'zod';
import { newId, option, parseOptions } from '../src/kit/index.ts';
import type { EncoderOptions, Format } from './formats/format.ts';
import { formatOf } from './send/formats.ts';
import type { FormatName } from './send/formats.ts';
import type { NodeResponse } from './send/node-sink.ts';
import { Sending } from './send/sending.ts';
import type { SocketLike } from './send/socket-sink.ts';
import { liveStream } from './stream/live.ts';
import type { PipelineStream } from './stream/live.ts';
import type { SentStream } from './stream/sent-stream.ts';

/** What can be sent: the stream of an execution, or one that a server has made of it. */
export type Sendable = PipelineStream | SentStream;

/** How a stream is sent to a client. */
export interface SendOptions {
  /** The protocol. Default: `sluice`. */
  format?: FormatName | Format | undefined;
  /** What the encoder has to know about the request. */
  encoder?: EncoderOptions | undefined;
  /** The id of the stream, which its client is told. Default: a random one. */
  id?: string | undefined;
  /** The server's id of the request, for errors. Default: a random one. */
  requestId?: string | undefined;
  /** More headers of the response. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** The client has everything up to this event: the header `Last-Event-ID` as it came. */
  lastEventId?: string | undefined;
  /**
   * What the ids of events end with, such as `@turn-1`: an `EventSource` comes back with the last one and the same address, which does not name the stream. It begins with `@`, and has
   * no line breaks. Default: nothing.
   */
  idSuffix?: string | undefined;
  /**
   * How long the status waits for the first chunk, in milliseconds. An error that comes before has a status of its own; after that the headers are sent, and errors are
   * events. Default: 5,000.
   */
  statusWaitMs?: number | undefined;
  /** The longest silence before a heartbeat is sent, in milliseconds. Default: 8,000. */
  heartbeatMs?: number | undefined;
  /** How long a client that does not keep up has to take what waits for it, in milliseconds, before it is cut off. Default: 30,000. */
  slowClientMs?: number | undefined;
  /** How often the client says that it has sent this request before. Default: 0. */
  retries?: number | undefined;
}

/** Options of {@link sseResponse}. */
export interface SseOptions extends SendOptions {
  /** The signal of the request: the client has left, also before the headers were sent. */
  signal?: AbortSignal | undefined;
}

const sendSchema = z.strictObject({
  format: z.unknown().optional(),
  encoder: z.unknown().optional(),
  id: z.string().min(1).optional(),
  requestId: z.string().min(1).optional(),
  headers: z.record(z.string(), z.string()).optional(),
  lastEventId: z.string().optional(),
  idSuffix: z
    .string()
    .regex(/^@[\w.!~*'()%-]+$/, 'give @ and a text as encodeURIComponent() makes it')
    .optional(),
  statusWaitMs: option.timerMs().default(5_000),
  heartbeatMs: option.timerMs().min(1).default(8_000),
  slowClientMs: option.timerMs().default(30_000),
  retries: option.count(0).default(0),
  signal: z.instanceof(AbortSignal).optional(),
});

/**
 * The stream as a response of server-sent events. Resolves with its headers when the first chunk is there, or after `statusWaitMs`; an error before that is an answer with its
 * status, in the words of the format. A client that leaves cancels the execution; one that is slow slows it down, and is cut off after `slowClientMs`.
 *
 * Throws `invalid_options`, and `invalid_request` for a `lastEventId` that is not one.
 *
 * @example
 * app.post('/chat', async (c) => {
 *   const stream = pipeline.executeStream('user', await c.req.text());
 *   return sseResponse(stream, { format: 'agent', signal: c.req.raw.signal });
 * });
 */
export async function sseResponse(stream: Sendable, options: SseOptions = {}): Promise<Response> {
  return sendingOf('sseResponse()', stream, options).respond(options.signal);
}

/**
 * Sends the stream over a response of Node, as server-sent events: `node:http`, Express, Fastify (`reply.raw`, after `reply.hijack()`). Each event is one write. It is
 * {@link sseResponse} in all else. Resolves when everything is sent or the client has left; never rejects for what becomes of the stream.
 *
 * @example
 * http.createServer((request, response) => pipeToNode(pipeline.executeStream('user', 'Hello'), response));
 */
export async function pipeToNode(
  stream: Sendable,
  response: NodeResponse,
  options: SendOptions = {},
): Promise<void> {
  await sendingOf('pipeToNode()', stream, options).toNode(response);
}

/**
 * Sends the stream over a WebSocket, one message an event: `{ stream, id, item }`, where `item` is the event, and `stream` says which one it is, since a socket may carry several. In
 * the format `agent` the fields of the event stand beside `stream` and `id`. The socket stays open. Resolves when everything is sent or the socket has closed; a close cancels the execution.
 *
 * @example
 * sockets.on('connection', (socket) => socket.on('message', (text) => pipeToWebSocket(pipeline.executeStream('user', String(text)), socket)));
 */
export async function pipeToWebSocket(
  stream: Sendable,
  socket: SocketLike,
  options: SendOptions = {},
): Promise<void> {
  await sendingOf('pipeToWebSocket()', stream, options).toSocket(socket);
}

/** Checks the options of a function and fills in what they leave out. */
function sendingOf(what: string, stream: Sendable, options: SseOptions): Sending {
  const settings = parseOptions(what, sendSchema, options);
  const id = settings.id ?? newId();
  return new Sending(isSent(stream) ? stream : liveStream(stream, { turnId: id }), {
    ...settings,
    id,
    requestId: settings.requestId ?? newId(),
    headers: settings.headers ?? {},
    format: formatOf(options.format ?? 'sluice'),
    encoder: options.encoder ?? {},
  });
}

function isSent(stream: Sendable): stream is SentStream {
  return !('read' in stream);
}
