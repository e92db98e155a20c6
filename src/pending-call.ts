import { kindOf } from './errors.ts';
import type { SluiceError } from './errors.ts';
import { middlewareError } from './middleware-error.ts';
import { plainFault } from './plain-data.ts';

/** A tool call that waits for a decision, as a client may see it. */
export interface PendingCall {
  /** The id that a decision names. */
  callId: string;
  name: string;
  /** The validated arguments, which the tool will run with. */
  arguments: unknown;
  /**
   * `approval`: somebody has to allow it. `client`: the caller runs the tool and gives its result. `unknown`: it had begun when its run died, and may
   * have taken effect.
   */
  waitsFor: 'approval' | 'client' | 'unknown';
  /** Why it waits, in words. */
  reason?: string | undefined;
  /** Plain data of whoever asked for the decision. */
  metadata?: unknown;
  /** When it can no longer be decided, in milliseconds since the epoch, by the clock of the store. Absent: it does not expire. */
  expiresAt?: number | undefined;
  /** Identifies the definition of the tool at the time of the call: a decision is refused if the tool has changed since. */
  fingerprint?: string | undefined;
  /** The ids of the calls that lead to it, if it was made in an execution inside a call. */
  path?: string | undefined;
}

/** Why an execution with these calls is interrupted; undefined if none waits. */
export function reasonToWait(pending: readonly PendingCall[] | undefined): string | undefined {
  if (pending === undefined || pending.length === 0) return undefined;
  if (pending.some(({ waitsFor }) => waitsFor === 'approval')) return 'approval';
  return pending.some(({ waitsFor }) => waitsFor === 'client') ? 'tool_calls' : 'unknown_outcome';
}

const WAITS_FOR: readonly unknown[] = ['approval', 'client', 'unknown'] satisfies PendingCall['waitsFor'][];

/** A `middleware` error that names the layer if the calls that its reply leaves open are not as their type says. */
export function pendingError(name: string, pending: unknown): SluiceError | undefined {
  const wrong = faultOf(pending);
  if (wrong === undefined) return undefined;
  const advice = "give calls such as { callId, name, arguments, waitsFor: 'approval' }, as plain data";
  return middlewareError(name, `returned a reply whose ${wrong}: ${advice}.`);
}

function faultOf(pending: unknown): string | undefined {
  if (!Array.isArray(pending)) return `pending is ${kindOf(pending)}`;
  const calls: readonly unknown[] = pending;
  const at = calls.findIndex((call) => !isPendingCall(call));
  if (at >= 0) return `pending[${at}] is ${kindOf(calls[at])}, not a call`;
  const path = plainFault(pending);
  return path === undefined ? undefined : `pending.${path.join('.')} is not plain data`;
}

function isPendingCall(call: unknown): boolean {
  if (typeof call !== 'object' || call === null) return false;
  const { callId, name, waitsFor }: { callId?: unknown; name?: unknown; waitsFor?: unknown } = call;
  return typeof callId === 'string' && typeof name === 'string' && WAITS_FOR.includes(waitsFor);
}
