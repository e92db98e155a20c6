import type { ModelRequest, Part, ToolCallPart } from '../../../src/index.ts';
import {
  isRecord,
  ownCallId,
  pairedCalls,
  type IdRule,
  type Origin,
  type Unsupported,
} from '../../wire/index.ts';
import type { Block } from './block.ts';
import { blocksOf, type Mapping } from './content.ts';

/** A message of the API. */
export interface WireMessage {
  role: 'user' | 'assistant' | 'system';
  content: Block[];
}

/** The messages of a request as the API wants them. */
export interface WireConversation {
  system: Block[];
  messages: WireMessage[];
  /** For each message of the request the last of its blocks that can carry a cache breakpoint. */
  lastBlocks: (Block | undefined)[];
  /** The container in which the code of earlier replies ran, as long as it exists. */
  container: string | undefined;
  /**
   * The position of the user's last message if nothing of it can be sent. Without it the API would continue the reply
   * before.
   */
  emptyAt: number | undefined;
}

/** The API that the blocks of this provider are marked with. */
export const WIRE = 'anthropic';

/**
 * The API takes letters, digits, `_` and `-`. The ids of other providers may have other characters. No maximum length is
 * documented.
 */
const ID_RULE: IdRule = { maxLength: Infinity, forbidden: /[^a-zA-Z0-9_-]/g };

/**
 * Maps a conversation to `system` and `messages`. Consecutive messages of one role are joined, the tool results come first
 * in their user message, and blocks of this API (thinking, server tools) go back as they came. Messages of the system that come later join the first ones, since not every model takes
 * them, unless `systemInPlace` says that they stay.
 * Source: https://platform.claude.com/docs/en/api/messages
 */
export function wireConversation(
  { messages, tools }: Pick<ModelRequest, 'messages' | 'tools'>,
  origin: Origin,
  unsupported: Unsupported,
  systemInPlace = false,
): WireConversation {
  const mapping: Mapping = { origin, unsupported };
  const ownId = (part: Part): string | undefined => ownCallId(part, origin, 'id');
  const system: Block[] = [];
  const turns: WireMessage[] = [];
  const lastBlocks: (Block | undefined)[] = [];
  let emptyAt: number | undefined;
  pairedCalls(messages, { rule: ID_RULE, ownId, serverId: programId(origin), tools, unsupported }).forEach(
    (message, at) => {
      const blocks = blocksOf(message, mapping);
      lastBlocks.push(blocks.findLast(isCacheable));
      if (message.role === 'system') {
        if (!systemInPlace || turns.length === 0) system.push(...blocks);
        else if (blocks.length > 0) turns.push({ role: 'system', content: blocks });
        return;
      }
      const role = message.role === 'assistant' ? 'assistant' : 'user';
      const last = turns.at(-1);
      if (blocks.length === 0) {
        if (message.role === 'user' && last?.role !== 'user') emptyAt ??= at;
        return;
      }
      emptyAt = undefined;
      if (last?.role === role) last.content.push(...blocks);
      else turns.push({ role, content: blocks });
    },
  );
  for (const turn of turns) if (turn.role === 'user') turn.content = resultsFirst(turn.content);
  trimPrefill(turns, lastBlocks);
  return { system, messages: turns, lastBlocks, container: mapping.container, emptyAt };
}

/**
 * The id of a call that a program of the API made. The program waits in its container for a result with that id.
 * Source: https://platform.claude.com/docs/en/agents-and-tools/tool-use/programmatic-tool-calling
 */
function programId(origin: Origin): (part: ToolCallPart) => string | undefined {
  return (part) => {
    const data: unknown = part.block?.data;
    const caller = isRecord(data) ? data['caller'] : undefined;
    return isRecord(caller) && caller['tool_id'] !== undefined ? ownCallId(part, origin, 'id') : undefined;
  };
}

/**
 * Whether the reply that the model continues after the tool results does not begin with its thinking, for example because
 * another model wrote it. The API then refuses a thinking budget.
 * Source: https://platform.claude.com/docs/en/build-with-claude/thinking-tool-workflows
 */
export function isThinkingLost(messages: readonly WireMessage[]): boolean {
  if (messages.at(-1)?.role !== 'user' || !holdsResult(messages.at(-1))) return false;
  const asked = messages.findLastIndex((message) => message.role === 'user' && !holdsResult(message));
  const first = messages[asked + 1]?.content[0];
  return first !== undefined && isCacheable(first);
}

function holdsResult(message: WireMessage | undefined): boolean {
  return message?.content.some(({ type }) => type === 'tool_result') === true;
}

/** Whether a block can carry a cache breakpoint. Only thinking cannot. */
function isCacheable(block: Block): boolean {
  return block['type'] !== 'thinking' && block['type'] !== 'redacted_thinking';
}

/** The API requires the results directly after the calls, before any other content of the user. */
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
