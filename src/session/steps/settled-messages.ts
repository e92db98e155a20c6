import type { Message, ToolResultPart } from '../../messages.ts';
import { repaired } from '../repair.ts';
import { ledgerOf } from './ledger.ts';
import type { CallState, Ledger } from './ledger.ts';
import type { CallOutcome, ResultStep, Step } from './step.ts';

/** What the model is told about a call that has no result. */
const UNSETTLED = {
  unknown:
    'It is not known whether this call was carried out: it had begun when the turn was cut off. It may have taken effect.',
  notRun: 'This call was not run: the turn was cut off before it began.',
  withdrawn: 'Nobody has decided on this call, and it is withdrawn. It was not run.',
} as const satisfies Partial<Record<CallOutcome, string>>;

/** What a result says. */
type Said = Pick<ResultStep, 'content' | 'isError'>;

/**
 * The messages of an open turn that another turn follows, as any provider accepts them: its replies, and after each the results of its calls, one for each
 * and in their order. A call without a stored result is told as it stands: it may have taken effect, was not run, or is withdrawn. The text of a reply that was
 * cut short is the last message, and only that one is partial.
 */
export function settledMessages(list: Iterable<{ readonly step: Step }>): Message[] {
  const ledger = ledgerOf(list);
  const waiting = new Set(ledger.pending.map(({ callId }) => callId));
  return repaired(messagesOf(ledger, (state) => outcomeOf(state, waiting.has(state.call.id)))).messages;
}

/** The messages of an open turn: its replies with the results that `resultOf` gives, what the user said in between, and the text of a reply that was cut short. */
export function messagesOf(ledger: Ledger, resultOf: (call: CallState) => Said | undefined): Message[] {
  const messages: Message[] = [];
  for (const { reply, calls, said } of ledger.rounds) {
    messages.push(reply.message);
    const content = calls.flatMap((state): ToolResultPart[] => {
      const result = resultOf(state);
      if (result === undefined) return [];
      const { id, name } = state.call;
      const isError = result.isError && { isError: true };
      return [{ type: 'tool_result', id, name, content: result.content, ...isError }];
    });
    if (content.length > 0) messages.push({ role: 'tool', content });
    messages.push(...said);
  }
  const { message } = ledger.cut ?? {};
  if (message !== undefined) messages.push({ ...message, partial: true });
  return messages;
}

function outcomeOf({ started, decision, result }: CallState, waits: boolean): Said {
  if (result !== undefined) return result;
  // The decision is stored, so it counts, even if nothing was done about it.
  if (decision !== undefined && 'result' in decision)
    return { content: textOf(decision.result), isError: decision.isError ?? false };
  if (decision !== undefined && 'deny' in decision) return { content: decision.deny, isError: false };
  // A call that had begun may wait, too: somebody has to decide whether it is run again.
  const why = started ? 'unknown' : waits ? 'withdrawn' : 'notRun';
  return { content: UNSETTLED[why], isError: true };
}

function textOf(result: unknown): string {
  return typeof result === 'string' ? result : JSON.stringify(result ?? null);
}
