import type { Message, Part, TextPart } from '../../src/index.ts';
import { openedBlock } from '../formats/sealed-block.ts';
import { fromDataUrl } from './data-url.ts';
import { fieldError } from './request-error.ts';
import { isRecord, listAt, nameAt, objectAt, optionalAt, textAt, type Fields } from './read.ts';

/** A message of a page, as it came. */
export interface UiMessage {
  id: string | undefined;
  role: 'system' | 'user' | 'assistant';
  parts: readonly Fields[];
  /** Where it is in the request, for errors. */
  path: string;
}

/** A tool call in a message of a page. */
export interface UiCall {
  id: string;
  name: string;
  state: string;
  part: Fields;
  /** Which part of the message it is. */
  at: number;
  path: string;
}

/** The messages of a request. Throws a `RequestError`. */
export function uiMessagesAt(value: unknown): UiMessage[] {
  return listAt(value, 'messages').map((each, at) => {
    const path = `messages[${at}]`;
    const message = objectAt(each, path);
    const { role } = message;
    if (role !== 'system' && role !== 'user' && role !== 'assistant')
      throw fieldError(`${path}.role`, 'give "system", "user" or "assistant"');
    const parts = listAt(message['parts'], `${path}.parts`).map((part, index) =>
      objectAt(part, `${path}.parts[${index}]`),
    );
    return { id: optionalAt(message, 'id', path, textAt), role, parts, path };
  });
}

/** The tool calls of a message, in order. */
export function uiCalls({ parts, path }: UiMessage): UiCall[] {
  return parts.flatMap((part, at) => callOf(part, at, `${path}.parts[${at}]`) ?? []);
}

/**
 * A message of a page as messages of ours: each step of the assistant is one, with the results of its tools behind it. Parts that only a page shows are left out: data,
 * sources, and calls that never became whole.
 */
export function messagesOf(message: UiMessage): Message[] {
  const { role, parts, path } = message;
  if (role !== 'assistant')
    return [
      { role, content: contentOf(parts.flatMap((part, at) => inputPart(part, `${path}.parts[${at}]`))) },
    ];
  const messages: Message[] = [];
  let said: Part[] = [];
  let results: Part[] = [];
  const flush = (): void => {
    if (said.length > 0) messages.push({ role: 'assistant', content: contentOf(said) });
    if (results.length > 0) messages.push({ role: 'tool', content: results });
    said = [];
    results = [];
  };
  parts.forEach((part, at) => {
    const place = `${path}.parts[${at}]`;
    if (part['type'] === 'step-start') flush();
    const call = callOf(part, at, place);
    if (call === undefined) {
      // What follows results was said after them.
      const more = replyPart(part, place);
      if (more.length > 0 && results.length > 0) flush();
      said.push(...more);
      return;
    }
    if (call.state === 'input-streaming' || part['providerExecuted'] === true) return;
    said.push({
      type: 'tool_call',
      id: call.id,
      name: call.name,
      arguments: part['input'] ?? part['rawInput'] ?? {},
    });
    const result = resultOf(call);
    if (result !== undefined) results.push(result);
  });
  flush();
  return messages;
}

function callOf(part: Fields, at: number, path: string): UiCall | undefined {
  const type = textAt(part['type'], `${path}.type`);
  const isDynamic = type === 'dynamic-tool';
  if (!isDynamic && !type.startsWith('tool-')) return undefined;
  return {
    id: nameAt(part['toolCallId'], `${path}.toolCallId`),
    name: isDynamic
      ? nameAt(part['toolName'], `${path}.toolName`)
      : nameAt(type.slice('tool-'.length), `${path}.type`),
    state: textAt(part['state'], `${path}.state`),
    part,
    at,
    path,
  };
}

function resultOf({ id, name, state, part, path }: UiCall): Part | undefined {
  switch (state) {
    case 'output-available': {
      const { output } = part;
      const content = typeof output === 'string' ? output : (JSON.stringify(output) ?? '');
      return { type: 'tool_result', id, name, content };
    }
    case 'output-error': {
      const content = optionalAt(part, 'errorText', path, textAt) ?? 'The tool failed.';
      return { type: 'tool_result', id, name, content, isError: true };
    }
    case 'output-denied': {
      const { approval } = part;
      const why =
        isRecord(approval) && typeof approval['reason'] === 'string' ? `: ${approval['reason']}` : '.';
      return { type: 'tool_result', id, name, content: `The user denied this call${why}` };
    }
    default:
      return undefined;
  }
}

function inputPart(part: Fields, path: string): Part[] {
  switch (part['type']) {
    case 'text':
      return [{ type: 'text', text: textAt(part['text'], `${path}.text`) }];
    case 'file':
      return [fileOf(part, path)];
    default:
      // Data of the page is not for the model.
      return [];
  }
}

function replyPart(part: Fields, path: string): Part[] {
  if (part['type'] !== 'reasoning')
    return part['type'] === 'file' ? [asFile(fileOf(part, path))] : inputPart(part, path);
  const text = textAt(part['text'], `${path}.text`);
  const { providerMetadata } = part;
  const own = isRecord(providerMetadata) ? providerMetadata['sluice'] : undefined;
  const sealed = isRecord(own) ? own['block'] : undefined;
  const block = typeof sealed === 'string' ? openedBlock(sealed) : undefined;
  return [{ type: 'thinking', text, ...(block !== undefined && { block }) }];
}

function fileOf(part: Fields, path: string): Part {
  const url = nameAt(part['url'], `${path}.url`);
  const mediaType = nameAt(part['mediaType'], `${path}.mediaType`);
  const filename = optionalAt(part, 'filename', path, textAt);
  const inline = fromDataUrl(url);
  if (inline === undefined && !/^https?:\/\//.test(url))
    throw fieldError(`${path}.url`, 'give an https address, or a data: address with base64');
  const source = inline === undefined ? { url } : { data: inline.data };
  if (mediaType.startsWith('image/')) return { type: 'image', ...source, mediaType };
  if (mediaType.startsWith('audio/') && inline !== undefined)
    return { type: 'audio', data: inline.data, mediaType };
  return { type: 'file', ...source, mediaType, ...(filename !== undefined && { filename }) };
}

/** What a model made is a file, whatever it shows. */
function asFile(part: Part): Part {
  if (part.type === 'image') {
    const { detail: _detail, ...source } = part;
    return { ...source, type: 'file' };
  }
  return part.type === 'audio' ? { ...part, type: 'file' } : part;
}

function contentOf(parts: Part[]): string | Part[] {
  const [only] = parts;
  const isText = (part: Part | undefined): part is TextPart => part?.type === 'text';
  if (parts.length === 0) return '';
  return parts.length === 1 && isText(only) ? only.text : parts;
}
