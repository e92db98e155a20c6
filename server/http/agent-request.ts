import * as z from 'zod';
import { decide } from '../../src/index.ts';
import { newId } from '../../src/kit/index.ts';
import type { DecisionsByCall, ExecutionOptions, Input, Message } from '../../src/index.ts';
import { ToolLimits } from '../../middleware/tools.ts';
import { ownerOfCaller } from '../callers/owners.ts';
import { RequestCaller, RequestContext } from '../callers/caller.ts';
import { fieldError, RequestError } from '../requests/request-error.ts';
import type { Served } from './pipelines.ts';
import type { ServerContext, Service } from './service.ts';
import type { TurnRequest } from './turns.ts';

/** The longest id of a turn, and of a session, that a store takes, in bytes of UTF-8. */
const MAX_TURN_ID_BYTES = 500;
const MAX_SESSION_ID_BYTES = 512;

/** Ids that clients make up. */
export const id = z
  .string()
  .min(1)
  .max(200)
  .refine((text) => isStorable(text, MAX_TURN_ID_BYTES), 'it is too long, or has half a character');

/** An id that a client made up, outside of the body's own fields. `field`: where it was found, such as the name of a header. Throws `invalid_request`. */
export function idFrom(field: string, given: string): string {
  const { data, error } = id.safeParse(given);
  if (data === undefined) throw fieldError(field, error?.issues[0]?.message ?? 'it is wrong');
  return data;
}

/** The id of a turn that has that of the user's last message, so that the same message sent again is the same turn; a random one if there is none. Throws `invalid_request`. */
export function turnIdOfMessage(given: string | undefined): string {
  if (given === undefined) return newId();
  if (isStorable(given, MAX_TURN_ID_BYTES)) return given;
  throw fieldError('messages', 'the id of the last one is too long, or has half a character');
}

/** The id in the path. Throws `not_found` if no store would keep anything under it. */
export function idInPath(c: ServerContext): string {
  const text = c.req.param('id') ?? '';
  if (text !== '' && isStorable(text, MAX_SESSION_ID_BYTES)) return text;
  throw new RequestError('not_found', 'There is nothing under this id.', { status: 404 });
}

function isStorable(text: string, maxBytes: number): boolean {
  return text.isWellFormed() && new TextEncoder().encode(text).length <= maxBytes;
}

/** What every request that starts a turn may have. Unknown fields are left alone: clients send more than we read. */
const common = z.object({
  pipeline: z.string().optional(),
  model: z.string().min(1).max(200).optional(),
  org_id: id.optional(),
  turn_id: id.optional(),
  context: z.record(z.string(), z.unknown()).optional(),
  max_iterations: z.int().min(1).optional(),
});

const message = z.looseObject({
  // What the system says is the server's own.
  role: z.enum(['user', 'assistant', 'tool']),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]),
});

const input = z.union(
  [z.string().min(1), message, z.array(message).min(1)],
  'give a text, a message of the roles user, assistant and tool, or a list of them',
);

const agentBody = common.extend({
  input: input.optional(),
  conversation_id: id.optional(),
  decisions: z.record(z.string(), z.unknown()).optional(),
});

const editBody = common.extend({ message_id: id, message: z.union([z.string().min(1), message]) });
const decisionsBody = common.extend({
  decisions: z.record(z.string(), z.unknown()),
  message: z.string().min(1).optional(),
});

type Common = z.output<typeof common>;

/** A body by its schema. Throws `invalid_request` with the name of the first field that is wrong. */
export function parsed<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.map(String).join('.') ?? '';
  throw fieldError(path === '' ? 'body' : path, issue?.message ?? 'it is wrong');
}

/** Whose a request is: the caller, in the name of an organization if it names one that it may. */
export function ownerOf(c: ServerContext, { settings }: Service, organization: string | undefined): string {
  const caller = c.get('caller');
  if (organization !== undefined && caller.organizations?.includes(organization) !== true)
    throw new RequestError('permission', 'org_id: the token does not allow this organization.', {
      field: 'org_id',
      status: 403,
    });
  return (settings.owner ?? ownerOfCaller)(caller, organization);
}

/** A turn of the agent routes, from a body. */
export function agentTurn(c: ServerContext, service: Service, body: unknown): TurnRequest {
  const asked = parsed(agentBody, body);
  const turn = baseTurn(c, service, asked, asked.conversation_id);
  if (asked.decisions !== undefined) {
    if (turn.session === undefined)
      throw fieldError('conversation_id', 'decisions are about calls of a conversation: name it');
    const said = typeof asked.input === 'string' ? asked.input : undefined;
    return { ...turn, input: decisionsOf(asked.decisions, said) };
  }
  if (asked.input === undefined) throw fieldError('input', 'give a text or messages');
  return { ...turn, input: messagesOf(asked.input) };
}

/** A turn that answers the last message of a conversation anew. */
export function regenerateTurn(c: ServerContext, service: Service, key: string, body: unknown): TurnRequest {
  return { ...baseTurn(c, service, parsed(common, body), key), input: [] };
}

/** A turn that replaces a message of a conversation. */
export function editTurn(c: ServerContext, service: Service, key: string, body: unknown): TurnRequest {
  const asked = parsed(editBody, body);
  const turn = baseTurn(c, service, asked, key);
  return { ...turn, input: messagesOf(asked.message), edit: asked.message_id };
}

/** A turn that goes on with what was decided. */
export function decisionsTurn(c: ServerContext, service: Service, key: string, body: unknown): TurnRequest {
  const asked = parsed(decisionsBody, body);
  const turn = baseTurn(c, service, asked, key);
  return { ...turn, input: decisionsOf(asked.decisions, asked.message) };
}

function baseTurn(
  c: ServerContext,
  service: Service,
  asked: Common,
  key: string | undefined,
): Omit<TurnRequest, 'input'> {
  const caller = c.get('caller');
  const requestId = c.get('requestId');
  const served = service.table.named(asked.pipeline);
  const owner = ownerOf(c, service, asked.org_id);
  const given = asked.turn_id ?? c.req.header('idempotency-key');
  const options: ExecutionOptions = {
    values: [
      RequestCaller.with(caller),
      ...(asked.context === undefined ? [] : [RequestContext.with(asked.context)]),
      ...(asked.max_iterations === undefined ? [] : [ToolLimits.with({ maxRounds: asked.max_iterations })]),
    ],
    ...(asked.model !== undefined && { model: allowedModel(served, asked.model) }),
  };
  return {
    ...{ served, caller, owner, requestId, options },
    session: key === undefined ? undefined : { owner, id: key },
    turnId: given === undefined ? newId() : idFrom('idempotency-key', given),
    isNamed: given !== undefined,
    mayDetach: true,
    model: asked.model,
  };
}

function allowedModel(served: Served, model: string): string {
  if (served.models.includes(model)) return model;
  throw new RequestError('not_found', 'model: there is no model of this name, or it may not be used.', {
    field: 'model',
  });
}

/** The messages as the pipeline takes them; it checks their parts itself. */
function messagesOf(given: z.output<typeof input>): Message[] {
  if (typeof given === 'string') return [{ role: 'user', content: given }];
  const messages: unknown[] = Array.isArray(given) ? given : [given];
  return messages.filter(isMessage);
}

function isMessage(value: unknown): value is Message {
  return message.safeParse(value).success;
}

function decisionsOf(given: Record<string, unknown>, said: string | undefined): Input {
  if (!isDecisions(given)) throw fieldError('decisions', 'give { "<id of a call>": { "approve": true } }');
  try {
    return decide(given, said === undefined ? {} : { message: said });
  } catch {
    throw fieldError(
      'decisions',
      'give { approve: true }, { deny: "why" } or { result } for each id of a call that waits',
    );
  }
}

/** Their forms are checked by `decide()`. */
function isDecisions(given: Record<string, unknown>): given is DecisionsByCall {
  return Object.values(given).every((decision) => typeof decision === 'object' && decision !== null);
}
