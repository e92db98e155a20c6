import type { Message, Part, TextPart, ToolResultPart } from '../../../../src/index.ts';
import { leaveOut, ownBlock, BLANK_ERROR, isRecord } from '../../../wire/index.ts';
import { assistantMessages } from './assistant-message.ts';
import { LATER, addressOf, audioFormat, mediaPart } from '../../shared/media.ts';
import { isEmptyText, saysNothing } from '../../shared/request-context.ts';
import type { RequestContext, Json } from '../../shared/request-context.ts';
import type { ThinkingBack } from '../../server/thinking-back.ts';

/** The API that blocks of Chat Completions are marked with: fields of messages and calls, and audio. */
export const CHAT_WIRE = 'openai.chat';

/** One message as messages of Chat Completions. Each tool result becomes a message of its own. */
export function chatMessages(
  context: RequestContext,
  message: Message,
  thinkingBack: ThinkingBack | undefined,
): Json[] {
  const name = nameOf(context, message);
  const parts: Part[] =
    typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
  switch (message.role) {
    case 'system': {
      const content = onlyText(context, parts, 'system');
      return content === '' ? [] : [{ role: 'system', ...name, content }];
    }
    case 'assistant':
      return assistantMessages(context, parts, name, thinkingBack);
    case 'user':
    case 'tool':
      return inputMessages(context, parts, message.role, name);
  }
}

function nameOf({ settings, unsupported }: RequestContext, { name }: Message): Json {
  if (name === undefined) return {};
  if (settings.preset?.names !== false) return { name };
  unsupported(`${settings.preset.title} takes no names of messages, they are left out`);
  return {};
}

/**
 * Moves each tool result to the place right after the message with its call, before any other message. The API refuses any
 * other order.
 */
export function resultsFirst(messages: readonly Json[]): readonly Json[] {
  if (isInOrder(messages)) return messages;
  const results = new Map<unknown, Json[]>();
  for (const message of messages) {
    const own: Json[] = [];
    for (const id of callIds(message)) results.set(id, own);
  }
  const others = messages.filter((message) => {
    const own = message['role'] === 'tool' ? results.get(message['tool_call_id']) : undefined;
    own?.push(message);
    return own === undefined;
  });
  return others.flatMap((message) => [message, ...(results.get(callIds(message)[0]) ?? [])]);
}

/** Whether each message with calls is followed by that number of results, and no other message by a result. */
function isInOrder(messages: readonly Json[]): boolean {
  let expected = 0;
  for (const { role, tool_calls: calls } of messages) {
    if (expected > 0 !== (role === 'tool')) return false;
    if (role === 'tool') expected--;
    else expected = Array.isArray(calls) ? calls.length : 0;
  }
  return true;
}

function callIds({ tool_calls: calls }: Json): unknown[] {
  return Array.isArray(calls) ? calls.filter(isRecord).map(({ id }) => id) : [];
}

function inputMessages(context: RequestContext, parts: Part[], role: 'user' | 'tool', name: Json): Json[] {
  const messages: Json[] = [];
  const content: Json[] = [];
  for (const part of parts) {
    if (part.type === 'tool_result' && part.providerExecuted !== true)
      messages.push(toolMessage(context, part, content));
    else if (role === 'tool') leaveOut(context, part, role);
    else if (!isEmptyText(part)) content.push(...inputPart(context, part));
  }
  if (content.length > 0) messages.push({ role: 'user', ...name, content: shortest(content) });
  else if (role === 'user' && saysNothing(parts)) messages.push({ role, ...name, content: '' });
  return messages;
}

function inputPart(context: RequestContext, part: Part): Json[] {
  switch (part.type) {
    case 'text':
      return [{ type: 'text', text: part.text }];
    case 'image': {
      const url = addressOf(part, 'image/png');
      if (url === undefined) break;
      const detail = part.detail && { detail: part.detail };
      return [{ type: 'image_url', image_url: { url, ...detail } }];
    }
    case 'audio': {
      const format = audioFormat(part.mediaType);
      if (format !== undefined) return [{ type: 'input_audio', input_audio: { data: part.data, format } }];
      context.unsupported('audio other than wav and mp3 cannot be sent, it is left out');
      return [];
    }
    case 'file': {
      if (part.fileId) return [{ type: 'file', file: { file_id: part.fileId } }];
      const media = mediaPart(part);
      if (media.type !== 'file') return inputPart(context, media);
      const data = addressOf(part, 'application/pdf');
      if (data?.startsWith('data:') !== true) {
        context.unsupported('a file with a url cannot be sent by this API, it is left out: give its data');
        return [];
      }
      return [{ type: 'file', file: { filename: part.filename ?? 'file', file_data: data } }];
    }
    case 'provider': {
      const own = ownBlock(context, part.block);
      return own === undefined ? [] : [own];
    }
    case 'thinking':
    case 'tool_call':
    case 'tool_result':
      break;
  }
  leaveOut(context, part, 'user');
  return [];
}

/** A result as the API takes it: text alone. Its other parts are added to `after`, which follows as a message of the user. */
function toolMessage(context: RequestContext, part: ToolResultPart, after: Json[]): Json {
  const { id, name } = part;
  const parts: readonly Part[] = typeof part.content === 'string' ? [] : part.content;
  const media = parts.flatMap((each) => (each.type === 'text' ? [] : resultMedia(context, each)));
  if (media.length > 0) after.push({ type: 'text', text: LATER.title(name, id) }, ...media);
  const text =
    typeof part.content === 'string'
      ? part.content
      : parts.map((each) => (each.type === 'text' ? each.text : '')).join('');
  const isBlank = text.trim() === '';
  const content =
    isBlank && part.isError === true ? BLANK_ERROR : isBlank && media.length > 0 ? LATER.instead : text;
  return { role: 'tool', tool_call_id: id, content };
}

function resultMedia(context: RequestContext, part: Part): Json[] {
  const sent = inputPart(context, part);
  if (sent.length > 0) context.unsupported(LATER.warning(part.type));
  return sent;
}

/** A single text is sent as a string, which every compatible server understands. */
function shortest(content: Json[]): string | Json[] {
  const [first] = content;
  if (content.length === 1 && first?.['type'] === 'text' && typeof first['text'] === 'string') {
    return first['text'];
  }
  return content;
}

/** The text of parts that must all be text. Others are left out and reported. */
function onlyText(context: RequestContext, parts: readonly Part[], role: Message['role']): string {
  for (const part of parts) if (part.type !== 'text') leaveOut(context, part, role);
  return parts
    .filter((part): part is TextPart => part.type === 'text')
    .map((part) => part.text)
    .join('');
}
