import type { WSContext, WSEvents } from 'hono/ws';
import * as z from 'zod';
import { Timer } from '../../src/kit/index.ts';
import { sentError } from '../formats/errors.ts';
import type { Format } from '../formats/format.ts';
import type { StreamKey } from '../log/chunk-log.ts';
import { RequestError, fieldError } from '../requests/request-error.ts';
import type { SocketLike } from '../send/socket-sink.ts';
import { pipeToWebSocket } from '../sse.ts';
import type { SentStream } from '../stream/sent-stream.ts';
import { agentTurn, decisionsTurn, editTurn, id, ownerOf, parsed, regenerateTurn } from './agent-request.ts';
import { cursorIn } from './answer-read.ts';
import { foundIn, joinedStream, textOfCursor } from './joined-stream.ts';
import { logError } from './log-error.ts';
import { stopTurn } from './stop-turn.ts';
import { parseJson } from './read-json.ts';
import type { ServerContext, Service } from './service.ts';
import { socketOf } from './socket-of.ts';
import type { SessionSocket } from './socket-of.ts';
import type { TurnRequest } from './turns.ts';

/** How long a socket may be silent without a turn that runs, in milliseconds. */
const IDLE_MS = 300_000;

/** How often a client is pinged, in milliseconds. One that has not answered until the next ping is gone. */
const PING_EVERY_MS = 30_000;

/** What the client of the package is told while nothing else is: it cannot see pings, and takes a socket that says nothing for lost. */
const ALIVE = '{"type":"alive"}';

/** How much may wait for a client besides its streams, in characters. */
const MAX_UNREAD = 262_144;

/** The codes with which a socket is closed. */
const POLICY = 1008;
const TOO_LARGE = 1009;
const NORMAL = 1000;

const messageSchema = z.looseObject({ action: z.enum(['send_message', 'join', 'stop']) });
const org_id = z.string().max(200).optional();
const stopSchema = z.object({ stream: id.optional(), org_id });
const joinSchema = z.object({
  stream: id.optional(),
  conversation_id: id.optional(),
  last_event_id: z.string().optional(),
  org_id,
});
const pathSchema = z.object({
  path: z
    .string()
    .regex(/^(?:agent\/stream|conversations\/[^/]{1,600}\/(?:regenerate|edit|decisions))$/)
    .default('agent/stream'),
});

/** What is used of a socket of the package `ws` besides what all have. */
interface PingingSocket {
  ping(): void;
  terminate(): void;
  on(event: 'pong', listener: () => void): unknown;
}

/** One WebSocket: takes messages, and sends the events of the turns that they start. */
export class SocketSession {
  readonly #c: ServerContext;
  readonly #service: Service;
  readonly #format: Format;
  readonly #include: ReadonlySet<string>;
  /** The streams that are sent over the socket. */
  readonly #open = new Set<StreamKey>();
  readonly #idle: Timer;
  #pings: ReturnType<typeof setInterval> | undefined;
  #beats: ReturnType<typeof setInterval> | undefined;
  #hasAnswered = true;
  /** How much was said since nothing waited for the client. */
  #unread = 0;
  #socket: (SocketLike & Partial<PingingSocket>) | undefined;
  #session: SessionSocket | undefined;

  constructor(
    c: ServerContext,
    service: Service,
    { format, include }: { format: Format; include: ReadonlySet<string> },
  ) {
    this.#c = c;
    this.#service = service;
    this.#format = format;
    this.#include = include;
    this.#idle = new Timer(() => this.#socket?.close(NORMAL, 'Nothing was said for long.'));
  }

  /** What the socket calls. */
  get events(): WSEvents {
    return {
      onOpen: (_event, socket) => this.#opened(socket),
      onMessage: (event: { data: unknown }, socket) => {
        this.#opened(socket);
        void this.#message(event.data);
      },
      onClose: () => this.#closed(),
      onError: () => this.#closed(),
    };
  }

  #opened(socket: WSContext): void {
    if (this.#session !== undefined) return;
    this.#session = socketOf(socket.raw);
    if (this.#session === undefined) return;
    this.#socket = this.#session.socket;
    this.#service.metrics.sockets.add(1);
    this.#idle.start(IDLE_MS);
    const { ping, on } = this.#socket;
    if (ping === undefined || on === undefined) return;
    this.#socket.on?.('pong', () => (this.#hasAnswered = true));
    this.#pings = setInterval(() => this.#ping(), PING_EVERY_MS);
  }

  #ping(): void {
    if (!this.#hasAnswered) {
      this.#socket?.terminate?.();
      return;
    }
    this.#hasAnswered = false;
    this.#socket?.ping?.();
  }

  #closed(): void {
    if (this.#socket === undefined) return;
    this.#socket = undefined;
    this.#session?.closed();
    this.#service.metrics.sockets.add(-1);
    this.#idle.stop();
    clearInterval(this.#pings);
  }

  async #message(data: unknown): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    if (this.#open.size === 0) this.#idle.start(IDLE_MS);
    let stream: string | undefined;
    try {
      const body = this.#parse(data);
      if (body === undefined) return;
      if (body.action === 'stop') await this.#stop(parsed(stopSchema, body));
      else if (body.action === 'join') {
        const asked = joinOf(body);
        ({ stream } = asked);
        await this.#join(asked, socket);
      } else {
        const place = await this.#service.counts.begin(this.#c.var.caller);
        try {
          const turn = this.#turnOf(body);
          stream = turn.turnId;
          const key = { owner: turn.owner, id: turn.turnId };
          await this.#send(this.#service.turns.start(turn, place), key, socket);
        } finally {
          place.end();
        }
      }
    } catch (error) {
      logError(this.#c, this.#service, error);
      this.#refuse(error, stream);
    }
  }

  #parse(data: unknown): z.output<typeof messageSchema> | undefined {
    const { maxBodyBytes, maxDepth } = this.#service.settings;
    if (typeof data !== 'string') throw new RequestError('invalid_request', 'A message is text of JSON.');
    if (data.length > maxBodyBytes) {
      this.#socket?.close(TOO_LARGE, 'The message is too large.');
      return undefined;
    }
    return parsed(messageSchema, parseJson(data, maxDepth));
  }

  #turnOf(body: Record<string, unknown>): TurnRequest {
    const { path } = parsed(pathSchema, body);
    const [kind, segment = '', what] = path.split('/');
    if (kind === 'agent') {
      // The simplest message has the text as `message`.
      const { message, input = message } = body;
      if (input === undefined) throw fieldError('message', 'give a text or messages');
      return agentTurn(this.#c, this.#service, { ...body, input });
    }
    const turnOf = { regenerate: regenerateTurn, edit: editTurn }[what ?? ''] ?? decisionsTurn;
    return turnOf(this.#c, this.#service, decodedSegment(segment), body);
  }

  /** Sends a stream that was started before: one that is named, or the one that runs in a conversation. */
  async #join(asked: z.output<typeof joinSchema>, socket: SocketLike): Promise<void> {
    const { runs, turns, counts } = this.#service;
    const owner = ownerOf(this.#c, this.#service, asked.org_id);
    const after = cursorIn(asked.last_event_id, 'last_event_id');
    const { stream: id, conversation_id: session } = asked;
    if (id === undefined && session === undefined)
      throw fieldError('stream', 'name the stream, or a conversation as conversation_id');
    const answer =
      id === undefined
        ? await runs.join({ owner, id: session ?? '' }, { after })
        : await runs.read({ owner, id }, { after });
    const { key } = foundIn(answer);
    const place = await counts.enter(this.#c.var.caller);
    try {
      const encoder = { include: this.#include };
      const stream = await joinedStream(turns, answer, { format: this.#format, encoder, after, place });
      if (stream === undefined)
        throw new RequestError('not_found', 'The stream has ended, and there is no more of it.', {
          status: 404,
        });
      await this.#send(stream, key, socket, textOfCursor(after));
    } finally {
      place.end();
    }
  }

  async #send(stream: SentStream, key: StreamKey, socket: SocketLike, lastEventId?: string): Promise<void> {
    const { slowClientMs, heartbeatMs } = this.#service.settings;
    this.#open.add(key);
    this.#idle.stop();
    if (this.#format.name === 'sluice') this.#beats ??= setInterval(() => this.#say(ALIVE), heartbeatMs);
    try {
      await pipeToWebSocket(stream, socket, {
        format: this.#format,
        encoder: { include: this.#include },
        id: key.id,
        slowClientMs,
        lastEventId,
      });
    } finally {
      this.#open.delete(key);
      if (this.#open.size === 0) this.#rest();
    }
  }

  /** Nothing is sent over the socket any more. */
  #rest(): void {
    clearInterval(this.#beats);
    this.#beats = undefined;
    if (this.#socket !== undefined) this.#idle.start(IDLE_MS);
  }

  /** Sends what no stream has. Nothing slows it down, so a client that goes on asking and does not read is cut off. */
  #say(text: string): void {
    const socket = this.#socket;
    if (socket?.readyState !== 1) return;
    this.#unread = (socket.bufferedAmount ?? 0) === 0 ? text.length : this.#unread + text.length;
    if (this.#unread <= MAX_UNREAD) socket.send(text);
    else if (socket.terminate === undefined) socket.close(POLICY, 'The answers are not read.');
    else socket.terminate();
  }

  /** Stops the turn that is named, wherever it runs, or all whose streams are sent over the socket. */
  async #stop({ stream, org_id: organization }: z.output<typeof stopSchema>): Promise<void> {
    const here = [...this.#open].filter(({ id }) => stream === undefined || id === stream);
    const named =
      stream === undefined || here.length > 0
        ? []
        : [{ owner: ownerOf(this.#c, this.#service, organization), id: stream }];
    for (const key of [...here, ...named]) {
      const { status } = await stopTurn(this.#service, key.owner, key.id, 'stopped');
      if (status === 'unknown' && named.length > 0)
        throw new RequestError('not_found', 'There is no such stream.', { status: 404 });
    }
  }

  /** An error that comes before a turn has begun, in the form of the format. */
  #refuse(thrown: unknown, stream: string | undefined): void {
    const error = sentError(thrown);
    const { requestId } = this.#c.var;
    const frames =
      this.#format.name === 'agent'
        ? this.#format
            .encoder({})
            .end({ outcome: 'failed', error: { ...error, requestId } }, 0, Date.now())
            .map(({ data }) => data)
        : [JSON.stringify({ type: 'error', ...bodyOf(this.#format, error, requestId), stream })];
    for (const frame of frames) this.#say(frame);
  }
}

/** What a message joins. The client of the package names the path of the stream instead, as it asks for it over HTTP. */
function joinOf(body: Record<string, unknown>): z.output<typeof joinSchema> {
  const { path, after, ...rest } = body;
  if (path === undefined) return parsed(joinSchema, body);
  const [, stream, conversation] = JOIN_PATH.exec(typeof path === 'string' ? path : '') ?? [];
  const named =
    stream === undefined
      ? { conversation_id: decodedSegment(conversation) }
      : { stream: decodedSegment(stream) };
  return parsed(joinSchema, { ...rest, ...named, last_event_id: after });
}

/** The path of a stream, or of the stream of a conversation. */
const JOIN_PATH = /^(?:streams\/([^/]{1,600})|conversations\/([^/]{1,600})\/stream)$/;

/** A segment of a path as text. Throws `invalid_request`. */
function decodedSegment(segment: string | undefined): string {
  try {
    if (segment !== undefined) return decodeURIComponent(segment);
  } catch {
    // It is not encoded as a path is.
  }
  throw fieldError('path', 'give the path of one of the routes, such as streams/<id>');
}

function bodyOf(format: Format, error: ReturnType<typeof sentError>, requestId: string): object {
  const { body } = format.error(error, requestId);
  return typeof body === 'object' && body !== null ? body : {};
}
