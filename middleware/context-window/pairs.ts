import type { Message } from '../../src/index.ts';

/** Which tool calls have results, by the indexes of their messages. */
export interface Pairs {
  /** For each message, the index of the last message with a result of one of its calls; -1 if there is none. */
  readonly answeredAt: readonly number[];
  /** Calls without a result and results without a call: their indexes in the content, by the index of their message. */
  readonly unpaired: ReadonlyMap<number, ReadonlySet<number>>;
}

interface Place {
  message: number;
  part: number;
}

/**
 * Pairs calls with results. Calls that the provider ran itself are skipped. If an id occurs again, for example because each turn numbers its calls
 * from 1, a result belongs to the newest open call.
 */
export function pairsOf(messages: readonly Message[]): Pairs {
  const answeredAt = messages.map(() => -1);
  const unpaired = new Map<number, Set<number>>();
  const open = new Map<string, Place[]>();
  function leave({ message, part }: Place): void {
    unpaired.set(message, (unpaired.get(message) ?? new Set()).add(part));
  }
  messages.forEach(({ content }, message) => {
    if (typeof content === 'string') return;
    content.forEach((one, part) => {
      if ('providerExecuted' in one && one.providerExecuted === true) return;
      if (one.type === 'tool_call') {
        const calls = open.get(one.id);
        if (calls === undefined) open.set(one.id, [{ message, part }]);
        else calls.push({ message, part });
      } else if (one.type === 'tool_result') {
        const call = open.get(one.id)?.pop();
        if (call === undefined) leave({ message, part });
        else answeredAt[call.message] = message;
      }
    });
  });
  for (const calls of open.values()) calls.forEach(leave);
  return { answeredAt, unpaired };
}

/**
 * A message without its unpaired parts, or undefined if nothing is left. If all calls of a message are removed, its thinking is removed, too:
 * providers refuse it without the call that it led to.
 */
export function withoutUnpaired(message: Message, unpaired: ReadonlySet<number>): Message | undefined {
  if (typeof message.content === 'string') return message;
  const paired = message.content.filter((_, part) => !unpaired.has(part));
  const lostCall = message.content.some(({ type }, part) => type === 'tool_call' && unpaired.has(part));
  const content =
    lostCall && !paired.some(({ type }) => type === 'tool_call')
      ? paired.filter(({ type }) => type !== 'thinking' && type !== 'provider')
      : paired;
  return content.length === 0 ? undefined : { ...message, content };
}
