import type { Message, PendingCall, Step, ToolCallPart } from 'sluice';

/** A reply of one round with calls of these ids, of which some begin at once and some wait. */
export function reply(
  round: number,
  ids: readonly string[],
  { starts = [], waits = [] }: { starts?: readonly string[]; waits?: readonly string[] } = {},
): Step {
  const calls = ids.map((id): ToolCallPart => ({ type: 'tool_call', id, name: `tool-${id}`, arguments: {} }));
  const message: Message = {
    role: 'assistant',
    content: [{ type: 'text', text: `round ${round}` }, ...calls],
  };
  return {
    kind: 'reply',
    round,
    message,
    reply: { finishReason: ids.length > 0 ? 'tool_calls' : 'stop' },
    starts: [...starts],
    ...(waits.length > 0 && { waits: waits.map((id) => waiting(id)) }),
  };
}

export const waiting = (
  callId: string,
  waitsFor: PendingCall['waitsFor'] = 'approval',
  path?: string,
): PendingCall => ({ callId, name: `tool-${callId}`, arguments: {}, waitsFor, ...(path && { path }) });

export const started = (callId: string): Step => ({ kind: 'started', callId });

export const done = (callId: string, content = `result of ${callId}`): Step => ({
  kind: 'result',
  callId,
  content,
  isError: false,
  outcome: 'done',
});

export const wait = (...pending: PendingCall[]): Step => ({ kind: 'wait', pending });

export const decide = (
  callId: string,
  by: string,
  decision: Extract<Step, { kind: 'decision' }>['decision'],
) => ({ kind: 'decision', callId, by, decision }) satisfies Step;

export const say = (text: string): Step => ({ kind: 'message', message: { role: 'user', content: text } });

export const cut = (text?: string): Step => ({
  kind: 'cut',
  outcome: 'failed',
  ...(text !== undefined && { message: { role: 'assistant', content: text } }),
});

/** A step of an inner loop. */
export const inside = (path: string, step: Step): Step => ({ ...step, path });

/** Steps as a ledger takes them. */
export const stored = (...steps: Step[]): { step: Step }[] => steps.map((step) => ({ step }));
