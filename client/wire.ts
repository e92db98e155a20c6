import { CodedError } from '../src/index.ts';
import type {
  Cost,
  ErrorCode,
  FinishReason,
  Outcome,
  PendingCall,
  SessionKey,
  Span,
  StampedChunk,
  Usage,
} from '../src/index.ts';

/** What a stream says first. */
export interface WireStart {
  type: 'start';
  /** The id of the turn, and of its stream. */
  turnId: string;
  session?: SessionKey;
  /** The name of the pipeline that answers. */
  name?: string;
  model?: string;
  /** Milliseconds since the epoch, by the server's clock. */
  startedAt?: number;
}

/** An error as the server tells it. */
export interface WireError {
  code: ErrorCode;
  message: string;
  retryable?: boolean;
  status?: number;
  requestId?: string;
  retryAfterMs?: number;
  reason?: string;
}

/** What a stream says last. */
export interface WireEnd {
  type: 'end';
  outcome: Outcome;
  reason?: string;
  finishReason?: FinishReason;
  usage?: Usage;
  cost?: Cost;
  model?: string;
  provider?: string;
  pending?: PendingCall[];
  error?: WireError;
  latencyMs?: number;
  timeToFirstChunkMs?: number;
  replayed?: true;
  warnings?: string[];
  /** Only from a server that shows its traces. */
  trace?: Span[];
}

/** What a reader missed of a long stream, whose beginning the server does not keep as it came: the chunks in order, with longer texts. */
export interface WireGap {
  type: 'gap';
  chunks: readonly StampedChunk[];
}

/** One object on the wire, in the format `sluice`. */
export type WireItem = WireStart | WireGap | StampedChunk | WireEnd;

/** Reads one object of the wire. Undefined for one that a newer server may have. Throws `protocol` for what is not an object. */
export function itemOf(value: unknown): WireItem | undefined {
  if (!isRecord(value)) throw otherForm();
  return isItem(value) ? value : undefined;
}

/** The error for an answer that is not what was asked for. */
export function otherForm(): CodedError {
  return new CodedError('protocol', 'The server sent an answer of another form.');
}

/** What JSON text says; undefined if it is not JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a value is an object with keys. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Each chunk has its place in the stream. */
function isItem(value: unknown): value is WireItem {
  if (!isRecord(value)) return false;
  const { type, index, chunks } = value;
  if (type === 'gap') return Array.isArray(chunks) && chunks.every(isItem);
  return typeof index === 'number' || type === 'start' || type === 'end';
}
