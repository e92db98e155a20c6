import type { Message, Part, ToolCallPart, ToolResultPart } from '../messages.ts';

/** Messages that every provider accepts, and what had to be left out for that. */
export interface Repaired {
  messages: Message[];
  faults: Fault[];
}

/** One thing that had to be left out. */
export interface Fault {
  /** Which message it was in, counted from 0. */
  at: number;
  what: 'call' | 'result' | 'thinking' | 'message';
}

/** Called for everything that is left out of a message. */
type Found = (what: Fault['what']) => void;

/** What comes after the messages. */
export interface RepairOptions {
  /** Messages that come after them, whose tool results answer their last calls. */
  followedBy?: readonly Message[];
  /** The state of a reply at the very end. `open`: its tool calls may still be answered; `paused`: the provider will continue it. */
  lastReply?: 'open' | 'paused' | undefined;
}

/**
 * Leaves out of a conversation what a provider would refuse it for, and for good: calls of tools without a result, with the reasoning that led to them,
 * results without their call, thinking with nothing after it, empty messages. All else stays as it is, to the byte.
 */
export function repaired(messages: readonly Message[], options: RepairOptions = {}): Repaired {
  const { followedBy = [], lastReply } = options;
  const faults: Fault[] = [];
  const kept: Message[] = [];
  let unanswered = new Set<string>();
  let answered: ReadonlyMap<unknown, number> = new Map();
  const lastAt = lastReplyOf(messages);
  const newest = messages.findLastIndex(({ role }) => role === 'assistant');
  messages.forEach((message, at) => {
    let repairedMessage = message;
    if (message.role === 'assistant') {
      if (!isInRow(messages[at - 1])) answered = serverAnswers(messages, at);
      const row = answered;
      const last = at === lastAt && followedBy.length === 0 ? lastReply : undefined;
      if (last !== 'paused') {
        repairedMessage = repairReply(message, (what) => faults.push({ at, what }), {
          calls: last === 'open' ? undefined : answersAfter(messages, at, followedBy),
          isAnsweredByServer: (id) => (row.get(id) ?? -1) >= at,
          isNewest: at === newest,
        });
      }
      unanswered = new Set(callsOf(repairedMessage));
    } else if (isAnswer(message)) {
      repairedMessage = repairAnswer(message, unanswered, (what) => faults.push({ at, what }));
    }
    if (!isEmpty(repairedMessage)) kept.push(repairedMessage);
    else if (repairedMessage === message) faults.push({ at, what: 'message' });
  });
  return { messages: kept, faults };
}

/** The place of a reply at the very end. The results of some of its calls may follow. */
function lastReplyOf(messages: readonly Message[]): number {
  let at = messages.length - 1;
  while (messages[at]?.role === 'tool') at--;
  return at;
}

/** What was left out, in one sentence for a warning; undefined if nothing was. */
export function repairWarning(faults: readonly Fault[]): string | undefined {
  const count = (what: Fault['what']): number => faults.filter((fault) => fault.what === what).length;
  const left = [
    counted(count('call'), 'tool call without its result', 'tool calls without their results'),
    counted(count('result'), 'tool result without its call', 'tool results without their calls'),
    counted(
      count('thinking'),
      'piece of thinking with nothing after it',
      'pieces of thinking with nothing after them',
    ),
    counted(count('message'), 'empty message', 'empty messages'),
  ].filter((text) => text !== undefined);
  return left.length === 0 ? undefined : `The stored conversation was repaired: ${left.join(', ')} left out.`;
}

function counted(number: number, one: string, many: string): string | undefined {
  if (number === 0) return undefined;
  return number === 1 ? `1 ${one}` : `${number} ${many}`;
}

/**
 * The messages of a window that does not reach back to the beginning: from its first message of the user on, so that it holds whole turns. If
 * there is none, all but the results whose calls are outside.
 */
export function wholeTurns(messages: readonly Message[]): Message[] {
  const first = messages.findIndex((message) => message.role === 'user' && !isAnswer(message));
  if (first >= 0) return messages.slice(first);
  const known = messages.findIndex((message) => !isAnswer(message));
  return known < 0 ? [] : messages.slice(known);
}

/** The ids that are answered directly after a message. */
function answersAfter(
  messages: readonly Message[],
  at: number,
  followedBy: readonly Message[],
): ReadonlySet<string> {
  const ids = new Set<string>();
  for (let next = at + 1; ; next++) {
    const message = messages[next] ?? followedBy[next - messages.length];
    if (message === undefined || !isAnswer(message)) return ids;
    for (const part of partsOf(message)) if (isClientResult(part)) ids.add(part.id);
    if (saysMore(message)) return ids;
  }
}

/** The ids of the calls that have a result: of tools (undefined: all may still get one), and of the provider's own tools. */
interface Answered {
  calls: ReadonlySet<string> | undefined;
  isAnsweredByServer: (id: unknown) => boolean;
  /** Whether no other reply follows. Beside calls of tools, a call of the provider may then get its result in the next reply. */
  isNewest: boolean;
}

/** A reply without calls that nothing answers. */
function repairReply(message: Message, found: Found, answered: Answered): Message {
  if (typeof message.content === 'string') return message;
  const parts = message.content;
  const isLostOfClient = (part: ToolCallPart): boolean => answered.calls?.has(part.id) === false;
  // Programs of the provider that wait for the client's tools: their result comes after those of the tools.
  const answerable = parts.filter(isClientCall).filter((one) => !isLostOfClient(one));
  const waiting = new Set(answerable.map(callerOf));
  const mayCome = answered.isNewest && answerable.length > 0;
  const isLost = (part: Part): boolean => {
    if (isClientCall(part)) return isLostOfClient(part);
    return (
      !mayCome && isServerCall(part) && !answered.isAnsweredByServer(idOf(part)) && !waiting.has(idOf(part))
    );
  };
  const isKept = keptParts(parts, isLost);
  const kept = parts.filter((part, at) => {
    if (isKept[at] === false) found(part.type === 'thinking' ? 'thinking' : 'call');
    return isKept[at];
  });
  return kept.length === parts.length ? message : { ...message, content: kept };
}

/** Which parts are kept. Reasoning goes with what it led to; of an unbroken row of calls one that is left keeps it. */
function keptParts(parts: readonly Part[], isLost: (part: Part) => boolean): boolean[] {
  const isKept: boolean[] = [];
  // From the last part on, so that each is looked at once.
  let isFollowed = false;
  let isCallLeft = false;
  for (let at = parts.length - 1; at >= 0; at--) {
    const part = parts[at];
    if (part === undefined) continue;
    if (part.type === 'thinking') {
      isKept[at] = isFollowed;
      isCallLeft = false;
      continue;
    }
    const lost = isLost(part);
    isKept[at] = !lost;
    isCallLeft = part.type === 'tool_call' && (!lost || isCallLeft);
    isFollowed = !lost || isCallLeft;
  }
  return isKept;
}

function isClientCall(part: Part): part is ToolCallPart {
  return part.type === 'tool_call' && part.providerExecuted !== true;
}

function isClientResult(part: Part): part is ToolResultPart {
  return part.type === 'tool_result' && part.providerExecuted !== true;
}

/**
 * A call that the provider runs itself and answers in a block of its own, which refers to its `id` by `tool_use_id`. Other
 * providers put the answer into the call.
 */
function isServerCall(part: Part): boolean {
  if (part.type !== 'provider' && part.type !== 'tool_call') return false;
  const type = fieldOf(part.block?.data, 'type');
  return typeof type === 'string' && type.endsWith('tool_use');
}

function idOf(part: Part): unknown {
  return part.type === 'provider' ? fieldOf(part.block.data, 'id') : 'id' in part ? part.id : undefined;
}

/** The id of the provider's call whose program made a call of the client's tool. */
function callerOf(part: ToolCallPart): unknown {
  return fieldOf(fieldOf(part.block?.data, 'caller'), 'tool_id');
}

/** Whether a message belongs to a row of replies: it is one, or has only the results of its calls. */
function isInRow(message: Message | undefined): boolean {
  if (message === undefined) return false;
  return message.role === 'assistant' || (isAnswer(message) && !saysMore(message));
}

/** The ids that blocks refer to, in a row of replies from `at` on, and in which message each is last. */
function serverAnswers(messages: readonly Message[], at: number): ReadonlyMap<unknown, number> {
  const ids = new Map<unknown, number>();
  for (let next = at; isInRow(messages[next]); next++) {
    if (messages[next]?.role !== 'assistant') continue;
    for (const part of partsOf(messages[next])) {
      if (part.type === 'provider') ids.set(fieldOf(part.block.data, 'tool_use_id'), next);
      else if (part.type === 'tool_result') ids.set(part.id, next);
    }
  }
  return ids;
}

function fieldOf(data: unknown, field: string): unknown {
  return typeof data === 'object' && data !== null ? Reflect.get(data, field) : undefined;
}

/** Results without those whose call is not there, or was answered before. */
function repairAnswer(message: Message, unanswered: Set<string>, found: Found): Message {
  const parts = partsOf(message);
  const kept = parts.filter((part) => {
    const isKept = !isClientResult(part) || unanswered.delete(part.id);
    if (!isKept) found('result');
    return isKept;
  });
  return kept.length === parts.length ? message : { ...message, content: kept };
}

function isAnswer(message: Message): boolean {
  return message.role === 'tool' || partsOf(message).some(isClientResult);
}

/** Whether the user speaks in it as well: results that come after that are too late. */
function saysMore(message: Message): boolean {
  return message.role !== 'tool' && partsOf(message).some((part) => !isClientResult(part));
}

function callsOf(message: Message): string[] {
  return partsOf(message).flatMap((part) => (isClientCall(part) ? [part.id] : []));
}

function partsOf(message: Message | undefined): readonly Part[] {
  return message === undefined || typeof message.content === 'string' ? [] : message.content;
}

/** Blank text alone is refused by some providers too. */
function isEmpty({ content }: Message): boolean {
  if (typeof content === 'string') return content.trim() === '';
  return content.every((part) => part.type === 'text' && part.text.trim() === '');
}
