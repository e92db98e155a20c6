import type { ExecutionResult } from '../../src/index.ts';
import { oneLine } from '../clean-text.ts';

/** What the user should know about a reply besides its text, one line each. */
export function replyNotes(result: ExecutionResult): string[] {
  const warnings = result.warnings.filter((warning) => !isToldByUsageLine(warning, result));
  const notes = warnings.map((warning) => `warning: ${oneLine(warning)}`);
  const { finishReason, toolCalls, content, parts } = result.response;
  const answered = new Set(parts.map((part) => (part.type === 'tool_result' ? part.id : undefined)));
  const waiting = new Set(
    result.pending?.flatMap(({ callId, waitsFor }) => (waitsFor === 'client' ? [] : [callId])),
  );
  if (result.outcome === 'interrupted' && waiting.size === 0)
    notes.push(`stopped: ${oneLine(result.reason ?? 'no reason was given')}`);
  for (const { id, name } of toolCalls)
    if (!answered.has(id) && !waiting.has(id))
      notes.push(`note: the model asks for the tool ${oneLine(name, 80)}, which the chat does not have`);
  const ending = endings[finishReason];
  if (ending !== undefined && result.outcome === 'completed') notes.push(`note: ${ending}`);
  if (content === '' && toolCalls.length === 0 && ending === undefined)
    notes.push('note: the reply has no text');
  return notes;
}

const endings: Partial<Record<ExecutionResult['response']['finishReason'], string>> = {
  length: 'the reply reached the token limit',
  content_filter: "the provider's content filter stopped the reply",
  refusal: 'the model declined to answer',
  pause: 'the provider paused the reply; send a message to continue',
};

/** The usage line already says "cost unknown", and the advice in the warning is for programmers. */
function isToldByUsageLine(warning: string, { cost }: ExecutionResult): boolean {
  return cost.status === 'unknown' && warning.startsWith('No price is known');
}
