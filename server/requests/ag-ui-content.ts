import type { Message, Part, ToolCallPart, ToolResultPart } from '../../src/index.ts';
import { openedBlock } from '../formats/sealed-block.ts';
import { fromDataUrl } from './data-url.ts';
import { fieldError } from './request-error.ts';
import { isList, listAt, nameAt, objectAt, optionalAt, textAt, type Fields } from './read.ts';
import { callOf } from './tool-call.ts';

/** A message of a client, as it came. */
export interface AgUiMessage {
  id: string;
  role: string;
  fields: Fields;
  /** Where it is in the request, for errors. */
  path: string;
}

/** The messages of a request. Throws a `RequestError`. */
export function agUiMessagesAt(value: unknown): AgUiMessage[] {
  return listAt(value, 'messages').map((each, at) => {
    const path = `messages[${at}]`;
    const fields = objectAt(each, path);
    const role = textAt(fields['role'], `${path}.role`);
    return { id: nameAt(fields['id'], `${path}.id`), role, fields, path };
  });
}

/** The names of the tool calls in messages, by their ids. */
export function callNames(messages: readonly AgUiMessage[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const message of messages) for (const { id, name } of callsIn(message)) names.set(id, name);
  return names;
}

/**
 * Messages of a client as messages of ours. Reasoning becomes part of what the assistant said next. Activities are for the page alone, and so is a call without a result: a
 * client that waits for it sends no message.
 */
export function messagesOf(messages: readonly AgUiMessage[]): Message[] {
  const names = callNames(messages);
  const answered = new Set(
    messages.flatMap(({ role, fields }) => (role === 'tool' ? [fields['toolCallId']] : [])),
  );
  const made: Message[] = [];
  let thoughts: Part[] = [];
  for (const message of messages) {
    const { role, fields, path } = message;
    switch (role) {
      case 'developer':
      case 'system':
        made.push({ role: 'system', content: textAt(fields['content'], `${path}.content`) });
        break;
      case 'user':
        made.push({ role: 'user', content: userContent(fields['content'], `${path}.content`) });
        break;
      case 'reasoning':
        thoughts.push(...thoughtOf(fields, path));
        break;
      case 'assistant': {
        const text = optionalAt(fields, 'content', path, textAt) ?? '';
        const calls = callsIn(message).filter(({ id }) => answered.has(id));
        const parts: Part[] = [
          ...thoughts,
          ...(text === '' ? [] : [{ type: 'text' as const, text }]),
          ...calls,
        ];
        thoughts = [];
        if (parts.length > 0) made.push({ role: 'assistant', content: parts });
        break;
      }
      case 'tool':
        made.push({ role: 'tool', content: [resultOf(message, names)] });
        break;
      case 'activity':
        break;
      default:
        throw fieldError(
          `${path}.role`,
          'give "user", "assistant", "tool", "reasoning", "system", "developer" or "activity"',
        );
    }
  }
  return made;
}

/** The content of a message of the user: a text, or parts. */
function userContent(content: unknown, path: string): string | Part[] {
  if (typeof content === 'string') return content;
  return listAt(content, path).map((part, at) => partAt(objectAt(part, `${path}[${at}]`), `${path}[${at}]`));
}

/** The result that a message of role `tool` has. */
export function resultOf({ fields, path }: AgUiMessage, names: ReadonlyMap<string, string>): ToolResultPart {
  const id = nameAt(fields['toolCallId'], `${path}.toolCallId`);
  const name = names.get(id);
  if (name === undefined) throw fieldError(`${path}.toolCallId`, 'no tool call before it has this id');
  const { content, error } = fields;
  const isError = typeof error === 'string' && error !== '';
  return {
    ...{ type: 'tool_result', id, name },
    content: isList(content)
      ? content.flatMap((part, at) => inResult(part, `${path}.content[${at}]`))
      : textAt(content, `${path}.content`),
    ...(isError && { isError }),
  };
}

function callsIn({ role, fields, path }: AgUiMessage): ToolCallPart[] {
  const calls = role === 'assistant' ? optionalAt(fields, 'toolCalls', path, listAt) : undefined;
  return (calls ?? []).map((each, at) => {
    const place = `${path}.toolCalls[${at}]`;
    const call = objectAt(each, place);
    const of = objectAt(call['function'], `${place}.function`);
    const id = nameAt(call['id'], `${place}.id`);
    const name = nameAt(of['name'], `${place}.function.name`);
    return callOf(id, name, textAt(of['arguments'], `${place}.function.arguments`));
  });
}

function thoughtOf(fields: Fields, path: string): Part[] {
  const text = optionalAt(fields, 'content', path, textAt) ?? '';
  const sealed = optionalAt(fields, 'encryptedValue', path, textAt);
  const block = sealed === undefined ? undefined : openedBlock(sealed);
  if (text === '' && block === undefined) return [];
  return [{ type: 'thinking', text, ...(block !== undefined && { block }) }];
}

function inResult(value: unknown, path: string): Exclude<ToolResultPart['content'], string> {
  const part = partAt(objectAt(value, path), path);
  if (part.type === 'text' || part.type === 'image' || part.type === 'file') return [part];
  throw fieldError(`${path}.type`, 'a result has text, images and documents');
}

function partAt(part: Fields, path: string): Part {
  const type = textAt(part['type'], `${path}.type`);
  if (type === 'text') return { type, text: textAt(part['text'], `${path}.text`) };
  if (type !== 'image' && type !== 'audio' && type !== 'document' && type !== 'video')
    throw fieldError(`${path}.type`, 'give "text", "image", "audio", "video" or "document"');
  const source = objectAt(part['source'], `${path}.source`);
  const value = nameAt(source['value'], `${path}.source.value`);
  const mimeType = optionalAt(source, 'mimeType', `${path}.source`, textAt);
  const found = sourceOf(source['type'], value, mimeType, `${path}.source`);
  const { data, mediaType } = found;
  if (type === 'image' && (data === undefined || mediaType !== undefined)) return { type, ...found };
  if (type === 'audio' && data !== undefined && mediaType !== undefined) return { type, data, mediaType };
  return { type: 'file', ...found };
}

function sourceOf(
  type: unknown,
  value: string,
  mimeType: string | undefined,
  path: string,
): { url?: string; data?: string; mediaType?: string } {
  const named = mimeType === undefined ? {} : { mediaType: mimeType };
  if (type === 'data') return { data: value, ...named };
  if (type !== 'url')
    throw fieldError(`${path}.type`, 'give "data" or "url": files of a provider cannot be read here');
  const inline = fromDataUrl(value);
  if (inline !== undefined) return inline;
  if (!/^https?:\/\//.test(value)) throw fieldError(`${path}.value`, 'give an https address');
  return { url: value, ...named };
}
