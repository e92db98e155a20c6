import type { Accumulator } from '../accumulator.ts';
import type { ExecutionEnd } from '../context.ts';
import type { Message } from '../messages.ts';
import type { Reply } from '../request.ts';
import type { ExecutionResult } from '../result.ts';
import type { Turn } from '../session/turn.ts';
import type { Execution } from './execution.ts';

/** What a result is made of. */
export interface ResultParts {
  execution: Execution;
  accumulator: Accumulator;
  /** What the hooks were told. */
  end: ExecutionEnd;
  /** What the root said at its end; undefined if it did not come to one. */
  reply: Reply | undefined;
  /** The caller's messages and those of the reply. */
  messages: Message[];
  turn: Turn | undefined;
  /** The reply's messages that could not be stored. */
  unsaved: Message[] | undefined;
}

/** The result of a completed or interrupted execution; undefined for any other. */
export function resultOf(parts: ResultParts): ExecutionResult | undefined {
  const { execution, accumulator, end, reply, messages, turn, unsaved } = parts;
  const { outcome, reason, latencyMs, timeToFirstChunkMs } = end;
  if (outcome !== 'completed' && outcome !== 'interrupted') return undefined;
  const { usage, cost } = turn?.replay ?? end;
  const pending = reply?.pending ?? [];
  const isWaiting = pending.length > 0;
  return {
    id: execution.id,
    outcome,
    ...(reason !== undefined && { reason }),
    response: {
      content: accumulator.content,
      thinking: accumulator.thinking,
      toolCalls: accumulator.toolCalls,
      finishReason: reply?.finishReason ?? 'other',
      parts: accumulator.parts,
    },
    ...(reply?.output !== undefined && { output: reply.output.value }),
    ...(isWaiting && { pending: pending.map((call) => ({ ...call })) }),
    messages,
    usage,
    cost,
    // Copies: an abandoned layer may go on, and must not change a result that was given away.
    trace: execution.trace.spans.map((span) => ({ ...span, attributes: { ...span.attributes } })),
    warnings: [...execution.warnings],
    latencyMs,
    ...(timeToFirstChunkMs !== undefined && { timeToFirstChunkMs }),
    ...modelThatAnswered(execution, reply),
    ...(turn !== undefined && {
      sessionId: turn.view.id,
      turn: { id: turn.id, ...(turn.record?.hasSteps === true ? turn.record.total : { usage, cost }) },
    }),
    ...(turn?.replay !== undefined && { replayed: true }),
    ...(unsaved !== undefined && { unsaved }),
    metadata: execution.metadata,
    ...(execution.raw.length > 0 && { raw: execution.raw }),
  };
}

/** The provider and the model, as far as they are known. */
export function modelThatAnswered(
  execution: Execution,
  reply: Reply | undefined,
): Pick<ExecutionResult, 'provider' | 'model'> {
  const last = execution.calls.at(-1);
  const provider = reply?.provider ?? last?.provider;
  const model = reply?.model ?? last?.model;
  return { ...(provider !== undefined && { provider }), ...(model !== undefined && { model }) };
}
