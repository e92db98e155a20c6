import type { Message, Part, ProviderBlock, ToolCallPart, ToolResultPart } from '../../src/index.ts';
import { blockData, type Origin } from '../wire/index.ts';
import { documentBlock, imageBlock } from './media.ts';

/** A content block of the wire: plain JSON. */
export type Block = Record<string, unknown>;

/** A message of the wire. */
export interface WireMessage {
  role: 'user' | 'assistant';
  content: Block[];
}

/** Tells of something that the API cannot honour: a warning, or an error with `strict`. */
export type Refuse = (message: string) => void;

/** The messages of a request as the API wants them. */
export interface WireConversation {
  system: Block[];
  messages: WireMessage[];
  /** The last block that each message of the request became, where one did and it can carry a cache breakpoint. */
  lastBlocks: (Block | undefined)[];
}

/** The wire that blocks of this provider are marked with. */
export const WIRE = 'anthropic';

/**
 * Maps a conversation to `system` and `messages`: consecutive messages of one role become one, tool results come first in
 * their user message, and blocks of this API (thinking, server tools) go back as they came.
 * Source: https://platform.claude.com/docs/en/api/messages
 */
export function wireConversation(
  messages: readonly Message[],
  origin: Origin,
  refuse: Refuse,
): WireConversation {
  const system: Block[] = [];
  const turns: WireMessage[] = [];
  const lastBlocks: (Block | undefined)[] = [];
  for (const message of messages) {
    const blocks = blocksOf(message, origin, refuse);
    lastBlocks.push(blocks.findLast(isCacheable));
    if (blocks.length === 0) continue;
    if (message.role === 'system') {
      system.push(...blocks);
      continue;
    }
    const role = message.role === 'assistant' ? 'assistant' : 'user';
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...blocks);
    else turns.push({ role, content: blocks });
  }
  for (const turn of turns) if (turn.role === 'user') turn.content = resultsFirst(turn.content);
  trimPrefill(turns, lastBlocks);
  return { system, messages: turns, lastBlocks };
}

function isCacheable(block: Block): boolean {
  return block['type'] !== 'thinking' && block['type'] !== 'redacted_thinking';
}

/** The API wants the results right behind the calls: before any other content of the user. */
function resultsFirst(content: Block[]): Block[] {
  const results = content.filter((block) => block['type'] === 'tool_result');
  if (results.length === 0 || results.length === content.length) return content;
  return [...results, ...content.filter((block) => block['type'] !== 'tool_result')];
}

/** The API refuses a final assistant message that ends with white space. */
function trimPrefill(turns: WireMessage[], lastBlocks: (Block | undefined)[]): void {
  const last = turns.at(-1);
  const block = last?.content.at(-1);
  if (last?.role !== 'assistant' || block?.['type'] !== 'text' || typeof block['text'] !== 'string') return;
  const trimmed = { ...block, text: block['text'].trimEnd() };
  last.content[last.content.length - 1] = trimmed;
  const place = lastBlocks.indexOf(block);
  if (place >= 0) lastBlocks[place] = trimmed;
}

function blocksOf(message: Message, origin: Origin, refuse: Refuse): Block[] {
  const parts: readonly Part[] =
    typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
  const blocks: Block[] = [];
  for (const part of parts) {
    const block = blockOf(part, message.role, origin, refuse);
    if (block !== undefined) blocks.push(block);
  }
  return blocks;
}

function blockOf(part: Part, role: Message['role'], origin: Origin, refuse: Refuse): Block | undefined {
  switch (part.type) {
    case 'text':
      return textBlock(part.text, role === 'assistant' ? part.citations : undefined);
    case 'thinking':
    // Thinking without a signature of this API is refused by it; it is the model's note to itself.
    case 'provider':
      return ownData(part.block, origin, refuse);
    case 'tool_call':
      return toolUseBlock(part, origin, refuse);
    case 'tool_result':
      return toolResultBlock(part, refuse);
    case 'image':
    case 'file':
      if (role === 'user' || role === 'tool') {
        return part.type === 'image' ? imageBlock(part, refuse) : documentBlock(part, refuse);
      }
      refuse(`a part of type ${part.type} in a message of role ${role} cannot be sent, it is left out`);
      return undefined;
    case 'audio':
      refuse('a part of type audio cannot be sent, it is left out');
      return undefined;
  }
}

/** A block's data if it goes back to where it came from; else undefined, and a warning says why. */
function ownData(block: ProviderBlock | undefined, origin: Origin, refuse: Refuse): Block | undefined {
  if (block === undefined) return undefined;
  const found = blockData(block, origin);
  if ('data' in found) return found.data;
  refuse(found.foreign);
  return undefined;
}

function isBlock(data: unknown): data is Block {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}

/** The API refuses text blocks that are empty or blank. */
function textBlock(text: string, citations?: readonly unknown[]): Block | undefined {
  if (text.trim() === '') return undefined;
  const own = citations?.filter(isOwnCitation) ?? [];
  return { type: 'text', text, ...(own.length > 0 && { citations: own }) };
}

/** Citations of another provider would be refused; all of this API's types end alike. */
function isOwnCitation(citation: unknown): boolean {
  return isBlock(citation) && typeof citation['type'] === 'string' && citation['type'].endsWith('_location');
}

function toolUseBlock(part: ToolCallPart, origin: Origin, refuse: Refuse): Block {
  return {
    ...ownData(part.block, origin, refuse),
    type: 'tool_use',
    id: wireId(part.id),
    name: part.name,
    input: inputOf(part.arguments),
  };
}

function inputOf(args: unknown): Block {
  if (isBlock(args)) return args;
  return args === undefined || args === null ? {} : { value: args };
}

/** The API takes letters, digits, `_` and `-`; ids of other providers may hold more. */
function wireId(id: string): string {
  return id.replaceAll(/[^a-zA-Z0-9_-]/g, '_') || 'call';
}

function toolResultBlock(part: ToolResultPart, refuse: Refuse): Block {
  const content = typeof part.content === 'string' ? part.content : resultBlocks(part.content, refuse);
  return {
    type: 'tool_result',
    tool_use_id: wireId(part.id),
    ...(content.length > 0 && { content }),
    ...(part.isError === true && { is_error: true }),
  };
}

function resultBlocks(parts: Exclude<ToolResultPart['content'], string>, refuse: Refuse): Block[] {
  const blocks: Block[] = [];
  for (const part of parts) {
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
