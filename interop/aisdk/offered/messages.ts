import type {
  FilePart,
  ImagePart,
  Message,
  Part,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from '../../../src/index.ts';
import { filled, isRecord, text } from '../../../providers/wire/index.ts';
import { fileData } from '../reply/files.ts';
import { ownData } from './own-data.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Reports what of a prompt has no place in a message. */
export type LeaveOut = (feature: string) => void;

/** A prompt of the AI SDK as messages. */
export function messagesOf(prompt: readonly unknown[], leaveOut: LeaveOut): Message[] {
  return prompt.filter(isRecord).flatMap((message) => messagesOfOne(message, leaveOut));
}

function messagesOfOne(message: Fields, leaveOut: LeaveOut): Message[] {
  const { role, content } = message;
  const parts = Array.isArray(content) ? content.filter(isRecord) : [];
  switch (role) {
    case 'system':
      return [{ role, content: text(content) ?? '' }];
    case 'user':
      return [{ role, content: parts.flatMap((part) => inputPart(part, leaveOut)) }];
    case 'assistant':
      return assistantMessages(parts, leaveOut);
    case 'tool': {
      const results = parts.flatMap((part) => resultPart(part, leaveOut));
      return results.length === 0 ? [] : [{ role, content: results }];
    }
    default:
      leaveOut(`a message of role ${String(role)}`);
      return [];
  }
}

/**
 * The message of an assistant. The results of tools that the pipeline ran are in it, and become messages of their own again, so that its rounds are
 * what they were.
 */
function assistantMessages(parts: readonly Fields[], leaveOut: LeaveOut): Message[] {
  const messages: Message[] = [];
  let run: Part[] = [];
  let results: ToolResultPart[] = [];
  const flush = (): void => {
    if (run.length > 0) messages.push({ role: 'assistant', content: run });
    if (results.length > 0) messages.push({ role: 'tool', content: results });
    run = [];
    results = [];
  };
  for (const part of parts) {
    if (part['type'] === 'tool-result') {
      const [result] = resultPart(part, leaveOut);
      if (result?.providerExecuted === true) run.push(result);
      else if (result !== undefined) results.push(result);
      continue;
    }
    if (results.length > 0) flush();
    run.push(...assistantPart(part, leaveOut));
  }
  flush();
  return messages;
}

function assistantPart(part: Fields, leaveOut: LeaveOut): Part[] {
  const { block, providerExecuted } = ownData(part);
  const kept = block === undefined ? {} : { block };
  switch (part['type']) {
    case 'text':
      return [{ type: 'text', text: text(part['text']) ?? '' }];
    case 'reasoning':
      return [{ type: 'thinking', text: text(part['text']) ?? '', ...kept }];
    case 'tool-call': {
      const call: ToolCallPart = {
        type: 'tool_call',
        id: text(part['toolCallId']) ?? '',
        name: text(part['toolName']) ?? '',
        arguments: part['input'] ?? {},
        ...(providerExecuted === true && { providerExecuted }),
        ...kept,
      };
      return [call];
    }
    case 'custom':
      if (block !== undefined) return [{ type: 'provider', block }];
      leaveOut(`a part of kind ${text(part['kind']) ?? '?'}`);
      return [];
    case 'file': {
      const [file] = inputPart(part, leaveOut);
      return file === undefined ? [] : [{ ...file, ...kept }];
    }
    default:
      leaveOut(`a part of type ${text(part['type']) ?? '?'} in a message of the assistant`);
      return [];
  }
}

/** A text or a file of a message of the user, in the forms of all specifications. */
function inputPart(part: Fields, leaveOut: LeaveOut): Part[] {
  if (part['type'] === 'text') return [{ type: 'text', text: text(part['text']) ?? '' }];
  if (part['type'] === 'file') {
    const data = part['data'];
    if (isRecord(data) && data['type'] === 'text') return [{ type: 'text', text: text(data['text']) ?? '' }];
    const file = filePart(part, data);
    if (file !== undefined) return [file];
  }
  leaveOut(`a part of type ${text(part['type']) ?? '?'}`);
  return [];
}

function filePart(part: Fields, data: unknown): Part | undefined {
  const mediaType = filled(part['mediaType']);
  const name = filled(part['filename']);
  const filename = name === undefined ? {} : { filename: name };
  if (isRecord(data) && data['type'] === 'reference' && isRecord(data['reference'])) {
    const fileId = Object.values(data['reference']).find((id) => typeof id === 'string');
    return typeof fileId === 'string' ? { type: 'file', fileId, ...filename } : undefined;
  }
  const content = fileData(data);
  if (content === undefined) return undefined;
  const isWhole = mediaType?.includes('/') === true && !mediaType.endsWith('/*');
  const typed = isWhole ? { mediaType } : {};
  if (mediaType?.startsWith('image') === true) return { type: 'image', ...content, ...typed };
  if (mediaType?.startsWith('audio/') === true && content.data !== undefined) {
    return { type: 'audio', data: content.data, mediaType };
  }
  return { type: 'file', ...content, ...typed, ...filename };
}

function resultPart(part: Fields, leaveOut: LeaveOut): ToolResultPart[] {
  if (part['type'] !== 'tool-result') {
    leaveOut(`a part of type ${text(part['type']) ?? '?'} in a message of tools`);
    return [];
  }
  const { block, parts, providerExecuted } = ownData(part);
  const output = isRecord(part['output']) ? part['output'] : {};
  const isError = /^(?:error|execution-denied)/.test(text(output['type']) ?? '');
  return [
    {
      type: 'tool_result',
      id: text(part['toolCallId']) ?? '',
      name: text(part['toolName']) ?? '',
      content: parts ?? outputContent(output, leaveOut),
      ...(isError && { isError }),
      ...(providerExecuted === true && { providerExecuted }),
      ...(block !== undefined && { block }),
    },
  ];
}

function outputContent(output: Fields, leaveOut: LeaveOut): ToolResultPart['content'] {
  const value = output['value'];
  switch (output['type']) {
    case 'execution-denied':
      return text(output['reason']) ?? 'The call was denied.';
    case 'content':
      return (Array.isArray(value) ? value.filter(isRecord) : []).flatMap((each) =>
        contentPart(each, leaveOut),
      );
    default:
      return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  }
}

/** A piece of a result. V3 has types of its own for files. */
function contentPart(part: Fields, leaveOut: LeaveOut): (TextPart | ImagePart | FilePart)[] {
  const type = text(part['type']) ?? '?';
  const isOfV3 = /^(?:file|image)-(?:data|url)$/.test(type);
  const data = isOfV3 && typeof part['url'] === 'string' ? { type: 'url', url: part['url'] } : part['data'];
  const mediaType = part['mediaType'] ?? (type.startsWith('image') ? 'image/*' : undefined);
  return inputPart(isOfV3 ? { ...part, type: 'file', data, mediaType } : part, leaveOut).filter(
    (each) => each.type === 'text' || each.type === 'image' || each.type === 'file',
  );
}
