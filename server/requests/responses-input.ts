import type { Message, Part, Role, TextPart, ToolResultPart } from '../../src/index.ts';
import { HOSTED_ITEMS } from '../formats/hosted-items.ts';
import { openedBlock } from '../formats/sealed-block.ts';
import { audioAt, fileAt, imageAt } from './openai-fields.ts';
import { insideName } from './openai-tools.ts';
import { listAt, nameAt, objectAt, optionalAt, textAt, wrong } from './read.ts';
import type { Fields } from './read.ts';
import { fieldError } from './request-error.ts';
import { callOf } from './tool-call.ts';

/**
 * The input of a request to Responses: a text, or items. What the model said follows each other as items and is one message. `inSession`: the server has what came before, so an
 * item may be named by its id. Throws an error that names the field.
 */
export function responsesInput(value: unknown, inSession = false): Message[] {
  if (typeof value === 'string') return [{ role: 'user', content: value }];
  const list = listAt(value, 'input');
  if (list.length === 0) throw fieldError('input', 'give a text, or at least one item');
  const messages: Message[] = [];
  const names = new Map<string, string>();
  list.forEach((one, at) => {
    const path = `input[${at}]`;
    const fields = objectAt(one, path);
    // What the model said before, the session has. Only its place matters.
    const isReference = inSession && fields['type'] === 'item_reference';
    const item: Item = isReference ? { role: 'assistant', parts: [] } : itemAt(fields, path, names);
    const { role, parts } = item;
    const last = messages.at(-1);
    const joins = (role === 'assistant' || role === 'tool') && last?.role === role;
    if (joins && typeof last.content !== 'string') last.content.push(...parts);
    else messages.push({ role, content: parts });
  });
  return messages;
}

interface Item {
  role: Role;
  parts: Part[];
}

function itemAt(fields: Fields, path: string, names: Map<string, string>): Item {
  const type = fields['type'] ?? (fields['role'] === undefined ? undefined : 'message');
  switch (type) {
    case 'message':
      return messageAt(fields, path);
    case 'reasoning':
      return { role: 'assistant', parts: reasoningAt(fields, path) };
    case 'function_call': {
      const call = callAt(fields, path, names);
      const json = optionalAt(fields, 'arguments', path, textAt) ?? '';
      return { role: 'assistant', parts: [callOf(call.id, call.name, json)] };
    }
    case 'custom_tool_call': {
      const { id, name } = callAt(fields, path, names);
      const input = textAt(fields['input'], `${path}.input`);
      return { role: 'assistant', parts: [{ type: 'tool_call', id, name, arguments: { input } }] };
    }
    case 'function_call_output':
    case 'custom_tool_call_output':
      return { role: 'tool', parts: [resultAt(fields, path, names)] };
    case 'image_generation_call':
      return { role: 'assistant', parts: imageOf(fields, path) };
    case 'item_reference':
      throw fieldError(
        path,
        'nothing is stored, so no item can be referred to: send the item itself, as clients do if their request says "store": false',
      );
    default:
      if (HOSTED_ITEMS.has(type)) return { role: 'assistant', parts: [hostedPart(fields)] };
      // It is an answer of the client.
      if (type === 'mcp_approval_response') return { role: 'user', parts: [hostedPart(fields)] };
      throw fieldError(
        `${path}.type`,
        `give one of message, reasoning, function_call, function_call_output, custom_tool_call, custom_tool_call_output, image_generation_call, ${[...HOSTED_ITEMS.keys()].join(', ')}, mcp_approval_response`,
      );
  }
}

/** What belongs to a tool of OpenAI's API. Another API leaves it out, and says so. */
function hostedPart(fields: Fields): Part {
  return { type: 'provider', block: { provider: 'openai.responses', data: { ...fields } } };
}

function messageAt(fields: Fields, path: string): Item {
  const content = fields['content'];
  switch (fields['role']) {
    case 'system':
    case 'developer':
      return {
        role: 'system',
        parts: partsAt(content, `${path}.content`).map((part) => textAlone(part, path)),
      };
    case 'user':
      return { role: 'user', parts: partsAt(content, `${path}.content`) };
    case 'assistant': {
      const phase = optionalAt(fields, 'phase', path, nameAt);
      const header = phase === undefined ? [] : [hostedPart({ type: 'message', role: 'assistant', phase })];
      return { role: 'assistant', parts: [...partsAt(content, `${path}.content`), ...header] };
    }
    default:
      throw fieldError(`${path}.role`, 'give one of system, developer, user, assistant');
  }
}

function textAlone(part: Part, path: string): TextPart {
  if (part.type === 'text') return part;
  throw fieldError(`${path}.content`, 'a message of role system or developer has only text');
}

function partsAt(value: unknown, path: string): Part[] {
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  if (!Array.isArray(value)) throw wrong(path, value, 'give a string or an array of parts');
  return listAt(value, path).map((part, at) => partAt(part, `${path}[${at}]`));
}

function partAt(value: unknown, path: string): Part {
  const fields = objectAt(value, path);
  switch (fields['type']) {
    case 'input_text':
    case 'output_text':
    case 'text':
      return { type: 'text', text: textAt(fields['text'], `${path}.text`) };
    case 'refusal':
      return { type: 'text', text: textAt(fields['refusal'], `${path}.refusal`), refusal: true };
    case 'input_image':
      if (typeof fields['file_id'] === 'string')
        throw fieldError(`${path}.file_id`, 'files by id are not supported: send image_url');
      return imageAt(fields['image_url'], fields['detail'], `${path}.image_url`);
    case 'input_file':
      return fileAt(fields, path);
    case 'input_audio':
      return audioAt(fields['input_audio'], `${path}.input_audio`);
    default:
      throw fieldError(
        `${path}.type`,
        'give one of input_text, input_image, input_file, input_audio, output_text, refusal',
      );
  }
}

/** Thinking as it came. What another server has encrypted is of no use here, and is left out. */
function reasoningAt(fields: Fields, path: string): Part[] {
  const summary = textsOf(fields, 'summary', path);
  const text = [...summary, ...textsOf(fields, 'content', path)].join('\n\n');
  const encrypted = optionalAt(fields, 'encrypted_content', path, textAt);
  const block = encrypted === undefined ? undefined : openedBlock(encrypted);
  return [{ type: 'thinking', text, ...(block !== undefined && { block }) }];
}

function textsOf(fields: Fields, key: string, path: string): string[] {
  const list = optionalAt(fields, key, path, listAt) ?? [];
  return list.map((part, at) => {
    const where = `${path}.${key}[${at}]`;
    return textAt(objectAt(part, where)['text'], `${where}.text`);
  });
}

function callAt(fields: Fields, path: string, names: Map<string, string>): { id: string; name: string } {
  const id = nameAt(fields['call_id'], `${path}.call_id`);
  const namespace = optionalAt(fields, 'namespace', path, nameAt);
  const name = insideName(nameAt(fields['name'], `${path}.name`), namespace);
  names.set(id, name);
  return { id, name };
}

function resultAt(fields: Fields, path: string, names: ReadonlyMap<string, string>): ToolResultPart {
  const id = nameAt(fields['call_id'], `${path}.call_id`);
  const output = fields['output'];
  const name = names.get(id) ?? 'tool';
  if (typeof output === 'string') return { type: 'tool_result', id, name, content: output };
  const content = partsAt(output, `${path}.output`).map((part, at) => {
    if (part.type === 'text' || part.type === 'image' || part.type === 'file') return part;
    throw fieldError(`${path}.output[${at}].type`, 'give one of input_text, input_image, input_file');
  });
  return { type: 'tool_result', id, name, content };
}

function imageOf(fields: Fields, path: string): Part[] {
  const data = optionalAt(fields, 'result', path, textAt);
  return data === undefined ? [] : [{ type: 'file', mediaType: 'image/png', data }];
}
