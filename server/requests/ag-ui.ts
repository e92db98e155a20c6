import type { Decision, Input, ToolDefinition } from '../../src/index.ts';
import { agUiMessagesAt, callNames, messagesOf, resultOf, type AgUiMessage } from './ag-ui-content.ts';
import { DENIED, decidedTurn, type DecidedCalls } from './decisions.ts';
import { isRecord, listAt, nameAt, objectAt, optionalAt, textAt, type Fields } from './read.ts';
import { fieldError } from './request-error.ts';
import { requireForeign, type ParsedRequest, type ParserSettings } from './request.ts';

/** Options of {@link parseAgUi}. */
export interface AgUiSettings extends ParserSettings {
  /** The thread is a session of the server: only what is new is taken of the messages. Default: false, the request has the whole thread. */
  session?: boolean;
  /** The ids of messages after the newest reply that the session has all the same, because a run with them has failed. Those before it are known in any case. */
  known?: ReadonlySet<string>;
  /** The names of tools without `execute`: their results come in the messages. Those of the request need not be named. */
  clientTools?: Iterable<string>;
}

/** A request of AG-UI. */
export interface AgUiRequest extends ParsedRequest {
  /** The thread: with a session, the session's id. */
  threadId: string;
  runId: string;
  /** What is said has this id: a request that comes again is the same turn. */
  turnId: string | undefined;
}

/**
 * A `RunAgentInput`. Throws a `RequestError`.
 *
 * With a session the input is what the user says anew, or the answers to interrupts and the results of the client's tools. Stored messages are never changed by a request.
 * `state` and `forwardedProps` are not for the model and are left out.
 */
export function parseAgUi(body: unknown, settings: AgUiSettings = {}): AgUiRequest {
  const fields = objectAt(body, 'body');
  const threadId = threadIdOf(fields);
  const runId = nameAt(fields['runId'], 'runId');
  const messages = agUiMessagesAt(fields['messages']);
  const tools = toolsOf(fields, settings);
  const clientTools = new Set([...(settings.clientTools ?? []), ...tools.map(({ name }) => name)]);
  const said =
    settings.session === true
      ? inSession(messages, fields, clientTools, settings)
      : { input: messagesOf(messages), turnId: undefined, continues: false };
  const context = contextOf(fields);
  if (settings.session !== true && (optionalAt(fields, 'resume', '', listAt) ?? []).length > 0)
    throw fieldError('resume', 'nothing waits here: interrupts need a session');
  return {
    input: said.input,
    options: {
      ...(tools.length > 0 && { tools }),
      ...(context !== undefined && { system: context }),
    },
    encoder: {
      clientTools,
      run: {
        threadId,
        runId,
        messages: messages.map((message) => message.fields),
        ...(said.continues && { continues: true }),
      },
    },
    stream: true,
    threadId,
    runId,
    turnId: said.turnId,
  };
}

/** The thread of a request. */
export function threadIdOf(body: unknown): string {
  return nameAt(objectAt(body, 'body')['threadId'], 'threadId');
}

interface Said {
  input: Input;
  turnId: string | undefined;
  continues: boolean;
}

function inSession(
  messages: readonly AgUiMessage[],
  fields: Fields,
  clientTools: ReadonlySet<string>,
  { known }: AgUiSettings,
): Said {
  const news = newMessages(messages).filter(({ id }) => known?.has(id) !== true);
  const said = news.filter(({ role }) => role === 'user');
  const input = messagesOf(said);
  const decided = decidedTurn({ ...resultsIn(messages, news, clientTools), ...answersIn(fields) }, input);
  if (decided !== undefined) return { ...decided, continues: true };
  if (input.length === 0)
    throw fieldError('messages', 'there is no new message of the user, and no answer to what waits');
  return { input, turnId: said.at(-1)?.id, continues: false };
}

function newMessages(messages: readonly AgUiMessage[]): readonly AgUiMessage[] {
  return messages.slice(messages.findLastIndex(({ role }) => role === 'assistant') + 1);
}

/** The ids of what the user has said after the newest reply, but for the last one, which begins the turn. A session may have them from runs that failed. */
export function unansweredIds(body: unknown): string[] {
  const messages = agUiMessagesAt(objectAt(body, 'body')['messages']);
  const ids = newMessages(messages).flatMap(({ role, id }) => (role === 'user' ? [id] : []));
  return ids.slice(-MAX_UNANSWERED, -1);
}

/** The most that a store is asked for. */
const MAX_UNANSWERED = 20;

/** Results of tools that the client runs. Those of the server's own tools are in the session. */
function resultsIn(
  messages: readonly AgUiMessage[],
  news: readonly AgUiMessage[],
  clientTools: ReadonlySet<string>,
): DecidedCalls {
  const names = callNames(messages);
  const on: DecidedCalls = {};
  for (const message of news) {
    if (message.role !== 'tool') continue;
    const { id, name, content, isError } = resultOf(message, names);
    if (clientTools.has(name)) on[id] = { result: content, ...(isError === true && { isError }) };
  }
  return on;
}

/** The answers to interrupts: `true`, `false`, `{ approved, arguments, reason }` or `{ result }`. */
function answersIn(fields: Fields): DecidedCalls {
  const on: DecidedCalls = {};
  (optionalAt(fields, 'resume', '', listAt) ?? []).forEach((each, at) => {
    const path = `resume[${at}]`;
    const entry = objectAt(each, path);
    const id = nameAt(entry['interruptId'], `${path}.interruptId`);
    const { status, payload } = entry;
    if (status === 'cancelled') on[id] = { deny: 'The user did not answer.' };
    else if (status === 'resolved') on[id] = answerOf(payload, `${path}.payload`);
    else throw fieldError(`${path}.status`, 'give "resolved" or "cancelled"');
  });
  return on;
}

function answerOf(payload: unknown, path: string): Decision {
  if (payload === true) return { approve: true };
  if (payload === false) return { deny: DENIED };
  if (isRecord(payload)) {
    const reason = optionalAt(payload, 'reason', path, textAt);
    const { approved, arguments: changed, result } = payload;
    if (approved === true)
      return {
        approve: true,
        ...(changed !== undefined && { arguments: changed }),
        ...(reason !== undefined && { reason }),
      };
    if (approved === false) return { deny: reason ?? DENIED };
    if (result !== undefined) return { result };
  }
  throw fieldError(path, 'give { "approved": true }, { "approved": false } or { "result": ... }');
}

function toolsOf(fields: Fields, settings: AgUiSettings): ToolDefinition[] {
  return (optionalAt(fields, 'tools', '', listAt) ?? []).map((each, at) => {
    const path = `tools[${at}]`;
    const tool = objectAt(each, path);
    const name = requireForeign(nameAt(tool['name'], `${path}.name`), `${path}.name`, settings);
    const description = optionalAt(tool, 'description', path, textAt);
    const parameters = optionalAt(tool, 'parameters', path, objectAt) ?? { type: 'object', properties: {} };
    return { name, ...(description !== undefined && { description }), parameters: { ...parameters } };
  });
}

/** What the page knows: a message of the system, which is not part of the thread. */
function contextOf(fields: Fields): string | undefined {
  const lines = (optionalAt(fields, 'context', '', listAt) ?? []).map((each, at) => {
    const path = `context[${at}]`;
    const entry = objectAt(each, path);
    return `${textAt(entry['description'], `${path}.description`)}: ${textAt(entry['value'], `${path}.value`)}`;
  });
  return lines.length === 0 ? undefined : lines.join('\n');
}
