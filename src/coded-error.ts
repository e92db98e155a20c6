import type { Partial as PartialReply } from './partial.ts';

/** Every code of an error, as a list. */
export const errorCodes = [
  'aborted',
  'timeout',
  'truncated',
  'protocol',
  'network',
  'rate_limited',
  'overloaded',
  'server',
  'authentication',
  'permission',
  'not_found',
  'invalid_request',
  'context_length',
  'content_filter',
  'invalid_options',
  'middleware',
  'shutting_down',
  'queue_full',
  'budget',
  'guard',
  'tool',
  'output',
  'session_busy',
  'conflict',
  'lease_lost',
  'store',
] as const;

/** Every reason why an execution can fail. The union is closed, so a switch over it can be exhaustive. */
export type ErrorCode = (typeof errorCodes)[number];

/** Which time limit was exceeded, for errors of code `timeout`. */
export type TimeoutPhase = 'first_chunk' | 'idle' | 'total' | 'queue';

/** What is known about an error besides its code and message. */
export interface ErrorDetails {
  /** Whether the same call may succeed if it is made again. Default: depends on the code, and is false for the statuses 501 and 505. */
  retryable?: boolean | undefined;
  /** The original error, as in the standard `Error`. */
  cause?: unknown;
  /** HTTP status of the provider's response. */
  status?: number | undefined;
  /** Name of the provider that failed, such as `openai`. */
  provider?: string | undefined;
  /** The provider's id of the request; its support may ask for it. What is not shaped like an id is left out. */
  requestId?: string | undefined;
  /** How long the provider asks to wait before the next attempt, in milliseconds. */
  retryAfterMs?: number | undefined;
  /** Total number of attempts. */
  attempts?: number | undefined;
  /** Which time limit was exceeded; with code `timeout`. With any other code, `queue`: the call did not leave a queue. */
  phase?: TimeoutPhase | undefined;
  /** Name of the middleware that caused the error; with code `middleware`. */
  middleware?: string | undefined;
  /**
   * Why it was ended on purpose, for a program: `stopped`, `orphaned`, or what the caller says. One line of at most 100 characters; anything else is left out. A client may see
   * it.
   */
  reason?: string | undefined;
  /** What had been received before the failure. The pipeline sets it: what the consumer saw, then what the layer that threw gives here. */
  partial?: PartialReply | undefined;
}

/** The part of an error that a client may see. No word of it is the provider's; only `reason` is the caller's. */
export interface ErrorJson {
  code: ErrorCode;
  /** What the code means, in one sentence. It is the same for every error of the code. */
  message: string;
  /** HTTP status of the provider's response. */
  status?: number;
  requestId?: string;
  /** Why the execution was cancelled, if whoever cancelled it said so. */
  reason?: string;
}

const BRAND = Symbol.for('sluice.error');

/** The details that are fields of the error only if they are known. */
const KNOWN_DETAILS = [
  'status',
  'provider',
  'requestId',
  'retryAfterMs',
  'phase',
  'middleware',
  'reason',
] as const;

const RETRYABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'timeout',
  'truncated',
  'network',
  'rate_limited',
  'overloaded',
  'server',
  'store',
]);

/** What a server cannot do, or not in this version of HTTP, it cannot do in a second attempt either. */
const LASTING_STATUSES: ReadonlySet<number> = new Set([501, 505]);

function retryableByDefault(code: ErrorCode, status: number | undefined): boolean {
  return RETRYABLE.has(code) && (status === undefined || !LASTING_STATUSES.has(status));
}

/**
 * An error with a code. A `SluiceError` is one whose message may quote a server. This one is for texts that a client may read: the client's side of a wire, which has to be
 * small, throws it.
 */
export class CodedError extends Error {
  override readonly name = 'SluiceError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  // Only declared, so that an error has no fields that are not known.
  declare readonly status?: number | undefined;
  declare readonly provider?: string | undefined;
  declare readonly requestId?: string | undefined;
  declare readonly retryAfterMs?: number | undefined;
  declare readonly phase?: TimeoutPhase | undefined;
  declare readonly middleware?: string | undefined;
  declare readonly reason?: string | undefined;
  declare attempts?: number | undefined;
  /** Not enumerable: whoever prints or logs an error does not print the answer with it. */
  declare partial: PartialReply | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryable = details.retryable ?? retryableByDefault(code, details.status);
    for (const key of KNOWN_DETAILS) {
      const value = details[key];
      if (value !== undefined) Object.defineProperty(this, key, { value, enumerable: true });
    }
    if (details.attempts !== undefined) this.attempts = details.attempts;
    Object.defineProperty(this, 'partial', { value: details.partial, writable: true });
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** The part of the error that a client may see. */
  toJSON(): ErrorJson {
    const { code, message, status, requestId, reason } = this;
    return {
      code,
      message,
      ...(status !== undefined && { status }),
      ...(requestId !== undefined && { requestId }),
      ...(reason !== undefined && { reason }),
    };
  }
}

/** Whether a value is a {@link CodedError}, even one created by another copy of the package. */
export function isCodedError(value: unknown): value is CodedError {
  return typeof value === 'object' && value !== null && BRAND in value;
}

/** Whether a value is one of {@link errorCodes}. */
export function isErrorCode(value: unknown): value is ErrorCode {
  const codes: readonly unknown[] = errorCodes;
  return codes.includes(value);
}

/** The kind of a value, for error messages: `null`, `undefined`, `an array`, `a string`, ... Never the value itself. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  const kind = Array.isArray(value) ? 'array' : typeof value;
  return /^[ao]/.test(kind) ? `an ${kind}` : `a ${kind}`;
}
