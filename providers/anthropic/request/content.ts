import type { Message, Part, ProviderBlock, ToolCallPart, ToolResultPart } from '../../../src/index.ts';
import { BLANK_ERROR, blockData, isRecord, sentArguments, text, type Origin } from '../../wire/index.ts';
import { documentBlock, imageBlock } from './media.ts';
import type { Block, Refuse } from './messages.ts';

/** What the messages of one request are mapped with. */
export interface Mapping {
  origin: Origin;
  refuse: Refuse;
  /** The container in which the code of earlier replies ran, while it is there. */
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
      // Thinking without a signature of this API is refused by it; it is the model's note to itself.
      return ownData(part.block, mapping);
    case 'provider':
      return keptBlock(part.block, mapping);
    case 'tool_call':
      return part.providerExecuted === true ? providerRun(part, mapping) : toolUseBlock(part, mapping);
    case 'tool_result':
      if (part.providerExecuted === true) return providerRun(part, mapping);
      break;
    case 'file':
      if (part.block !== undefined) return ownData(part.block, mapping);
      break;
    case 'image':
      break;
    case 'audio':
      return noSound(mapping);
  }
  return leftOut(part, 'assistant', mapping);
}

function inputBlock(part: Part, role: Message['role'], mapping: Mapping): Block | undefined {
  const { refuse } = mapping;
  switch (part.type) {
    case 'text':
      return textBlock(part.text);
    case 'provider':
      return keptBlock(part.block, mapping);
    case 'tool_result':
      if (part.providerExecuted !== true && role !== 'system') return toolResultBlock(part, refuse);
      break;
    case 'image':
      if (role !== 'system') return imageBlock(part, refuse);
      break;
    case 'file':
      if (role !== 'system') return documentBlock(part, refuse);
      break;
    case 'audio':
      return noSound(mapping);
    case 'thinking':
    case 'tool_call':
      break;
  }
  return leftOut(part, role, mapping);
}

function leftOut({ type }: Part, role: Message['role'], { refuse }: Mapping): Block | undefined {
  refuse(`a part of type ${type} in a message of role ${role} cannot be sent, it is left out`);
  return undefined;
}

function noSound({ refuse }: Mapping): Block | undefined {
  refuse('a part of type audio cannot be sent, it is left out');
  return undefined;
}

/** A block's data if it goes back to where it came from; else undefined, and a warning says why. */
function ownData(block: ProviderBlock | undefined, { origin, refuse }: Mapping): Block | undefined {
  if (block === undefined) return undefined;
  const found = blockData(block, origin);
  if ('data' in found) return found.data;
  refuse(found.foreign);
  return undefined;
}

/** A block in its place. A container has no place here: the newest one becomes a field of the request. */
function keptBlock(block: ProviderBlock, mapping: Mapping): Block | undefined {
  const data = ownData(block, mapping);
  if (data?.['type'] !== 'container') return data;
  const id = text(data['id']);
  const expiresAt = Date.parse(text(data['expires_at']) ?? '');
  if (id !== undefined && !(expiresAt <= Date.now())) mapping.container = id;
  return undefined;
}

/**
 * The verbatim form of a call that a provider ran itself, or of its result. To another provider it means nothing: both are left
 * out, and neither ever becomes a call of the client's.
 */
function providerRun(part: ToolCallPart | ToolResultPart, mapping: Mapping): Block | undefined {
  if (part.block !== undefined || part.type === 'tool_result') return ownData(part.block, mapping);
  mapping.refuse(`a call of ${part.name} that a provider ran itself is left out: its block is missing`);
  return undefined;
}

/** The API refuses text blocks that are empty or blank. */
function textBlock(content: string, citations?: readonly unknown[]): Block | undefined {
  if (content.trim() === '') return undefined;
  const own = citations?.filter(isOwnCitation) ?? [];
  return { type: 'text', text: content, ...(own.length > 0 && { citations: own }) };
}

/** Citations of another provider would be refused; all of this API's types end alike. */
function isOwnCitation(citation: unknown): boolean {
  return isRecord(citation) && text(citation['type'])?.endsWith('_location') === true;
}

/** A call under the id that its result has. */
function toolUseBlock(part: ToolCallPart, mapping: Mapping): Block {
  const { id, name } = part;
  return {
    ...ownData(part.block, mapping),
    type: 'tool_use',
    id,
    name,
    input: sentArguments(part),
  };
}

/** The API takes a result without content, but no blank text in it, and no error without content. */
function toolResultBlock(part: ToolResultPart, refuse: Refuse): Block {
  const isError = part.isError === true;
  const content = resultContent(part.content, refuse);
  const sent = content.length === 0 && isError ? BLANK_ERROR : content;
  return {
    type: 'tool_result',
    tool_use_id: part.id,
    ...(sent.length > 0 && { content: sent }),
    ...(isError && { is_error: true }),
  };
}

function resultContent(content: ToolResultPart['content'], refuse: Refuse): string | Block[] {
  if (typeof content === 'string') return content.trim() === '' ? '' : content;
  const blocks: Block[] = [];
  for (const part of content) {
    const block =
      part.type === 'text'
        ? textBlock(part.text)
        : part.type === 'image'
          ? imageBlock(part, refuse)
          : documentBlock(part, refuse);
    if (block !== undefined) blocks.push(block);
  }
  return blocks;
}
