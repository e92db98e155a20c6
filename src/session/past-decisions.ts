import { ledgerOf } from './steps/ledger.ts';
import type { Decision, Step } from './steps/step.ts';

/** Metadata key of what became of the newest calls that have waited in turns that are over. */
export const DECIDED = 'sluice.decided';

/** How many calls are remembered, and more if the newest turn alone had more. */
const KEPT = 100;

/** What a decision says, in a word. */
export type Verdict = 'approve' | 'deny' | 'result';

/** A call of a turn that is over, which has waited for a decision. */
export interface PastCall {
  readonly callId: string;
  readonly turnId: string;
  /** The id of the decision. Absent: nobody has decided, and the call was withdrawn. */
  readonly by?: string | undefined;
  readonly verdict?: string | undefined;
}

/** What a decision says, in a word. */
export function verdictOf(decision: Decision): Verdict {
  if ('approve' in decision) return 'approve';
  return 'deny' in decision ? 'deny' : 'result';
}

/** The calls that a session remembers. What is not as it was written is left out. */
export function pastCalls(metadata: Readonly<Record<string, unknown>>): PastCall[] {
  const stored = metadata[DECIDED];
  const list: readonly unknown[] = Array.isArray(stored) ? stored : [];
  return list.filter(isPastCall);
}

/** What a session remembers after the end of a turn; undefined if no call of the turn has waited. */
export function remembered(
  metadata: Readonly<Record<string, unknown>>,
  turnId: string,
  steps: readonly { readonly step: Step }[],
): PastCall[] | undefined {
  const decided = steps.flatMap(({ step }): PastCall[] => {
    if (step.kind !== 'decision') return [];
    const { callId, by, decision } = step;
    return [{ callId, turnId, by, verdict: verdictOf(decision) }];
  });
  const withdrawn = ledgerOf(steps).pending.map(({ callId }): PastCall => ({ callId, turnId }));
  const fresh = [...decided, ...withdrawn];
  if (fresh.length === 0) return undefined;
  return [...pastCalls(metadata), ...fresh].slice(-Math.max(KEPT, fresh.length));
}

function isPastCall(value: unknown): value is PastCall {
  if (typeof value !== 'object' || value === null) return false;
  const { callId, turnId, by }: { callId?: unknown; turnId?: unknown; by?: unknown } = value;
  return (
    typeof callId === 'string' && typeof turnId === 'string' && (by === undefined || typeof by === 'string')
  );
}
