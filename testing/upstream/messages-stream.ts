import { deltasOf, filledToolCalls, filledUsage } from '../made-stream.ts';
import type { MadeText, MadeToolCall, MadeUsage } from '../made-stream.ts';
import type { WireStream } from './wires.ts';

/** A content block of a stream of Anthropic's Messages API. */
export type MadeBlock =
  | { readonly type: 'text'; readonly text: MadeText }
  | { readonly type: 'thinking'; readonly thinking: MadeText; readonly signature?: string }
  | { readonly type: 'redacted_thinking'; readonly data: string }
  | { readonly type: 'tool_use'; readonly id?: string; readonly name: string; readonly input?: unknown }
  /** Any other block. It is sent unchanged in its start event, followed by these deltas. */
  | { readonly type: 'other'; readonly block: object; readonly deltas?: readonly object[] };

/** Contents of a stream of Anthropic's Messages API. */
export interface MessagesStreamOptions {
  /** The content blocks, in order. */
  readonly blocks?: readonly MadeBlock[];
  /** Shorthands for blocks that follow `blocks`, in this order: thinking (with `signature`), text, tool calls. */
  readonly thinking?: MadeText;
  /** Default `sig_made`. */
  readonly signature?: string;
  readonly text?: MadeText;
  readonly toolCalls?: readonly MadeToolCall[];
  /** Default: `tool_use` if there are tool calls, `end_turn` otherwise. */
  readonly stopReason?: string;
  readonly stopSequence?: string;
  readonly usage?: MadeUsage;
  readonly id?: string;
  readonly model?: string;
}

/**
 * Makes a stream of the Messages API: `message_start`, the content blocks with a `ping` after the start of the first one, `message_delta`
 * with the stop reason and the final usage, and `message_stop`.
 * Format: https://docs.anthropic.com/en/docs/build-with-claude/streaming
 */
export function messagesStream(
  options: MessagesStreamOptions = {},
): Required<Pick<WireStream, 'wire' | 'lines'>> {
  const { id = 'msg_made', model = 'claude-haiku-4-5' } = options;
  const blocks = [...(options.blocks ?? []), ...shorthandBlocks(options)];
  const called = blocks.some((block) => block.type === 'tool_use');
  const { output_tokens, ...inputUsage } = messagesUsage(options.usage);
  const message = {
    model,
    id,
    type: 'message',
    role: 'assistant',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...inputUsage, output_tokens: 1, service_tier: 'standard' },
  };
  const events: object[] = [
    { type: 'message_start', message },
    ...blocks.flatMap((block, index) => blockEvents(block, index)),
    {
      type: 'message_delta',
      delta: {
        stop_reason: options.stopReason ?? (called ? 'tool_use' : 'end_turn'),
        stop_sequence: options.stopSequence ?? null,
      },
      usage: { ...inputUsage, output_tokens },
    },
    { type: 'message_stop' },
  ];
  return { wire: 'anthropic-messages', lines: events.map((event) => JSON.stringify(event)) };
}

function shorthandBlocks(options: MessagesStreamOptions): MadeBlock[] {
  const { thinking, signature = 'sig_made', text } = options;
  return [
    ...(thinking === undefined ? [] : [{ type: 'thinking' as const, thinking, signature }]),
    ...(text === undefined ? [] : [{ type: 'text' as const, text }]),
    ...(options.toolCalls ?? []).map(({ arguments: input, ...call }) => ({
      ...call,
      type: 'tool_use' as const,
      input,
    })),
  ];
}

function blockEvents(block: MadeBlock, index: number): object[] {
  const { start, deltas } = blockParts(block, index);
  return [
    { type: 'content_block_start', index, content_block: start },
    ...(index === 0 ? [{ type: 'ping' }] : []),
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ];
}

function blockParts(block: MadeBlock, index: number): { start: object; deltas: readonly object[] } {
  switch (block.type) {
    case 'text':
      return {
        start: { type: 'text', text: '' },
        deltas: deltasOf(block.text).map((text) => ({ type: 'text_delta', text })),
      };
    case 'thinking':
      return {
        start: { type: 'thinking', thinking: '', signature: '' },
        deltas: [
          ...deltasOf(block.thinking).map((thinking) => ({ type: 'thinking_delta', thinking })),
          { type: 'signature_delta', signature: block.signature ?? 'sig_made' },
        ],
      };
    case 'redacted_thinking':
      return { start: block, deltas: [] };
    case 'tool_use':
      return toolUseParts(block, index);
    case 'other':
      return { start: block.block, deltas: block.deltas ?? [] };
  }
}

function toolUseParts(block: Extract<MadeBlock, { type: 'tool_use' }>, index: number) {
  const [call] = filledToolCalls([{ name: block.name, arguments: block.input }], 'toolu');
  // A call without arguments is sent as one empty delta, not as `{}`.
  const deltas = block.input === undefined ? [''] : ['', ...(call?.deltas ?? [])];
  return {
    start: { type: 'tool_use', id: block.id ?? `toolu_${index}`, name: block.name, input: {} },
    deltas: deltas.map((partial_json) => ({ type: 'input_json_delta', partial_json })),
  };
}

function messagesUsage(usage: MadeUsage | undefined) {
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens } = filledUsage(usage);
  return {
    input_tokens: inputTokens - cachedInputTokens - cacheWriteTokens,
    cache_creation_input_tokens: cacheWriteTokens,
    cache_read_input_tokens: cachedInputTokens,
    output_tokens: outputTokens,
  };
}
