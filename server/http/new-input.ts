import { decide, textOf } from '../../src/index.ts';
import type { Decision, Input, Message, OpenSession, StoredTurn } from '../../src/index.ts';
import { callsOf, inputIdOf, replyIdOf } from '../../src/kit/index.ts';
import { oneMessage } from '../requests/decisions.ts';
import type { Served } from './pipelines.ts';

/** How many of the newest messages of a session are looked through for what is sent again. */
const LOOKED_THROUGH = 20;

/**
 * What is new in a request that repeats the whole conversation: what follows its last reply, without what the session has from turns that failed. If nothing is left, the session's last
 * message is answered anew. Results of calls that wait become decisions. `named`: the id that the client gave the turn.
 */
export async function newInput(
  { pipeline: { store } }: Served,
  key: { owner: string; id: string },
  messages: readonly Message[],
  named: string | undefined,
): Promise<Input> {
  const last = messages.findLastIndex(({ role }) => role === 'assistant');
  const news = messages.slice(last + 1).filter(({ role }) => role !== 'system');
  const [session, begun, replied] = await Promise.all([
    store.load(key, { last: LOOKED_THROUGH, open: true, ids: true }),
    named === undefined ? undefined : store.turn(key, inputIdOf(named)),
    named === undefined ? undefined : store.turn(key, replyIdOf(named)),
  ]);
  if (session === undefined) return news;
  const waiting = new Set(session.openTurn?.pending.map(({ callId }) => callId));
  const decided = decisionsIn(news, waiting);
  if (decided !== undefined) return decided;
  // The same turn again has the same input, whatever has become of it.
  const own = begun?.messages ?? [];
  if (own.length > 0 && isSame(news.slice(-own.length), own)) return own;
  if (own.length === 0 && isSame(news.slice(-1), answeredAnew(session, begun, replied))) return [];
  return news.slice(countKnown(news, session.messages, messages[last]));
}

/** The message that a turn without a message of its own has answered, if it is among those that were looked through. */
function answeredAnew(
  { ids = [], messages }: OpenSession,
  begun: StoredTurn | undefined,
  replied: StoredTurn | undefined,
): Message[] {
  const at = begun === undefined ? ids.indexOf(replied?.ids[0] ?? '') - 1 : ids.indexOf(begun.after ?? '');
  const answered = messages[at];
  return answered === undefined ? [] : [answered];
}

function decisionsIn(news: readonly Message[], waiting: ReadonlySet<string>): Input | undefined {
  if (waiting.size === 0) return undefined;
  const on: Record<string, Decision> = {};
  for (const part of news.flatMap(({ content }) => (typeof content === 'string' ? [] : content)))
    if (part.type === 'tool_result' && waiting.has(part.id))
      on[part.id] = { result: part.content, ...(part.isError === true && { isError: true }) };
  if (Object.keys(on).length === 0) return undefined;
  const said = oneMessage(news.filter(({ role }) => role === 'user'));
  return decide(on, said === undefined ? {} : { message: said });
}

/** How many of the first messages are at the end of the session already. `last`: the last reply that the client has. */
function countKnown(news: readonly Message[], stored: readonly Message[], last: Message | undefined): number {
  const known = unansweredIn(stored, last);
  for (let count = Math.min(news.length, known.length); count > 0; count--)
    if (isSame(known.slice(-count), news.slice(0, count))) return count;
  return 0;
}

/** What was said to a model after the last reply that is whole, or that the client has: the messages of turns that failed. */
function unansweredIn(stored: readonly Message[], last: Message | undefined): Message[] {
  const said: Message[] = [];
  let isEnd = true;
  for (const message of stored.toReversed()) {
    const { role, partial } = message;
    if (role === 'assistant' && ((isEnd && partial !== true) || isThe(message, last))) break;
    if (role === 'user' || (role === 'tool' && last !== undefined && answers(message, last)))
      said.unshift(message);
    isEnd = role === 'user';
  }
  return said;
}

/** Whether a stored reply is the one that the client has. */
function isThe(reply: Message, last: Message | undefined): boolean {
  if (last === undefined) return false;
  const [text, calls] = [textOf(last), new Set(callsOf(last).map(({ id }) => id))];
  return (text !== '' && textOf(reply) === text) || callsOf(reply).some(({ id }) => calls.has(id));
}

/** Whether a message has results of calls of a reply. */
function answers({ content }: Message, reply: Message): boolean {
  const calls = new Set(callsOf(reply).map(({ id }) => id));
  return (
    typeof content !== 'string' && content.some((part) => part.type === 'tool_result' && calls.has(part.id))
  );
}

function isSame(some: readonly Message[], others: readonly Message[]): boolean {
  return JSON.stringify(some) === JSON.stringify(others);
}
