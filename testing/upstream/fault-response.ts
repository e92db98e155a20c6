import type { Gate } from '../manual-gate.ts';
import { encodeEvent, encodeStream, type Frame, type Wire, type WireStream } from './wires.ts';

/** The fault server's answer to one request. Without `body` and `stream`, the body is empty. */
export interface FaultResponse {
  /** HTTP status. Default 200. */
  readonly status?: number;
  /** Header names are in lower case. They override the defaults. `undefined` removes a default (`content-type`, the request id). */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** A whole body: text, bytes, or a value sent as JSON. */
  readonly body?: unknown;
  /** An event stream: a recording, or the result of `chatStream`, `responsesStream` or `messagesStream`. */
  readonly stream?: WireStream;
  /** Awaited before the status and headers are sent. */
  readonly delayHeaders?: Gate;
  /** Awaited before each event. The sentinel counts as an event, and a body that is not a stream counts as event 0. */
  readonly gate?: Gate;
  /** Real milliseconds between events, for benchmarks and examples. Tests should use `gate`. Default 0. */
  readonly intervalMs?: number;
  /** How the body is split into writes. Default: writes of up to 16 KiB, with a new one after each gate or interval. */
  readonly split?: Split;
  /** What goes wrong. Default: nothing. */
  readonly fault?: Fault;
}

/**
 * How a body is split. The server waits one turn of the event loop after each write, so that a client in the same process reads each
 * write separately. Sizes and offsets are in bytes of the body, before chunked framing.
 */
export type Split =
  /** One write per event. */
  | 'event'
  /** Writes of this size. */
  | { readonly everyBytes: number }
  /** A new write starts at each of these offsets. */
  | { readonly atBytes: readonly number[] }
  /** Random sizes from 1 to `maxBytes` (default 64). The same seed gives the same sizes. */
  | { readonly seed: number; readonly maxBytes?: number };

/**
 * Where a fault strikes: instead of the headers, before the byte with this offset (from 0, in the body before chunked framing), or before
 * the event with this number. A position past the end means the end of the body.
 */
export type FaultPosition = 'headers' | { readonly byte: number } | { readonly event: number };

interface FaultOptions {
  /** Default: after the last event, before the sentinel. */
  readonly at?: FaultPosition;
  /** Awaited after everything before the fault has been sent. */
  readonly gate?: Gate;
}

/**
 * What goes wrong with a response.
 *
 * - `eof`: the body ends cleanly, as far as HTTP can tell. At the headers it is the same as `fin`.
 * - `fin`: the connection is closed with FIN, without the end of the body. Over HTTP/2, other requests of the connection end with it.
 * - `rst`: the connection is reset, as above. Data that the client has not read by then may be lost, as on any network. If that matters, make the
 *   fault wait for a `gate`.
 * - `reset`: over HTTP/2, the stream is reset with this code (RST_STREAM; default CANCEL, 8). Its connection goes on. Over HTTP/1.1 the
 *   same as `rst`.
 * - `stall`: nothing more is sent. The connection stays open until the client leaves or the server is closed.
 * - `garbage`: garbage is put into the body. Then the body goes on (`then: 'continue'`, the default) or ends cleanly (`'eof'`). `data` is
 *   the garbage, or its length in bytes (default 64). Generated garbage has no line end and consists of control characters and bytes
 *   from 0x80 up: inside a payload it always breaks the JSON and never ends an event.
 * - `error`: these payload lines are sent as events. Then the body ends cleanly, without a sentinel.
 */
export type Fault =
  | (FaultOptions & { readonly kind: 'eof' | 'fin' | 'rst' | 'stall' })
  | (FaultOptions & { readonly kind: 'reset'; readonly code?: number })
  | (FaultOptions & {
      readonly kind: 'garbage';
      readonly data?: number | string | Uint8Array;
      readonly then?: 'continue' | 'eof';
    })
  | (FaultOptions & { readonly kind: 'error'; readonly lines: readonly string[] });

/** The parts of a response's body, including what the fault adds, up to where the fault ends it. */
export function bodyFrames(response: FaultResponse, wire: Wire): Iterable<Frame> {
  const frames =
    response.stream === undefined ? wholeBody(response.body) : encodeStream(response.stream, wire);
  if (response.fault === undefined) return frames;
  return faulty(frames, response.fault, () => faultFrames(response, wire));
}

/** The default headers of a response with this kind of body. */
export function defaultHeaders(
  response: FaultResponse,
  wire: Wire,
  requestIndex: number,
): Record<string, string> {
  const requestId = wire === 'anthropic-messages' ? 'request-id' : 'x-request-id';
  return { 'content-type': contentTypeOf(response), [requestId]: `req_${requestIndex}` };
}

function contentTypeOf(response: FaultResponse): string {
  if (response.stream !== undefined) return 'text/event-stream; charset=utf-8';
  if (typeof response.body === 'string') return 'text/plain; charset=utf-8';
  return response.body instanceof Uint8Array ? 'application/octet-stream' : 'application/json';
}

function* wholeBody(body: unknown): Generator<Frame, void> {
  if (body === undefined) return;
  const bytes =
    body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  yield { bytes, event: 0 };
}

function* faulty(
  frames: Iterable<Frame>,
  fault: Fault,
  added: () => Iterable<Frame>,
): Generator<Frame, void> {
  const goesOn = fault.kind === 'garbage' && fault.then !== 'eof';
  let offset = 0;
  let struck = false;
  for (const frame of frames) {
    const within = struck ? undefined : strikesWithin(fault.at, frame, offset);
    offset += frame.bytes.length;
    if (within === undefined) {
      yield frame;
      continue;
    }
    struck = true;
    if (within > 0) yield { ...frame, bytes: frame.bytes.subarray(0, within) };
    yield* added();
    if (!goesOn) return;
    yield within > 0 ? { bytes: frame.bytes.subarray(within) } : frame;
  }
  if (!struck) yield* added();
}

/** The offset within a frame at which the fault strikes, or `undefined` if it strikes elsewhere. */
function strikesWithin(at: FaultPosition | undefined, frame: Frame, offset: number): number | undefined {
  if (at === undefined) return frame.sentinel === true ? 0 : undefined;
  if (at === 'headers') return undefined;
  if ('event' in at) return frame.event === at.event ? 0 : undefined;
  return at.byte < offset + frame.bytes.length ? at.byte - offset : undefined;
}

function* faultFrames(response: FaultResponse, wire: Wire): Generator<Frame, void> {
  const { fault, stream } = response;
  if (fault?.gate !== undefined) yield { bytes: new Uint8Array(), hold: fault.gate };
  if (fault?.kind === 'garbage') yield { bytes: garbageBytes(fault.data ?? 64) };
  if (fault?.kind !== 'error') return;
  for (const line of fault.lines) yield { bytes: encodeEvent(line, stream?.wire ?? wire, stream) };
}

function garbageBytes(data: number | string | Uint8Array): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  if (typeof data !== 'number') return data;
  // A step that is coprime to the length visits every byte, in the same order in every run.
  return Buffer.from(Array.from({ length: data }, (_, index) => RUBBISH[(index * 29) % RUBBISH.length] ?? 0));
}

const RUBBISH: readonly number[] = [
  ...Array.from({ length: 8 }, (_, index) => index + 1),
  ...Array.from({ length: 18 }, (_, index) => index + 14),
  ...Array.from({ length: 128 }, (_, index) => index + 128),
];
