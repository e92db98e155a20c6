import type { CacheBreakpoint, Parameters } from '../../../src/index.ts';
import type { Unsupported } from '../../wire/index.ts';
import type { Block } from './block.ts';
import type { WireConversation } from './messages.ts';

/** The API's limit for one request. */
const MAX_BREAKPOINTS = 4;

/**
 * Marks the ends of the prompt's cached prefixes with `cache_control`, in place. `auto` marks the tools, the system prompt
 * and the last message.
 * Source: https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 */
export function markBreakpoints(
  promptCache: NonNullable<Parameters['promptCache']>,
  tools: Block[],
  conversation: WireConversation,
  unsupported: Unsupported,
): void {
  const wanted: readonly CacheBreakpoint[] = promptCache === 'auto' ? ['tools', 'system', -1] : promptCache;
  if (wanted.length > MAX_BREAKPOINTS) {
    unsupported(`only the last ${MAX_BREAKPOINTS} promptCache breakpoints are sent`);
  }
  const marked = new Set<Block>();
  for (const breakpoint of wanted.slice(-MAX_BREAKPOINTS)) {
    const { at, ttl } = typeof breakpoint === 'object' ? breakpoint : { at: breakpoint, ttl: undefined };
    const [list, block] = blockAt(at, tools, conversation);
    if (block === undefined) {
      if (promptCache !== 'auto')
        unsupported(`there is nothing before the promptCache breakpoint at ${at}, it is left out`);
      continue;
    }
    if (marked.has(block)) continue;
    // A copy takes its place, because the block may be part of the caller's message.
    const copy = { ...block, cache_control: { type: 'ephemeral', ...(ttl !== undefined && { ttl }) } };
    list[list.indexOf(block)] = copy;
    conversation.lastBlocks = conversation.lastBlocks.map((each) => (each === block ? copy : each));
    marked.add(copy);
  }
}

function blockAt(
  at: 'tools' | 'system' | number,
  tools: Block[],
  conversation: WireConversation,
): [list: Block[], block: Block | undefined] {
  if (at === 'tools') return [tools, tools.at(-1)];
  if (at === 'system') return [conversation.system, conversation.system.at(-1)];
  const { lastBlocks } = conversation;
  const index = at < 0 ? lastBlocks.length + at : at;
  if (index < 0 || index >= lastBlocks.length) return [[], undefined];
  // If nothing of a message was sent, its end is that of the message before it.
  const block = lastBlocks.slice(0, index + 1).findLast((each) => each !== undefined);
  const lists = [conversation.system, ...conversation.messages.map((message) => message.content)];
  const list = block === undefined ? undefined : lists.find((each) => each.includes(block));
  return list === undefined ? [[], undefined] : [list, block];
}
