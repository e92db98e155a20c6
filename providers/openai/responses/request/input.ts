import type { Message, Part, ProviderPart, ToolResultPart } from '../../../../src/index.ts';
import { leaveOut, ownBlock, BLANK_ERROR } from '../../../wire/index.ts';
import { LATER, addressOf, audioFormat, mediaPart } from '../../shared/media.ts';
import { assistantItems, type ReplyWriting } from './assistant-items.ts';
import { isEmptyText, saysNothing } from '../../shared/request-context.ts';
import type { RequestContext, Json } from '../../shared/request-context.ts';

/** The API that blocks of Responses are marked with. */
export const RESPONSES_WIRE = 'openai.responses';

/** How the items of a conversation are written. */
export interface Writing extends ReplyWriting {
  /** The ids of calls of custom tools, whose results have a type of their own. */
  customCalls: ReadonlySet<string>;
}

/** The ids of the calls of custom tools in a conversation. */
export function customCallsOf(context: RequestContext, messages: readonly Message[]): Set<string> {
  const ids = new Set<string>();
  for (const { content } of messages) {
    if (typeof content === 'string') continue;
    for (const part of content) {
      if (part.type === 'tool_call' && ownBlock(context, part.block)?.['type'] === 'custom_tool_call')
        ids.add(part.id);
    }
  }
  return ids;
}

/** One message as input items of Responses, in the order of its parts. */
export function responsesItems(context: RequestContext, message: Message, writing: Writing): Json[] {
  if (message.name !== undefined) context.unsupported('the name of a message cannot be sent, it is left out');
  const { role } = message;
  const parts: Part[] =
    typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
  if (role === 'assistant') return assistantItems(context, parts, writing);
  const items: Json[] = [];
  const content: Json[] = [];
  for (const part of parts) {
    if (part.type === 'tool_result' && part.providerExecuted !== true)
      items.push(toolOutput(context, part, writing, content));
    else if (part.type === 'provider') items.push(...ownItem(context, part, writing));
    else if (role === 'tool' || (role === 'system' && part.type !== 'text')) leaveOut(context, part, role);
    else if (!isEmptyText(part)) content.push(...inputPart(context, part, role));
  }
  const [first] = content;
  if (first !== undefined) {
    const onlyText = content.length === 1 && first['type'] === 'input_text';
    items.push({ role: role === 'tool' ? 'user' : role, content: onlyText ? first['text'] : content });
  } else if (role === 'user' && saysNothing(parts)) {
    items.push({ role, content: '' });
  }
  return items;
}

function ownItem(context: RequestContext, { block }: ProviderPart, { itemIds }: Writing): Json[] {
  const item = ownBlock(context, block);
  return item === undefined ? [] : [itemIds.checked(item)];
}

function inputPart(context: RequestContext, part: Part, role: Message['role']): Json[] {
  switch (part.type) {
    case 'text':
      return [{ type: 'input_text', text: part.text }];
    case 'image': {
      const url = addressOf(part, 'image/png');
      if (url !== undefined) return [{ type: 'input_image', image_url: url, detail: part.detail ?? 'auto' }];
      break;
    }
    case 'audio': {
      const format = audioFormat(part.mediaType);
      if (format !== undefined) return [{ type: 'input_audio', input_audio: { data: part.data, format } }];
      context.unsupported('audio other than wav and mp3 cannot be sent, it is left out');
      return [];
    }
    case 'file': {
      const { fileId, filename } = part;
      if (fileId && part.mediaType?.startsWith('image/') === true) {
        return [{ type: 'input_image', file_id: fileId, detail: 'auto' }];
      }
      if (fileId) return [{ type: 'input_file', file_id: fileId }];
      const media = mediaPart(part);
      if (media.type !== 'file') return inputPart(context, media, role);
      const address = addressOf(part, 'application/pdf');
      if (address === undefined) break;
      if (!address.startsWith('data:')) return [{ type: 'input_file', file_url: address }];
      return [{ type: 'input_file', filename: filename ?? 'file', file_data: address }];
    }
    case 'thinking':
    case 'tool_call':
    case 'tool_result':
    case 'provider':
      break;
  }
  leaveOut(context, part, role);
  return [];
}

/** A result. The API takes no sound in it: that is added to `after`, which follows as a message of the user. */
function toolOutput(
  context: RequestContext,
  part: ToolResultPart,
  { customCalls }: Writing,
  after: Json[],
): Json {
  const { id, name } = part;
  const type = customCalls.has(id) ? 'custom_tool_call_output' : 'function_call_output';
  const given =
    typeof part.content === 'string'
      ? part.content
      : part.content.filter((each) => !isEmptyText(each)).flatMap((each) => inputPart(context, each, 'tool'));
  const sounds = typeof given === 'string' ? [] : given.filter(isSound);
  if (sounds.length > 0) {
    context.unsupported(LATER.warning('file'));
    after.push({ type: 'input_text', text: LATER.title(name, id) }, ...sounds);
  }
  const content = typeof given === 'string' ? given : given.filter((each) => !isSound(each));
  const isBlank = typeof content === 'string' ? content.trim() === '' : content.every(isBlankInput);
  const blank = part.isError === true ? BLANK_ERROR : sounds.length > 0 ? LATER.instead : '';
  return { type, call_id: id, output: isBlank && blank !== '' ? blank : content.length === 0 ? '' : content };
}

function isSound({ type }: Json): boolean {
  return type === 'input_audio';
}

function isBlankInput({ type, text }: Json): boolean {
  return type === 'input_text' && typeof text === 'string' && text.trim() === '';
}
