import type { Message } from '../../messages.ts';
import { ledgerOf } from './ledger.ts';
import type { Step } from './step.ts';

/** The messages of a reply with what the user said together with decisions, each after the results of its round. */
export function withSaid(messages: Message[], list: readonly { readonly step: Step }[]): Message[] {
  if (!list.some(({ step }) => step.kind === 'message')) return messages;
  const placed = [...messages];
  let at = 0;
  for (const { calls, said } of ledgerOf(list).rounds) {
    if (calls.length > 0) at = afterResults(placed, at);
    placed.splice(at, 0, ...said);
    at += said.length;
  }
  return placed;
}

/** Behind the next results. A layer may have taken them out: then before the last message. */
function afterResults(messages: readonly Message[], from: number): number {
  const at = messages.findIndex(({ role }, place) => place >= from && role === 'tool');
  return at < 0 ? Math.max(from, messages.length - 1) : at + 1;
}
