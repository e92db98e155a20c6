import type { Gate } from '../manual-gate.ts';
import { encodeEvent, encodeStream, type Frame, type Wire, type WireStream } from './wires.ts';

/** What the fault server answers to one request. Without `body` and `stream` the body is empty. */
export interface FaultResponse {
  /** HTTP status. Default 200. */
  readonly status?: number;
  /** Lower-case names. They win over the defaults; `undefined` takes a default (`content-type`, the request id) away. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** A whole body: text, bytes, or a value sent as JSON. */
  readonly body?: unknown;
  /** An event stream: a recording, or made by `chatStream`, `responsesStream`, `messagesStream`. */
  readonly stream?: WireStream;
  /** Held before the status and headers are sent. */
  readonly delayHeaders?: Gate;
  /** Asked before each event, and before the sentinel as one more. A body that is no stream counts as event 0. */
  readonly gate?: Gate;
  /** Real milliseconds between events, for benchmarks and examples; tests use `gate`. Default 0. */
  readonly intervalMs?: number;
  /** How the body is split into writes. Default: joined into writes of 16 KiB where no gate or interval stands between. */
  readonly split?: Split;
  /** What goes wrong. Default: nothing. */
  readonly fault?: Fault;
}

/**
 * How a body is split. Each write is followed by a turn of the event loop, so that a client in the same process reads it
 * by itself. Sizes and offsets are bytes of the body, before chunked framing.
 */
export type Split =
  /** One write an event. */
  | 'event'
  /** Writes of this size. */
  | { readonly everyBytes: number }
  /** A new write starts at each of these offsets. */
  | { readonly atBytes: readonly number[] }
  /** Random sizes from 1 to `maxBytes` (default 64), the same for the same seed. */
  | { readonly seed: number; readonly maxBytes?: number };

/**
 * Where a fault strikes: instead of the headers; before the byte with this offset (from 0, of the body before chunked
 * framing); or before the event with this number. An offset or number past the end means the end of the body.
 */
export type FaultPosition = 'headers' | { readonly byte: number } | { readonly event: number };

interface FaultOptions {
  /** Default: after the last event, before the sentinel. */
  readonly at?: FaultPosition;
  /** Held before the fault strikes, when everything before it is sent. */
  readonly gate?: Gate;
}

/**
 * What goes wrong with a response.
 *
 * - `eof`: the body ends, cleanly for HTTP. Instead of the headers it is the same as `fin`.
 * - `fin`: the connection is closed by FIN, without the end of the chunked body.
 * - `rst`: the connection is reset. What a client has not read by then may be lost to it, as on any network; let the
 *   fault wait for a `gate` where that matters (bodies beyond what socket buffers hold).
 * - `stall`: nothing more is sent; the connection stays open until the client leaves or the server closes.
 * - `garbage`: rubbish is put into the body; then the body goes on (`then: 'continue'`, the default) or ends cleanly
 *   (`'eof'`). `data` is the rubbish, or its length in bytes (default 64). Made rubbish has no line end and holds only
 *   control characters and bytes from 0x80: inside a payload it always breaks the JSON, and never ends an event.
 * - `error`: these payload lines are sent as events, then the body ends cleanly, without a sentinel.
 */
export type Fault =
  | (FaultOptions & { readonly kind: 'eof' | 'fin' | 'rst' | 'stall' })
  | (FaultOptions & {
      readonly kind: 'garbage';
      readonly data?: number | string | Uint8Array;
      readonly then?: 'continue' | 'eof';
    })
  | (FaultOptions & { readonly kind: 'error'; readonly lines: readonly string[] });

/** The parts of a response's body, what the fault adds included, up to where the fault cuts it. */
export function bodyFrames(response: FaultResponse, wire: Wire): Iterable<Frame> {
  const frames =
    response.stream === undefined ? wholeBody(response.body) : encodeStream(response.stream, wire);
  if (response.fault === undefined) return frames;
  return faulty(frames, response.fault, () => faultFrames(response, wire));
}

/** The headers that a response has by default, for a body of its kind. */
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

/** The offset in a frame at which the fault strikes, or `undefined` when it strikes elsewhere. */
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
  // A step prime to the length of the alphabet visits all of it, in an order that is the same in every run.
  return Buffer.from(Array.from({ length: data }, (_, index) => RUBBISH[(index * 29) % RUBBISH.length] ?? 0));
}

const RUBBISH: readonly number[] = [
  ...Array.from({ length: 8 }, (_, index) => index + 1),
  ...Array.from({ length: 18 }, (_, index) => index + 14),
  ...Array.from({ length: 128 }, (_, index) => index + 128),
];
