import type { Message, Part, TextPart, ToolCallPart, ToolResultPart } from '../../src/index.ts';
import { addressOf, argumentsText, audioFormat, leftOut, ownBlock } from './shared.ts';
import type { Building, Json } from './shared.ts';

/** The wire that blocks of Chat Completions are marked with: calls of custom tools. */
export const CHAT_WIRE = 'openai.chat';

/** One message as messages of Chat Completions: results of tools become one message each. */
export function chatMessages(build: Building, message: Message): Json[] {
  const name = message.name === undefined ? {} : { name: message.name };
  const parts: Part[] =
    typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
  switch (message.role) {
    case 'system':
      return [{ role: 'system', ...name, content: onlyText(build, parts, 'system') }];
    case 'assistant':
      return assistantMessages(build, parts, name);
    case 'user':
    case 'tool':
      return inputMessages(build, parts, message.role, name);
  }
}

function inputMessages(build: Building, parts: Part[], role: 'user' | 'tool', name: Json): Json[] {
  const results = parts.filter((part) => part.type === 'tool_result');
  const rest = parts.filter((part) => part.type !== 'tool_result');
  const messages = results.map((part) => toolMessage(build, part));
  if (role === 'tool') {
    for (const part of rest) leftOut(build, part, role);
    return messages;
  }
  const content = rest.map((part) => inputPart(build, part)).filter((part) => part !== undefined);
  if (content.length > 0) messages.push({ role: 'user', ...name, content: shortest(content) });
  return messages;
}

function inputPart(build: Building, part: Part): Json | undefined {
  switch (part.type) {
    case 'text':
      return { type: 'text', text: part.text };
    case 'image': {
      const url = addressOf(part, 'image/png');
      if (url === undefined) break;
      return { type: 'image_url', image_url: { url, ...(part.detail && { detail: part.detail }) } };
    }
    case 'audio': {
      const format = audioFormat(part.mediaType);
      if (format === undefined) {
        build.unsupported('sound other than wav and mp3 cannot be sent, it is left out');
        return undefined;
      }
      return { type: 'input_audio', input_audio: { data: part.data, format } };
    }
    case 'file': {
      if (part.fileId !== undefined) return { type: 'file', file: { file_id: part.fileId } };
      const data = addressOf(part, 'application/pdf');
      if (data?.startsWith('data:') !== true) {
        build.unsupported('a file by its address cannot be sent on this wire, it is left out');
        return undefined;
      }
      return { type: 'file', file: { filename: part.filename ?? 'file', file_data: data } };
    }
    case 'provider':
      return ownBlock(build, part.block);
    case 'thinking':
    case 'tool_call':
    case 'tool_result':
      break;
  }
  leftOut(build, part, 'user');
  return undefined;
}

function toolMessage(build: Building, part: ToolResultPart): Json {
  const { content } = part;
  if (typeof content === 'string') return { role: 'tool', tool_call_id: part.id, content };
  const texts = content.filter((each) => each.type === 'text');
  for (const each of content) if (each.type !== 'text') leftOut(build, each, 'tool');
  return { role: 'tool', tool_call_id: part.id, content: texts.map((each) => each.text).join('') };
}

function assistantMessages(build: Building, parts: Part[], name: Json): Json[] {
  let content = '';
  let refusal = '';
  let thinking = '';
  const calls: Json[] = [];
  for (const part of parts) {
    if (part.type === 'text' && part.refusal === true) refusal += part.text;
    else if (part.type === 'text') content += part.text;
    else if (part.type === 'thinking') thinking += part.text;
    else if (part.type === 'tool_call') calls.push(toolCall(build, part));
    else if (part.type === 'provider') ownBlock(build, part.block);
    else leftOut(build, part, 'assistant');
  }
  const field = build.settings.reasoningField;
  const message: Json = { role: 'assistant', ...name, content: content === '' ? null : content };
  if (refusal !== '') message['refusal'] = refusal;
  if (field !== undefined && thinking !== '') message[field] = thinking;
  if (calls.length > 0) message['tool_calls'] = calls;
  // A reply that was cut before its first word: the API refuses a message with nothing in it.
  if (content === '' && refusal === '' && calls.length === 0) return [];
  return [message];
}

function toolCall(build: Building, part: ToolCallPart): Json {
  const custom = ownBlock(build, part.block);
  if (custom?.['type'] === 'custom') {
    const input = typeof part.arguments === 'string' ? part.arguments : argumentsText(part);
    return { id: part.id, type: 'custom', custom: { name: part.name, input } };
  }
  return { id: part.id, type: 'function', function: { name: part.name, arguments: argumentsText(part) } };
}

/** Text alone goes as a string, which every compatible server understands. */
function shortest(content: Json[]): string | Json[] {
  const [first] = content;
  if (content.length === 1 && first?.['type'] === 'text' && typeof first['text'] === 'string') {
    return first['text'];
  }
  return content;
}

/** The text of parts that hold nothing else; the others are left out and named. */
function onlyText(build: Building, parts: readonly Part[], role: string): string {
  for (const part of parts) if (part.type !== 'text') leftOut(build, part, role);
  return parts
    .filter((part): part is TextPart => part.type === 'text')
    .map((part) => part.text)
    .join('');
}
