import type { Message, Part, Role } from '../../src/index.ts';
import type { Turn } from './conversation.ts';
import { pairsOf } from './pairs.ts';

/**
 * Where the rounds of a turn begin, as indexes of its messages. A round is a reply with the results of its calls, up to the next reply. Replies
 * in a row are one round, and so are all rounds between a call that the provider ran itself and its answer.
 */
export function roundStarts({ messages }: Turn): number[] {
  const { answeredAt } = pairsOf(messages);
  const starts: number[] = [];
  /** The indexes of the messages with calls that the provider runs, by the ids of these calls. */
  const hosted = new Map<unknown, number>();
  let before: Role | undefined;
  let openUntil = -1;
  messages.forEach((message, index) => {
    if (message.role === 'system') return;
    if (message.role === 'assistant' && before !== 'assistant' && index > openUntil) starts.push(index);
    for (const part of partsOf(message)) {
      const asked = Math.min(...answeredIds(part).map((id) => hosted.get(id) ?? index));
      while (asked < (starts.at(-1) ?? -1)) starts.pop();
      for (const id of hostedIds(part)) if (!hosted.has(id)) hosted.set(id, index);
    }
    before = message.role;
    openUntil = Math.max(openUntil, answeredAt[index] ?? -1);
  });
  return starts;
}

/** A turn without the rounds before number `first`. What the user and the system said in them is kept. */
export function turnFrom({ messages }: Turn, starts: readonly number[], first: number): Turn {
  const [opening = messages.length] = starts;
  const from = starts[first] ?? messages.length;
  const between = messages.slice(opening, from).flatMap(saidOutside);
  const kept = [...messages.slice(0, opening), ...between, ...messages.slice(from)];
  return { messages: kept, spoken: kept.filter(({ role }) => role !== 'system') };
}

/** What stays of a message whose round is left out: the words of the user and the system. */
export function saidOutside(message: Message): Message[] {
  const { role, content } = message;
  if (role === 'system') return [message];
  if (role !== 'user') return [];
  if (typeof content === 'string') return [message];
  const said = content.filter(({ type }) => type !== 'tool_result');
  return said.length === 0 ? [] : [said.length === content.length ? message : { ...message, content: said }];
}

/** The ids under which a later part may refer to a call that the provider runs itself. */
function hostedIds(part: Part): unknown[] {
  if (part.type === 'tool_call')
    return part.providerExecuted === true ? known(part.id, part.block?.data) : [];
  return part.type === 'provider' ? known(undefined, part.block.data) : [];
}

function known(id: string | undefined, data: unknown): unknown[] {
  return [id, fieldOf(data, 'id')].filter((one) => one !== undefined);
}

/** The ids of the provider's calls that a part answers, or whose programs it was called by. */
function answeredIds(part: Part): unknown[] {
  switch (part.type) {
    case 'tool_result':
      return part.providerExecuted === true ? [part.id] : [];
    case 'provider':
      return [fieldOf(part.block.data, 'tool_use_id')];
    case 'tool_call':
      return [fieldOf(fieldOf(part.block?.data, 'caller'), 'tool_id')];
    default:
      return [];
  }
}

function partsOf({ content }: Message): readonly Part[] {
  return typeof content === 'string' ? [] : content;
}

function fieldOf(data: unknown, field: string): unknown {
  return typeof data === 'object' && data !== null ? Reflect.get(data, field) : undefined;
}
