import * as z from 'zod';
import { onAbort, option, parseOptions } from '../src/kit/index.ts';
import { sentError } from './formats/errors.ts';
import type { EncoderOptions, ErrorBody, Format } from './formats/format.ts';
import { parseCursor } from './stream/cursor.ts';
import type { Cursor } from './stream/cursor.ts';
import { EventFold } from './stream/event-fold.ts';
import { formatOf } from './send/formats.ts';
import type { FormatName } from './send/formats.ts';
import {
  EVENT_STREAM_HEADERS,
  REQUEST_ID_HEADER,
  STREAM_ID_HEADER,
  modelHeader,
  streamIdText,
} from './send/headers.ts';
import { nodeSink } from './send/node-sink.ts';
import type { NodeResponse } from './send/node-sink.ts';
import { openStream } from './send/opening.ts';
import type { Opening } from './send/opening.ts';
import { sendStream } from './send/send-stream.ts';
import type { Sink } from './send/send-stream.ts';
import { socketSink } from './send/socket-sink.ts';
import type { SocketLike } from './send/socket-sink.ts';
import { webSink } from './send/web-sink.ts';
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
  const sending = new Sending('sseResponse()', stream, options);
  const { signal } = options;
  using _listening = signal && onAbort(signal, () => sending.leave());
  const opening = await sending.open();
  if (opening.error !== undefined) {
    const { status, headers, body } = sending.refusal(opening);
    return Response.json(body, { status, headers });
  }
  const { sink, body } = webSink(sending.format.heartbeat, () => sending.leave());
  void sendStream(sending.stream, opening, sending.fold, sending.named(sink), sending.settings);
  return new Response(body, { headers: sending.headers });
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
  const sending = new Sending('pipeToNode()', stream, options);
  const leave = (): void => sending.leave();
  response.on('close', leave);
  try {
    const opening = await sending.open();
    if (response.destroyed) return;
    if (opening.error !== undefined) {
      const { status, headers, body } = sending.refusal(opening);
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(body));
      return;
    }
    response.writeHead(200, sending.headers);
    await sendStream(
      sending.stream,
      opening,
      sending.fold,
      sending.named(nodeSink(response, sending.format.heartbeat)),
      sending.settings,
    );
  } finally {
    response.off('close', leave);
  }
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
  // There is no status to wait for.
  const sending = new Sending('pipeToWebSocket()', stream, { ...options, statusWaitMs: 0 });
  const leave = (): void => sending.leave();
  socket.addEventListener('close', leave);
  try {
    await sendStream(
      sending.stream,
      { items: [] },
      sending.fold,
      sending.named(socketSink(socket, sending.id, sending.format.name === 'agent')),
      sending.settings,
    );
  } finally {
    socket.removeEventListener('close', leave);
  }
}

/** One stream on its way to one client. */
class Sending {
  readonly stream: SentStream;
  readonly format: Format;
  readonly fold: EventFold;
  readonly id: string;
  readonly settings: { statusWaitMs: number; heartbeatMs: number; slowClientMs: number };
  readonly #idSuffix: string | undefined;
  readonly #requestId: string;
  readonly #retries: number;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(what: string, stream: Sendable, options: SseOptions) {
    const settings = parseOptions(what, sendSchema, options);
    const after: Cursor | undefined =
      settings.lastEventId === undefined ? undefined : parseCursor(settings.lastEventId);
    this.settings = settings;
    this.id = settings.id ?? crypto.randomUUID();
    this.stream = isSent(stream) ? stream : liveStream(stream, { turnId: this.id });
    this.format = formatOf(options.format ?? 'sluice');
    this.fold = new EventFold(this.format, options.encoder ?? {}, after);
    this.#idSuffix = settings.idSuffix;
    this.#requestId = settings.requestId ?? crypto.randomUUID();
    this.#retries = settings.retries;
    this.#headers = settings.headers ?? {};
  }

  get headers(): Record<string, string> {
    const { requestIdHeader } = this.format;
    return {
      ...EVENT_STREAM_HEADERS,
      ...(requestIdHeader !== undefined && { [requestIdHeader]: this.#requestId }),
      [STREAM_ID_HEADER]: streamIdText(this.id),
      [REQUEST_ID_HEADER]: this.#requestId,
      ...modelHeader(this.stream.model),
      ...this.format.headers,
      ...this.#headers,
    };
  }

  /** The sink, with the ids that the client is to have. */
  named(sink: Sink): Sink {
    const suffix = this.#idSuffix;
    if (suffix === undefined) return sink;
    return { ...sink, event: (frame, id) => sink.event(frame, id === undefined ? id : id + suffix) };
  }

  async open(): Promise<Opening> {
    try {
      return await openStream(this.stream, this.settings.statusWaitMs);
    } catch (error) {
      return { items: [], error: sentError(error) };
    }
  }

  /** The answer in place of the stream. */
  refusal({ error }: Opening): ErrorBody {
    this.leave();
    const { status, headers, body } = this.format.error(
      error ?? sentError(undefined),
      this.#requestId,
      this.#retries,
    );
    return { status, body, headers: { [REQUEST_ID_HEADER]: this.#requestId, ...this.#headers, ...headers } };
  }

  /** The client has left, or gets an error in place of the stream. */
  leave(): void {
    this.stream.close().catch(() => undefined);
  }
}

function isSent(stream: Sendable): stream is SentStream {
  return !('read' in stream);
}
