import type { Gate } from '../manual-gate.ts';

/** The three wire formats of LLM providers that the fault server speaks. */
export type Wire = 'openai-chat' | 'openai-responses' | 'anthropic-messages';

/**
 * A stream as it is sent. A recording (`{ name, wire, lines }`) can be used as it is.
 */
export interface WireStream {
  /** The JSON payload of each event: the text that follows `data: `. */
  readonly lines: readonly string[];
  /** Default: the wire of the request's path. See {@link wireOfPath}. */
  readonly wire?: Wire;
  /** Whether `data: [DONE]` ends the stream. Default: on `openai-chat` only. */
  readonly sentinel?: boolean;
  /** Whether each event has an `event:` line with the `type` of the payload. Default: on all wires but `openai-chat`. */
  readonly eventLines?: boolean;
  /** What ends a line. Default `\n`. */
  readonly lineEnd?: '\n' | '\r\n' | '\r';
  /** Whether the body starts with a UTF-8 byte order mark. Default false. */
  readonly bom?: boolean;
  /** Comments between the events, as proxies and servers send them to keep a connection alive. Default: none. */
  readonly comments?: CommentOptions;
}

/** Keep-alive comments in a stream. */
export interface CommentOptions {
  /** The text after `: `. Default `keep-alive`. */
  readonly text?: string;
  /** A group of comments is sent before every n-th event, starting with the first. Default 1: before each event. */
  readonly everyEvents?: number;
  /** How many comments are in a group. Default 1. */
  readonly count?: number;
}

/**
 * A part of a response's body. Events have a number, from 0, by which gates and faults refer to them. The sentinel counts as the last
 * event.
 */
export interface Frame {
  readonly bytes: Uint8Array;
  readonly event?: number;
  /** True for `data: [DONE]`. */
  readonly sentinel?: boolean;
  /** Awaited before this part is sent, after everything before it has been sent. */
  readonly hold?: Gate;
}

/** The wire of a request's path, or `undefined` if it belongs to none. */
export function wireOfPath(path: string): Wire | undefined {
  const pathname = path.split('?', 1)[0] ?? '';
  if (pathname.endsWith('/chat/completions')) return 'openai-chat';
  if (pathname.endsWith('/responses')) return 'openai-responses';
  if (pathname.endsWith('/messages')) return 'anthropic-messages';
  return undefined;
}

/**
 * Encodes a stream lazily: a body that is cut off costs only what was sent of it.
 *
 * @param wire used if the stream names no wire
 */
export function* encodeStream(stream: WireStream, wire: Wire): Generator<Frame, void> {
  const format = stream.wire ?? wire;
  const lineEnd = stream.lineEnd ?? '\n';
  const comments = commentBytes(stream.comments, lineEnd);
  const every = stream.comments?.everyEvents ?? 1;
  if (stream.bom === true) yield { bytes: Buffer.from([0xef, 0xbb, 0xbf]) };
  for (const [event, line] of stream.lines.entries()) {
    if (comments !== undefined && event % every === 0) yield { bytes: comments };
    yield { bytes: encodeEvent(line, format, stream), event };
  }
  if (stream.sentinel ?? format === 'openai-chat') {
    yield {
      bytes: Buffer.from(`data: [DONE]${lineEnd}${lineEnd}`),
      event: stream.lines.length,
      sentinel: true,
    };
  }
}

/** The bytes of one event, including its blank line. */
export function encodeEvent(
  line: string,
  wire: Wire,
  options: Pick<WireStream, 'eventLines' | 'lineEnd'> = {},
): Buffer {
  const lineEnd = options.lineEnd ?? '\n';
  const named = options.eventLines ?? wire !== 'openai-chat';
  const type = named ? typeOf(line) : undefined;
  const head = type === undefined ? '' : `event: ${type}${lineEnd}`;
  return Buffer.from(`${head}data: ${line}${lineEnd}${lineEnd}`);
}

function commentBytes(options: CommentOptions | undefined, lineEnd: string): Buffer | undefined {
  if (options === undefined) return undefined;
  return Buffer.from(`: ${options.text ?? 'keep-alive'}${lineEnd}${lineEnd}`.repeat(options.count ?? 1));
}

/** The payload's `type`, or `undefined` if it has none or is not valid JSON. */
function typeOf(line: string): string | undefined {
  try {
    const payload: unknown = JSON.parse(line);
    if (typeof payload !== 'object' || payload === null || !('type' in payload)) return undefined;
    return typeof payload.type === 'string' ? payload.type : undefined;
  } catch {
    return undefined;
  }
}
