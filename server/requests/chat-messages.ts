import type { Message, Part, TextPart, ToolResultPart } from '../../src/index.ts';
import { audioAt, fileAt, imageAt } from './openai-fields.ts';
import { listAt, nameAt, objectAt, optionalAt, textAt, wrong } from './read.ts';
import type { Fields } from './read.ts';
import { fieldError } from './request-error.ts';
import { callOf } from './tool-call.ts';

/**
 * The messages of a request to Chat Completions. Fields of messages that have no meaning here are ignored, since clients send back what they got. Throws an error that names
 * the field.
 */
export function chatMessages(value: unknown): Message[] {
  const list = listAt(value, 'messages');
  if (list.length === 0) throw fieldError('messages', 'give at least one message');
  const messages: Message[] = [];
  /** The names of the calls so far, by id: a result has only the id. */
  const names = new Map<string, string>();
  list.forEach((one, at) => {
    const path = `messages[${at}]`;
    const fields = objectAt(one, path);
    if (fields['role'] === 'tool') {
      const result = resultAt(fields, path, names);
      const last = messages.at(-1);
      if (last?.role === 'tool' && typeof last.content !== 'string') last.content.push(result);
      else messages.push({ role: 'tool', content: [result] });
      return;
    }
    const name = optionalAt(fields, 'name', path, textAt);
    messages.push({ ...messageAt(fields, path, names), ...(name !== undefined && name !== '' && { name }) });
  });
  return messages;
}

function messageAt(fields: Fields, path: string, names: Map<string, string>): Message {
  const content = fields['content'];
  switch (fields['role']) {
    case 'system':
    case 'developer':
      return { role: 'system', content: textContentAt(content, `${path}.content`) };
    case 'user':
      return { role: 'user', content: userContentAt(content, `${path}.content`) };
    case 'assistant':
      return { role: 'assistant', content: assistantParts(fields, path, names) };
    case 'function':
      throw fieldError(`${path}.role`, 'functions are not supported: use tools, and role tool');
    default:
      throw fieldError(`${path}.role`, 'give one of system, developer, user, assistant, tool');
  }
}

function userContentAt(value: unknown, path: string): string | Part[] {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) throw wrong(path, value, 'give a string or an array of parts');
  return listAt(value, path).map((part, at) => userPartAt(part, `${path}[${at}]`));
}

function userPartAt(value: unknown, path: string): Part {
  const fields = objectAt(value, path);
  switch (fields['type']) {
    case 'text':
      return { type: 'text', text: textAt(fields['text'], `${path}.text`) };
    case 'image_url': {
      const image = objectAt(fields['image_url'], `${path}.image_url`);
      return imageAt(image['url'], image['detail'], `${path}.image_url.url`);
    }
    case 'input_audio':
      return audioAt(fields['input_audio'], `${path}.input_audio`);
    case 'file':
      return fileAt(objectAt(fields['file'], `${path}.file`), `${path}.file`);
    default:
      throw fieldError(`${path}.type`, 'give one of text, image_url, input_audio, file');
  }
}

function textContentAt(value: unknown, path: string): string | TextPart[] {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) throw wrong(path, value, 'give a string or an array of text parts');
  return listAt(value, path).map((part, at) => {
    const fields = objectAt(part, `${path}[${at}]`);
    if (fields['type'] !== 'text') throw fieldError(`${path}[${at}].type`, 'give text');
    return { type: 'text', text: textAt(fields['text'], `${path}[${at}].text`) };
  });
}

function assistantParts(fields: Fields, path: string, names: Map<string, string>): Part[] {
  const thinking = optionalAt(fields, 'reasoning_content', path, textAt) ?? '';
  const refusal = optionalAt(fields, 'refusal', path, textAt) ?? '';
  const calls = optionalAt(fields, 'tool_calls', path, listAt) ?? [];
  return [
    ...(thinking === '' ? [] : [{ type: 'thinking' as const, text: thinking }]),
    ...(fields['content'] === undefined || fields['content'] === null
      ? []
      : spokenAt(fields['content'], `${path}.content`)),
    ...(refusal === '' ? [] : [{ type: 'text' as const, text: refusal, refusal: true as const }]),
    ...calls.map((call, at) => callAt(call, `${path}.tool_calls[${at}]`, names)),
  ];
}

function spokenAt(value: unknown, path: string): Part[] {
  if (typeof value === 'string') return value === '' ? [] : [{ type: 'text', text: value }];
  return listAt(value, path).map((part, at) => {
    const fields = objectAt(part, `${path}[${at}]`);
    if (fields['type'] === 'refusal')
      return { type: 'text', text: textAt(fields['refusal'], `${path}[${at}].refusal`), refusal: true };
    if (fields['type'] !== 'text') throw fieldError(`${path}[${at}].type`, 'give text or refusal');
    return { type: 'text', text: textAt(fields['text'], `${path}[${at}].text`) };
  });
}

function callAt(value: unknown, path: string, names: Map<string, string>): Part {
  const fields = objectAt(value, path);
  const id = nameAt(fields['id'], `${path}.id`);
  if (fields['type'] === 'custom') {
    const custom = objectAt(fields['custom'], `${path}.custom`);
    const name = nameAt(custom['name'], `${path}.custom.name`);
    names.set(id, name);
    const input = textAt(custom['input'], `${path}.custom.input`);
    return { type: 'tool_call', id, name, arguments: { input } };
  }
  if (fields['type'] !== undefined && fields['type'] !== 'function')
    throw fieldError(`${path}.type`, 'give one of function, custom');
  const fn = objectAt(fields['function'], `${path}.function`);
  const name = nameAt(fn['name'], `${path}.function.name`);
  names.set(id, name);
  return callOf(id, name, optionalAt(fn, 'arguments', `${path}.function`, textAt) ?? '');
}

function resultAt(fields: Fields, path: string, names: ReadonlyMap<string, string>): ToolResultPart {
  const id = nameAt(fields['tool_call_id'], `${path}.tool_call_id`);
  const name = names.get(id) ?? optionalAt(fields, 'name', path, nameAt) ?? 'tool';
  return { type: 'tool_result', id, name, content: textContentAt(fields['content'], `${path}.content`) };
}
