import type { WSContext, WSEvents } from 'hono/ws';
import * as z from 'zod';
import { Timer } from '../../src/kit/index.ts';
import type { Place } from '../callers/places.ts';
import { sentError } from '../formats/errors.ts';
import type { Format } from '../formats/format.ts';
import { RequestError } from '../requests/request-error.ts';
import type { SocketLike } from '../send/socket-sink.ts';
import { pipeToWebSocket } from '../sse.ts';
import { agentTurn, decisionsTurn, editTurn, parsed, regenerateTurn } from './agent-request.ts';
import { logError } from './log-error.ts';
import { stopTurn } from './stop-turn.ts';
import { parseJson } from './read-json.ts';
import type { ServerContext, Service } from './service.ts';
import type { TurnRequest } from './turns.ts';

/** How long a socket may be silent without a turn that runs, in milliseconds. */
const IDLE_MS = 300_000;

/** How often a client is pinged, in milliseconds. One that has not answered until the next ping is gone. */
const PING_EVERY_MS = 30_000;

/** The codes with which a socket is closed. */
const TOO_LARGE = 1009;
const NORMAL = 1000;

const messageSchema = z.looseObject({ action: z.enum(['send_message', 'stop']) });
const stopSchema = z.object({ stream: z.string().optional() });
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
  /** The owners of the turns that run over the socket, by their ids. */
  readonly #running = new Map<string, string>();
  readonly #idle: Timer;
  #pings: ReturnType<typeof setInterval> | undefined;
  #hasAnswered = true;
  #socket: (SocketLike & Partial<PingingSocket>) | undefined;

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
    if (this.#socket !== undefined || !isSocket(socket.raw)) return;
    this.#socket = socket.raw;
    this.#service.metrics.sockets.add({}, 1);
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
    this.#service.metrics.sockets.add({}, -1);
    this.#idle.stop();
    clearInterval(this.#pings);
  }

  async #message(data: unknown): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#idle.start(IDLE_MS);
    let stream: string | undefined;
    try {
      const body = this.#parse(data);
      if (body === undefined) return;
      if (body.action === 'stop') {
        this.#stop(parsed(stopSchema, body).stream);
        return;
      }
      const { place } = await this.#service.counts.begin(this.#c.var.caller);
      try {
        const turn = this.#turnOf(body);
        stream = turn.turnId;
        await this.#send(turn, socket, place);
      } finally {
        place.end();
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
    const [kind, id = '', what] = path.split('/');
    if (kind === 'agent') {
      // The simplest message has the text as `message`.
      const { message, input = message } = body;
      return agentTurn(this.#c, this.#service, { ...body, input });
    }
    const turnOf = { regenerate: regenerateTurn, edit: editTurn }[what ?? ''] ?? decisionsTurn;
    return turnOf(this.#c, this.#service, decodeURIComponent(id), body);
  }

  async #send(turn: TurnRequest, socket: SocketLike, place: Place): Promise<void> {
    const { slowClientMs } = this.#service.settings;
    const stream = this.#service.turns.start(turn, place);
    this.#running.set(turn.turnId, turn.owner);
    this.#idle.stop();
    try {
      await pipeToWebSocket(stream, socket, {
        format: this.#format,
        encoder: { include: this.#include },
        id: turn.turnId,
        slowClientMs,
      });
    } finally {
      this.#running.delete(turn.turnId);
      if (this.#running.size === 0 && this.#socket !== undefined) this.#idle.start(IDLE_MS);
    }
  }

  /** Stops one turn of the socket, or all that run over it. */
  #stop(stream: string | undefined): void {
    for (const [turnId, owner] of this.#running)
      if (stream === undefined || stream === turnId)
        void stopTurn(this.#service, owner, turnId, 'stopped').catch((error: unknown) =>
          logError(this.#c, this.#service, error),
        );
  }

  /** An error that comes before a turn has begun, in the form of the format. */
  #refuse(thrown: unknown, stream: string | undefined): void {
    const error = sentError(thrown);
    const frames =
      this.#format.name === 'agent'
        ? this.#format
            .encoder({})
            .end({ outcome: 'failed', error }, 0, Date.now())
            .map(({ data }) => data)
        : [JSON.stringify({ type: 'error', ...bodyOf(this.#format, error, this.#c.var.requestId), stream })];
    for (const frame of frames) if (this.#socket?.readyState === 1) this.#socket.send(frame);
  }
}

function bodyOf(format: Format, error: ReturnType<typeof sentError>, requestId: string): object {
  const { body } = format.error(error, requestId);
  return typeof body === 'object' && body !== null ? body : {};
}

function isSocket(value: unknown): value is SocketLike & Partial<PingingSocket> {
  return typeof value === 'object' && value !== null && 'send' in value && 'addEventListener' in value;
}
