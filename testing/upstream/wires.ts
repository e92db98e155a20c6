import type { Gate } from '../manual-gate.ts';

/** The three wire formats of LLM providers that the fault server speaks. */
export type Wire = 'openai-chat' | 'openai-responses' | 'anthropic-messages';

/**
 * A stream as it goes on the wire. A recording (`{ name, wire, lines }`) fits here as it is.
 */
export interface WireStream {
  /** One event's JSON payload each: the text that follows `data: `. */
  readonly lines: readonly string[];
  /** Default: derived from the request's path, see {@link wireOfPath}. */
  readonly wire?: Wire;
  /** Whether `data: [DONE]` ends the stream. Default: on `openai-chat` only. */
  readonly sentinel?: boolean;
  /** Whether each event has an `event: TYPE` line, TYPE being the payload's `type`. Default: not on `openai-chat`. */
  readonly eventLines?: boolean;
  /** What ends a line. Default `\n`. */
  readonly lineEnd?: '\n' | '\r\n' | '\r';
  /** Whether the body starts with a UTF-8 byte order mark. Default `false`. */
  readonly bom?: boolean;
  /** Comments put between the events, as proxies and servers do to keep a connection alive. Default: none. */
  readonly comments?: CommentOptions;
}

/** Where keep-alive comments stand in a stream. */
export interface CommentOptions {
  /** The text after `: `. Default `keep-alive`. */
  readonly text?: string;
  /** A group of comments stands in front of every n-th event, the first included. Default 1: in front of each. */
  readonly everyEvents?: number;
  /** How many comments a group has. Default 1. */
  readonly count?: number;
}

/**
 * A part of a response's body. `event` is set on the parts that a gate is asked for and that a fault can point to: the
 * events, numbered from 0, and the sentinel, which counts as one more.
 */
export interface Frame {
  readonly bytes: Uint8Array;
  readonly event?: number;
  /** True for `data: [DONE]`. */
  readonly sentinel?: boolean;
  /** Waited for before this part is sent, when everything before it has been sent. */
  readonly hold?: Gate;
}

/** The wire that a request path asks for, or `undefined` for a path of none of them. */
export function wireOfPath(path: string): Wire | undefined {
  const pathname = path.split('?', 1)[0] ?? '';
  if (pathname.endsWith('/chat/completions')) return 'openai-chat';
  if (pathname.endsWith('/responses')) return 'openai-responses';
  if (pathname.endsWith('/messages')) return 'anthropic-messages';
  return undefined;
}

/**
 * Puts a stream on the wire, lazily: a body cut early costs only what was sent of it.
 *
 * @param wire used where the stream does not name its own
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

/** One event's bytes, its blank line included. */
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

/** The payload's `type`; `undefined` for a payload that is broken on purpose or has none. */
function typeOf(line: string): string | undefined {
  try {
    const payload: unknown = JSON.parse(line);
    if (typeof payload !== 'object' || payload === null || !('type' in payload)) return undefined;
    return typeof payload.type === 'string' ? payload.type : undefined;
  } catch {
    return undefined;
  }
}
