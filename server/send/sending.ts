import { onAbort } from '../../src/kit/index.ts';
import { sentError } from '../formats/errors.ts';
import type { EncoderOptions, ErrorBody, Format } from '../formats/format.ts';
import { parseCursor } from '../stream/cursor.ts';
import { EventFold } from '../stream/event-fold.ts';
import type { SentStream } from '../stream/sent-stream.ts';
import {
  EVENT_STREAM_HEADERS,
  REQUEST_ID_HEADER,
  STREAM_ID_HEADER,
  modelHeader,
  streamIdText,
} from './headers.ts';
import { NodeSink } from './node-sink.ts';
import type { NodeResponse } from './node-sink.ts';
import { openStream } from './opening.ts';
import type { Opening } from './opening.ts';
import { sendStream } from './send-stream.ts';
import { socketSink } from './socket-sink.ts';
import type { SocketLike } from './socket-sink.ts';
import { webSink } from './web-sink.ts';

/** How a stream is sent, with all defaults. */
export interface SendingSettings {
  format: Format;
  encoder: EncoderOptions;
  /** The id of the stream. */
  id: string;
  /** The server's id of the request. */
  requestId: string;
  /** More headers of the response. */
  headers: Readonly<Record<string, string>>;
  /** The client has everything up to this event. */
  lastEventId?: string | undefined;
  /** What the ids of events end with. */
  idSuffix?: string | undefined;
  statusWaitMs: number;
  heartbeatMs: number;
  slowClientMs: number;
  /** How often the client says that it has sent this request before. */
  retries: number;
}

/** One stream on its way to one client. The settings are taken as they are: whoever has them from a user checks them first. */
export class Sending {
  readonly #stream: SentStream;
  readonly #settings: SendingSettings;
  readonly #fold: EventFold;

  /** Throws `invalid_request` for a `lastEventId` that is not one. */
  constructor(stream: SentStream, settings: SendingSettings) {
    const { format, encoder, lastEventId } = settings;
    this.#stream = stream;
    this.#settings = settings;
    this.#fold = new EventFold(
      format,
      encoder,
      lastEventId === undefined ? undefined : parseCursor(lastEventId),
    );
  }

  /** Answers with a response, when its status is known. `signal`: that of the request. */
  async respond(signal: AbortSignal | undefined): Promise<Response> {
    const { format } = this.#settings;
    using _listening = signal && onAbort(signal, () => this.#leave());
    const opening = await this.#open();
    if (opening.error !== undefined) {
      const { status, headers, body } = this.#refusal(opening);
      return Response.json(body, { status, headers });
    }
    const { sink, body } = webSink(format.heartbeat, () => this.#leave());
    void sendStream(this.#stream, opening, this.#fold, sink, this.#settings);
    return new Response(body, { headers: this.#headers() });
  }

  /** Writes to a response of Node. Resolves when everything is sent or the client has left. Rejects only for headers that Node does not take. */
  async toNode(response: NodeResponse): Promise<void> {
    const leave = (): void => this.#leave();
    response.on('close', leave);
    try {
      const opening = await this.#open();
      if (response.destroyed) return;
      if (opening.error !== undefined) {
        const { status, headers, body } = this.#refusal(opening);
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(JSON.stringify(body));
        return;
      }
      response.writeHead(200, this.#headers());
      const sink = new NodeSink(response, this.#settings.format.heartbeat);
      await sendStream(this.#stream, opening, this.#fold, sink, this.#settings);
    } finally {
      response.off('close', leave);
    }
  }

  /** Writes to a WebSocket. Resolves as `toNode()` does. There is no status to wait for. */
  async toSocket(socket: SocketLike): Promise<void> {
    const { id, format } = this.#settings;
    const leave = (): void => this.#leave();
    socket.addEventListener('close', leave);
    const sink = socketSink(socket, id, format.name === 'agent');
    await sendStream(this.#stream, { items: [] }, this.#fold, sink, this.#settings);
    socket.removeEventListener('close', leave);
  }

  #headers(): Record<string, string> {
    const { format, id, requestId, headers } = this.#settings;
    return {
      ...EVENT_STREAM_HEADERS,
      ...(format.requestIdHeader !== undefined && { [format.requestIdHeader]: requestId }),
      [STREAM_ID_HEADER]: streamIdText(id),
      [REQUEST_ID_HEADER]: requestId,
      ...modelHeader(this.#stream.model),
      ...format.headers,
      ...headers,
    };
  }

  async #open(): Promise<Opening> {
    try {
      return await openStream(this.#stream, this.#settings.statusWaitMs);
    } catch (error) {
      return { items: [], error: sentError(error) };
    }
  }

  /** The answer in place of the stream. */
  #refusal({ error }: Opening): ErrorBody {
    this.#leave();
    const { format, requestId, retries, headers: more } = this.#settings;
    const { status, headers, body } = format.error(error ?? sentError(undefined), requestId, retries);
    return { status, body, headers: { [REQUEST_ID_HEADER]: requestId, ...more, ...headers } };
  }

  /** The client has left, or gets an error in place of the stream. */
  #leave(): void {
    this.#stream.close().catch(() => undefined);
  }
}
