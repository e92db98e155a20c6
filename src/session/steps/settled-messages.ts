import type { Message, ToolResultPart } from '../../messages.ts';
import { repaired } from '../repair.ts';
import { ledgerOf } from './ledger.ts';
import type { CallState } from './ledger.ts';
import type { CallOutcome, Step } from './step.ts';

/** What the model is told about a call that has no result. */
const UNSETTLED = {
  unknown:
    'It is not known whether this call was carried out: it had begun when the turn was cut off. It may have taken effect.',
  notRun: 'This call was not run: the turn was cut off before it began.',
  withdrawn: 'Nobody has decided on this call, and it is withdrawn. It was not run.',
} as const satisfies Partial<Record<CallOutcome, string>>;

/**
 * The messages of an open turn that another turn follows, as any provider accepts them: its replies, and after each the results of its calls, one for each
 * and in their order. A call without a stored result is told as it stands: it may have taken effect, was not run, or is withdrawn. The text of a reply that was
 * cut short is the last message, and only that one is partial.
 */
export function settledMessages(list: Iterable<{ readonly step: Step }>): Message[] {
  const ledger = ledgerOf(list);
  const waiting = new Set(ledger.pending.map(({ callId }) => callId));
  const messages: Message[] = [];
  for (const { reply, calls } of ledger.rounds) {
    messages.push(reply.message);
    if (calls.length > 0) {
      const content = calls.map((state) => resultOf(state, waiting.has(state.call.id)));
      messages.push({ role: 'tool', content });
    }
  }
  const { message } = ledger.cut ?? {};
  if (message !== undefined) messages.push({ ...message, partial: true });
  return repaired(messages).messages;
}

function resultOf({ call: { id, name }, ...state }: CallState, waits: boolean): ToolResultPart {
  const { content, isError } = outcomeOf(state, waits);
  return { type: 'tool_result', id, name, content, ...(isError && { isError: true }) };
}

function outcomeOf(
  { started, decision, result }: Pick<CallState, 'started' | 'decision' | 'result'>,
  waits: boolean,
): Pick<ToolResultPart, 'content'> & { isError: boolean } {
  if (result !== undefined) return result;
  // The decision is stored, so it counts, even if nothing was done about it.
  if (decision !== undefined && 'result' in decision)
    return { content: decision.result, isError: decision.isError ?? false };
  if (decision !== undefined && 'deny' in decision) return { content: decision.deny, isError: false };
  // A call that had begun may wait, too: somebody has to decide whether it is run again.
  const why = started ? 'unknown' : waits ? 'withdrawn' : 'notRun';
  return { content: UNSETTLED[why], isError: true };
}
