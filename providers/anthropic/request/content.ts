import type {
  FilePart,
  ImagePart,
  Message,
  Part,
  ProviderBlock,
  ToolCallPart,
  ToolResultPart,
} from '../../../src/index.ts';
import { textOfResult } from '../../../src/kit/index.ts';
import {
  BLANK_ERROR,
  isRecord,
  leaveOut,
  ownBlock,
  providerRun,
  sentArguments,
  text,
  type BlockTarget,
  type Unsupported,
} from '../../wire/index.ts';
import { documentBlock, imageBlock } from './media.ts';
import type { Block } from './block.ts';

/** The request that messages are mapped for. */
export interface Mapping extends BlockTarget {
  /** The container in which the code of earlier replies ran, as long as it exists. */
  container?: string;
}

/** The content blocks of a message. */
export function blocksOf(message: Message, mapping: Mapping): Block[] {
  const parts: readonly Part[] =
    typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
  const blocks: Block[] = [];
  for (const part of parts) {
    const block =
      message.role === 'assistant' ? replyBlock(part, mapping) : inputBlock(part, message.role, mapping);
    if (block !== undefined) blocks.push(block);
  }
  return blocks;
}

function replyBlock(part: Part, mapping: Mapping): Block | undefined {
  switch (part.type) {
    case 'text':
      return textBlock(part.text, part.citations);
    case 'thinking':
      // The API refuses thinking that it did not sign. Thinking is the model's note to itself.
      return ownBlock(mapping, part.block);
    case 'provider':
      return keptBlock(part.block, mapping);
    case 'tool_call':
      return part.providerExecuted === true ? providerRun(mapping, part) : toolUseBlock(part, mapping);
    case 'tool_result':
      if (part.providerExecuted === true) return providerRun(mapping, part);
      break;
    case 'file':
      if (part.block !== undefined) return ownBlock(mapping, part.block);
      break;
    case 'image':
      break;
    case 'audio':
      return noAudio(mapping);
  }
  leaveOut(mapping, part, 'assistant');
}

function inputBlock(part: Part, role: Message['role'], mapping: Mapping): Block | undefined {
  const { unsupported } = mapping;
  switch (part.type) {
    case 'text':
      return textBlock(part.text);
    case 'provider':
      return keptBlock(part.block, mapping);
    case 'tool_result':
      if (part.providerExecuted !== true && role !== 'system') return toolResultBlock(part, mapping);
      break;
    case 'image':
      if (role !== 'system') return imageBlock(part, unsupported);
      break;
    case 'file':
      if (role !== 'system') return documentBlock(part, unsupported);
      break;
    case 'audio':
      return noAudio(mapping);
    case 'thinking':
    case 'tool_call':
      break;
  }
  leaveOut(mapping, part, role);
}

function noAudio({ unsupported }: Mapping): Block | undefined {
  unsupported('a part of type audio cannot be sent, it is left out');
  return undefined;
}

/** A block in its original place. A container has no place: the latest one becomes a field of the request. */
function keptBlock(block: ProviderBlock, mapping: Mapping): Block | undefined {
  const data = ownBlock(mapping, block);
  if (data?.['type'] !== 'container') return data;
  const id = text(data['id']);
  const expiresAt = Date.parse(text(data['expires_at']) ?? '');
  if (id !== undefined && !(expiresAt <= Date.now())) mapping.container = id;
  return undefined;
}

/** The API refuses text blocks that are empty or blank. */
function textBlock(content: string, citations?: readonly unknown[]): Block | undefined {
  if (content.trim() === '') return undefined;
  const own = citations?.filter(isOwnCitation) ?? [];
  return { type: 'text', text: content, ...(own.length > 0 && { citations: own }) };
}

/** The API refuses the citations of another provider. The types of its own have a common end. */
function isOwnCitation(citation: unknown): boolean {
  return isRecord(citation) && text(citation['type'])?.endsWith('_location') === true;
}

/** A call, with the id that its result has. */
function toolUseBlock(part: ToolCallPart, mapping: Mapping): Block {
  const { id, name } = part;
  return {
    ...ownBlock(mapping, part.block),
    type: 'tool_use',
    id,
    name,
    input: sentArguments(part),
  };
}

/** Content that only the API knows, such as references to tools, goes back as it came. The API takes a result without content. It refuses blank text in a result, and an error without content. */
function toolResultBlock(part: ToolResultPart, mapping: Mapping): Block {
  const isError = part.isError === true;
  const own = ownBlock(mapping, part.block)?.['content'];
  const content = Array.isArray(own) ? own : resultContent(part, mapping.unsupported);
  const sent = content.length === 0 && isError ? BLANK_ERROR : content;
  return {
    type: 'tool_result',
    tool_use_id: part.id,
    ...(sent.length > 0 && { content: sent }),
    ...(isError && { is_error: true }),
  };
}

function resultContent({ content, isError }: ToolResultPart, unsupported: Unsupported): string | Block[] {
  if (typeof content === 'string') return content.trim() === '' ? '' : content;
  const blocks: Block[] = [];
  for (const part of content) {
    const block =
      part.type === 'text'
        ? textBlock(part.text)
        : isError === true
          ? namedBlock(part, unsupported)
          : part.type === 'image'
            ? imageBlock(part, unsupported)
            : documentBlock(part, unsupported);
    if (block !== undefined) blocks.push(block);
  }
  return blocks;
}

/** The API refuses everything but text in a result that is an error. */
function namedBlock(part: ImagePart | FilePart, unsupported: Unsupported): Block {
  unsupported(`an error of a tool takes only text: a part of type ${part.type} is named in it`);
  return { type: 'text', text: textOfResult([part]) };
}
