import type { Decision, Input } from '../../src/index.ts';
import type { UiContinued } from '../formats/format.ts';
import { DENIED, decidedTurn, type DecidedCalls } from './decisions.ts';
import { flagAt, isRecord, nameAt, objectAt, optionalAt, textAt, type Fields } from './read.ts';
import { fieldError } from './request-error.ts';
import type { ParsedRequest } from './request.ts';
import { messagesOf, uiCalls, uiMessagesAt, type UiMessage } from './ui-content.ts';

/** Options of {@link parseUiMessages}. */
export interface UiMessageSettings {
  /** The conversation is a session of the server: only what is new is taken of the request. Default: false, the request has all of it. */
  session?: boolean;
  /** The names of tools that the page runs. Their results come in the messages. */
  clientTools?: Iterable<string>;
  /** The major version of `ai` that the page has, unless the request has a `version`. Default: 5. */
  version?: 5 | 6 | 7;
}

/** A request of `useChat`. */
export interface UiMessageRequest extends ParsedRequest {
  /** The id of the chat: with a session, the session's. */
  chatId: string | undefined;
  /** `regenerate`: the last reply is made anew. `edit`: the message `messageId` is replaced by the input. */
  action: 'submit' | 'regenerate' | 'edit';
  /** The message that is made anew or replaced. */
  messageId: string | undefined;
  /** What is said has this id: a request that comes again is the same turn. */
  turnId: string | undefined;
}

/**
 * A request of the AI SDK's `DefaultChatTransport`. Throws a `RequestError`.
 *
 * With a session the input is the new message of the user, or the decisions that the user has made about calls that wait: a decision is looked up over all messages.
 */
export function parseUiMessages(body: unknown, settings: UiMessageSettings = {}): UiMessageRequest {
  const fields = objectAt(body, 'body');
  const messages = uiMessagesAt(fields['messages']);
  const clientTools = new Set(settings.clientTools);
  const version = versionOf(fields, settings);
  const asked = said(messages, fields, clientTools, settings.session === true);
  const trigger = fields['trigger'] ?? 'submit-message';
  if (trigger !== 'submit-message' && trigger !== 'regenerate-message')
    throw fieldError('trigger', 'give "submit-message" or "regenerate-message"');
  const messageId = optionalAt(fields, 'messageId', '', textAt);
  const continues = continuedBy(messages);
  return {
    input: asked.input,
    options: {},
    encoder: {
      clientTools,
      version,
      ...(continues !== undefined && trigger === 'submit-message' && { continues }),
    },
    stream: true,
    chatId: optionalAt(fields, 'id', '', nameAt),
    action: trigger === 'regenerate-message' ? 'regenerate' : isEdit(messages, messageId) ? 'edit' : 'submit',
    messageId,
    turnId: asked.turnId,
  };
}

interface Said {
  input: Input;
  turnId: string | undefined;
}

function said(
  messages: UiMessage[],
  fields: Fields,
  clientTools: ReadonlySet<string>,
  session: boolean,
): Said {
  if (!session) return { input: messages.flatMap(messagesOf), turnId: undefined };
  const last = messages.findLastIndex(({ role }) => role === 'assistant');
  const news = messages.slice(last + 1).filter(({ role }) => role === 'user');
  const input = news.flatMap(messagesOf);
  const decided = decidedTurn(decisionsIn(messages, clientTools, fields), input);
  if (decided !== undefined) return decided;
  if (input.length === 0 && fields['trigger'] !== 'regenerate-message')
    throw fieldError('messages', 'the last message is not one of the user, and decides nothing');
  return { input, turnId: news.at(-1)?.id };
}

/** What the user has decided: approvals anywhere in the messages, and results of the page's tools in the newest one of the assistant. */
function decisionsIn(
  messages: readonly UiMessage[],
  clientTools: ReadonlySet<string>,
  fields: Fields,
): DecidedCalls {
  const on: DecidedCalls = { ...givenDecisions(fields) };
  for (const message of messages) {
    for (const { id, state, part, path } of uiCalls(message)) {
      if (state !== 'approval-responded') continue;
      const approval = objectAt(part['approval'], `${path}.approval`);
      const reason = optionalAt(approval, 'reason', `${path}.approval`, textAt);
      on[id] = flagAt(approval['approved'], `${path}.approval.approved`)
        ? { approve: true, ...(reason !== undefined && { reason }) }
        : { deny: reason ?? DENIED };
    }
  }
  const newest = messages.at(-1);
  if (newest?.role !== 'assistant') return on;
  for (const { id, name, state, part } of lastStep(newest)) {
    if (!clientTools.has(name)) continue;
    if (state === 'output-available') on[id] = { result: part['output'] ?? null };
    if (state === 'output-error') on[id] = { result: part['errorText'] ?? 'The tool failed.', isError: true };
  }
  return on;
}

/** Decisions in a field of their own: for pages with `ai` 5, whose messages have no place for them. */
function givenDecisions(fields: Fields): DecidedCalls {
  const given = optionalAt(fields, 'decisions', '', objectAt) ?? {};
  return Object.fromEntries(
    Object.entries(given).map(([id, value]): [string, Decision] => {
      const path = `decisions.${id}`;
      const decision = objectAt(value, path);
      if (decision['approve'] === true) {
        const { arguments: changed } = decision;
        return [id, { approve: true, ...(changed !== undefined && { arguments: changed }) }];
      }
      if ('deny' in decision) return [id, { deny: textAt(decision['deny'], `${path}.deny`) }];
      if ('result' in decision) return [id, { result: decision['result'] }];
      throw fieldError(path, 'give { "approve": true }, { "deny": "why" } or { "result": ... }');
    }),
  );
}

function lastStep(message: UiMessage): ReturnType<typeof uiCalls> {
  const from = message.parts.findLastIndex((part) => part['type'] === 'step-start');
  return uiCalls(message).filter(({ at }) => at > from);
}

/** If the newest message is the assistant's, the page adds to it. */
function continuedBy(messages: readonly UiMessage[]): UiContinued | undefined {
  const newest = messages.at(-1);
  if (newest?.role !== 'assistant' || newest.id === undefined) return undefined;
  const calls = uiCalls(newest);
  const isDenied = ({ state, part }: (typeof calls)[number]): boolean =>
    state === 'approval-responded' && isRecord(part['approval']) && part['approval']['approved'] === false;
  return {
    messageId: newest.id,
    calls: new Set(calls.map(({ id }) => id)),
    denied: new Set(calls.filter(isDenied).map(({ id }) => id)),
  };
}

/** A page that edits a message names it, and sends it as the last one. */
function isEdit(messages: readonly UiMessage[], messageId: string | undefined): boolean {
  const newest = messages.at(-1);
  return messageId !== undefined && newest?.role === 'user' && newest.id === messageId;
}

function versionOf(fields: Fields, { version = 5 }: UiMessageSettings): 5 | 6 | 7 {
  const given = fields['version'];
  if (given === undefined) return version;
  if (given === 5 || given === 6 || given === 7) return given;
  throw fieldError('version', 'give 5, 6 or 7: the major version of `ai` in the page');
}
