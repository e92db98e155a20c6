import type { Part, ToolCallPart } from '../../../../src/index.ts';
import { leaveOut, ownBlock, providerRun, count, text } from '../../../wire/index.ts';
import { argumentsText, inputText } from '../../shared/request-context.ts';
import type { RequestContext, Json } from '../../shared/request-context.ts';
import type { ThinkingBack } from '../../server/thinking-back.ts';

/** The parts that a message of the model is made of. */
interface Reply {
  content: string;
  refusal: string;
  thinking: string;
  calls: Json[];
  /** The id of audio that the model made. */
  audioId: string | undefined;
  /** Other fields that the server sent with the message and wants back: signatures, reasoning details, a phase. */
  fields: Json | undefined;
}

/**
 * A message of the model, or none if nothing of it can be sent. `thinkingBack` says how the server wants the thinking back.
 * Calls that the provider ran itself have no place in the message; they are in its other fields.
 */
export function assistantMessages(
  context: RequestContext,
  parts: readonly Part[],
  name: Json,
  thinkingBack: ThinkingBack | undefined,
): Json[] {
  const reply = readParts(context, parts);
  const { content, refusal, thinking, calls, audioId, fields } = reply;
  // A reply that was cut before its first word. The API refuses an empty message.
  if (content === '' && refusal === '' && calls.length === 0 && audioId === undefined) return [];
  const message: Json = { role: 'assistant', ...name, content: content === '' ? null : content };
  if (refusal !== '') message['refusal'] = refusal;
  if (audioId !== undefined) {
    // The audio includes its text.
    message['content'] = null;
    message['audio'] = { id: audioId };
  }
  if (thinkingBack !== undefined) {
    const thought = thinking === '' ? thinkingBack.blank : thinking;
    if (thought !== undefined) message[thinkingBack.field] = thought;
  }
  if (calls.length > 0) message['tool_calls'] = calls;
  return [fields === undefined ? message : { ...message, ...fields }];
}

function readParts(context: RequestContext, parts: readonly Part[]): Reply {
  const reply: Reply = {
    content: '',
    refusal: '',
    thinking: '',
    calls: [],
    audioId: undefined,
    fields: undefined,
  };
  for (const part of parts) readPart(context, part, reply);
  return reply;
}

function readPart(context: RequestContext, part: Part, reply: Reply): void {
  switch (part.type) {
    case 'text':
      if (part.refusal === true) reply.refusal += part.text;
      else reply.content += part.text;
      return;
    case 'thinking':
      if (part.block === undefined || ownBlock(context, part.block) !== undefined)
        reply.thinking += part.text;
      return;
    case 'tool_call':
      if (part.providerExecuted === true) providerRun(context, part);
      else reply.calls.push(toolCall(context, part));
      return;
    case 'provider': {
      const data = ownBlock(context, part.block);
      if (data?.['type'] === 'message') reply.fields = { ...reply.fields, ...without(data, MESSAGE_FIELDS) };
      return;
    }
    case 'file': {
      const data = ownBlock(context, part.block);
      if (data?.['type'] === 'audio') reply.audioId = liveId(data) ?? reply.audioId;
      else if (data !== undefined || part.block === undefined) leaveOut(context, part, 'assistant');
      return;
    }
    case 'tool_result':
      if (part.providerExecuted === true) providerRun(context, part);
      else leaveOut(context, part, 'assistant');
      return;
    case 'image':
    case 'audio':
      leaveOut(context, part, 'assistant');
  }
}

function toolCall(context: RequestContext, part: ToolCallPart): Json {
  const { id, name } = part;
  const data = ownBlock(context, part.block);
  if (data?.['type'] === 'custom') return { id, type: 'custom', custom: { name, input: inputText(part) } };
  const fields = data?.['type'] === 'function' ? without(data, CALL_FIELDS) : {};
  return { id, type: 'function', function: { name, arguments: argumentsText(part) }, ...fields };
}

const MESSAGE_FIELDS: ReadonlySet<string> = new Set(['type', 'role', 'content', 'tool_calls']);
const CALL_FIELDS: ReadonlySet<string> = new Set(['type', 'id', 'index', 'function']);

function without(data: Json, names: ReadonlySet<string>): Json {
  return Object.fromEntries(Object.entries(data).filter(([name]) => !names.has(name)));
}

/** The id of audio as long as the server keeps it, which is a matter of hours. */
function liveId(data: Json): string | undefined {
  const expiresAt = count(data['expires_at']);
  return expiresAt === undefined || expiresAt * 1000 > Date.now() ? text(data['id']) : undefined;
}
