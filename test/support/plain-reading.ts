// Providers are compared with this reading. It must not share any code with them or with the core.
import type { Wire } from '../../testing/upstream/wires.ts';
import { at, listAt, numberAt, parseLine, textAt } from './json.ts';

/** The contents of a recorded stream, read without any provider's code. */
export interface PlainReading {
  text: string;
  thinking: string;
  /** Tool calls, including those that the provider ran itself, in the order in which they were finished. */
  toolCalls: { id: string; name: string; arguments: unknown; providerExecuted?: true }[];
  /** `undefined` if the stream has no end. */
  finishReason: string | undefined;
  rawFinishReason: string | undefined;
  usage: PlainUsage | undefined;
  /** The message of an error in the stream. If there is one, the call failed. */
  error: string | undefined;
  /** Whether a message starts inside another one, so that the stream must be refused. */
  spliced: boolean;
}

/** Token counts. Cached and cache-write tokens are part of the input, reasoning tokens part of the output. */
export interface PlainUsage {
  inputTokens: number;
  outputTokens: number;
  totalTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  reasoningTokens: number;
}

/**
 * Reads all lines as one stream. If a recording contains several replies, their texts and calls are joined. Usage and finish reason are those
 * of the last reply, but a Responses stream with a call in any reply ends with `tool_calls`. Use {@link plainReplies} to read each reply
 * separately.
 */
export function plainReading(wire: Wire, lines: readonly string[]): PlainReading {
  return READERS[wire](lines.map(parseLine));
}

/** Reads each reply separately. A reply ends with a terminal event. */
export function plainReplies(wire: Wire, lines: readonly string[]): PlainReading[] {
  return replyLines(wire, lines).map((reply) => plainReading(wire, reply));
}

/** Splits lines into replies. Most recordings contain one reply. */
export function replyLines(wire: Wire, lines: readonly string[]): string[][] {
  const replies: string[][] = [[]];
  let ended = false;
  for (const line of lines) {
    if (ended) replies.push([]);
    replies.at(-1)?.push(line);
    ended = TERMINAL[wire].includes(textAt(parseLine(line), 'type'));
  }
  return replies;
}

const TERMINAL: Readonly<Record<Wire, readonly string[]>> = {
  'openai-chat': [],
  'openai-responses': ['response.completed', 'response.incomplete', 'response.failed'],
  'anthropic-messages': ['message_stop'],
};

const READERS: Readonly<Record<Wire, (events: readonly unknown[]) => PlainReading>> = {
  'openai-chat': readChat,
  'openai-responses': readResponses,
  'anthropic-messages': readMessages,
};

function emptyReading(): PlainReading {
  return {
    text: '',
    thinking: '',
    toolCalls: [],
    finishReason: undefined,
    rawFinishReason: undefined,
    usage: undefined,
    error: undefined,
    spliced: false,
  };
}

function usageOf(counts: Omit<PlainUsage, 'totalTokens'>): PlainUsage {
  return { ...counts, totalTokens: counts.inputTokens + counts.outputTokens };
}

/** Parses arguments. Missing arguments are `{}`. */
function argumentsOf(text: string): unknown {
  return text.trim() === '' ? {} : parseLine(text);
}

const CHAT_REASONS: Readonly<Record<string, string>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
};

function readChat(chunks: readonly unknown[]): PlainReading {
  const reading = emptyReading();
  const calls: { index: number | undefined; id: string; name: string; text: string }[] = [];
  let refused = false;
  for (const chunk of chunks) {
    if (at(chunk, 'error') !== undefined) reading.error = textAt(chunk, 'error', 'message');
    const usage = at(chunk, 'usage') ?? at(chunk, 'x_groq', 'usage');
    if (typeof usage === 'object' && usage !== null) reading.usage = chatUsage(usage);
    const choice = listAt(chunk, 'choices').find((each) => (numberAt(each, 'index') ?? 0) === 0);
    const delta = at(choice, 'delta');
    const content = at(delta, 'content');
    // Mistral's reasoning models send a list of parts instead of text.
    for (const part of Array.isArray(content) ? content : [{ text: content }]) {
      reading.text += textAt(part, 'text');
      for (const thought of listAt(part, 'thinking')) reading.thinking += textAt(thought, 'text');
    }
    reading.thinking += textAt(delta, 'reasoning_content') || textAt(delta, 'reasoning');
    reading.text += textAt(delta, 'refusal');
    refused ||= textAt(delta, 'refusal') !== '';
    for (const piece of listAt(delta, 'tool_calls')) addChatCall(calls, piece);
    const finish = textAt(choice, 'finish_reason');
    if (finish !== '') {
      reading.rawFinishReason = finish;
      reading.finishReason = refused && finish === 'stop' ? 'refusal' : (CHAT_REASONS[finish] ?? 'other');
    }
  }
  reading.toolCalls = calls.map(({ id, name, text }) => ({ id, name, arguments: argumentsOf(text) }));
  return reading;
}

/** A piece with an id belongs to the call with that id. A piece without one belongs to the latest call with its index. */
function addChatCall(
  calls: { index: number | undefined; id: string; name: string; text: string }[],
  piece: unknown,
): void {
  const id = textAt(piece, 'id');
  const index = numberAt(piece, 'index');
  let call = calls.findLast((each) => (id === '' ? each.index === index : each.id === id));
  if (call === undefined) calls.push((call = { index, id, name: '', text: '' }));
  call.name += textAt(piece, 'function', 'name') || textAt(piece, 'custom', 'name');
  call.text += textAt(piece, 'function', 'arguments');
}

function chatUsage(usage: unknown): PlainUsage {
  const inputTokens = numberAt(usage, 'prompt_tokens') ?? 0;
  const completion = numberAt(usage, 'completion_tokens') ?? 0;
  const reasoningTokens = numberAt(usage, 'completion_tokens_details', 'reasoning_tokens') ?? 0;
  // xAI's chat wire does not include reasoning in the completion tokens, as its total shows.
  const beside =
    reasoningTokens > 0 && numberAt(usage, 'total_tokens') === inputTokens + completion + reasoningTokens;
  return usageOf({
    inputTokens,
    outputTokens: completion + (beside ? reasoningTokens : 0),
    cachedInputTokens:
      numberAt(usage, 'prompt_tokens_details', 'cached_tokens') ??
      numberAt(usage, 'prompt_cache_hit_tokens') ??
      0,
    cacheWriteTokens: numberAt(usage, 'prompt_tokens_details', 'cache_write_tokens') ?? 0,
    reasoningTokens,
  });
}

function readResponses(events: readonly unknown[]): PlainReading {
  const reading = emptyReading();
  const refused = events.some((event) => textAt(event, 'type') === 'response.refusal.delta');
  for (const event of events) {
    const type = textAt(event, 'type');
    if (type === 'response.refusal.delta') reading.text += textAt(event, 'delta');
    if (type === 'response.output_text.delta') reading.text += textAt(event, 'delta');
    if (type === 'response.reasoning_summary_text.delta') reading.thinking += textAt(event, 'delta');
    if (type === 'response.reasoning_text.delta') reading.thinking += textAt(event, 'delta');
    if (type === 'response.output_item.done') reading.toolCalls.push(...responsesCall(at(event, 'item')));
    if (type === 'error') reading.error = textAt(event, 'error', 'message') || textAt(event, 'message');
    if (!TERMINAL['openai-responses'].includes(type)) continue;
    const response = at(event, 'response');
    const usage = at(response, 'usage');
    if (typeof usage === 'object' && usage !== null) reading.usage = responsesUsage(usage);
    if (type === 'response.failed') reading.error ??= textAt(response, 'error', 'message');
    const reason = textAt(response, 'incomplete_details', 'reason');
    reading.rawFinishReason = reason === '' ? textAt(response, 'status') : reason;
    const isCalled = reading.toolCalls.some((call) => call.providerExecuted !== true);
    reading.finishReason = refused ? 'refusal' : responsesFinish(type, reason, isCalled);
  }
  return reading;
}

function responsesFinish(type: string, reason: string, called: boolean): string | undefined {
  if (type === 'response.failed') return undefined;
  if (type === 'response.completed') return called ? 'tool_calls' : 'stop';
  if (reason === 'max_output_tokens') return 'length';
  return reason === 'content_filter' ? 'content_filter' : 'other';
}

function responsesCall(item: unknown): PlainReading['toolCalls'] {
  const call = { id: textAt(item, 'call_id'), name: textAt(item, 'name') };
  const [type, input] = [textAt(item, 'type'), textAt(item, 'input')];
  if (type === 'function_call') return [{ ...call, arguments: argumentsOf(textAt(item, 'arguments')) }];
  if (type !== 'custom_tool_call') return hostedCall(type, item);
  // xAI runs these itself.
  if (!call.id.startsWith('xs_')) return [{ ...call, arguments: input }];
  return [{ ...call, arguments: argumentsOf(input), providerExecuted: true }];
}

/** A call that the provider runs. Its id is the id of the item. */
function hostedCall(type: string, item: unknown): PlainReading['toolCalls'] {
  const id = textAt(item, 'id');
  const call = (name: string, args: unknown): PlainReading['toolCalls'] => [
    { id, name, arguments: args, providerExecuted: true },
  ];
  switch (type) {
    case 'web_search_call': {
      const entries = Object.entries(at(item, 'action') ?? {}).filter(([field]) => field !== 'sources');
      return call('web_search', Object.fromEntries(entries));
    }
    case 'file_search_call':
      return call('file_search', { queries: listAt(item, 'queries') });
    case 'code_interpreter_call':
      return call('code_interpreter', { code: at(item, 'code'), container_id: at(item, 'container_id') });
    case 'mcp_call':
      return call(textAt(item, 'name'), argumentsOf(textAt(item, 'arguments')));
    default:
      return [];
  }
}

function responsesUsage(usage: unknown): PlainUsage {
  return usageOf({
    inputTokens: numberAt(usage, 'input_tokens') ?? 0,
    outputTokens: numberAt(usage, 'output_tokens') ?? 0,
    cachedInputTokens: numberAt(usage, 'input_tokens_details', 'cached_tokens') ?? 0,
    cacheWriteTokens: numberAt(usage, 'input_tokens_details', 'cache_write_tokens') ?? 0,
    reasoningTokens: numberAt(usage, 'output_tokens_details', 'reasoning_tokens') ?? 0,
  });
}

const MESSAGES_REASONS: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  refusal: 'refusal',
  pause_turn: 'pause',
};

function readMessages(events: readonly unknown[]): PlainReading {
  const reading = emptyReading();
  const counts = new Map<string, number>();
  let open: { id: string; hasBlocks: boolean } | undefined;
  let call: { id: string; name: string; input: unknown; text: string; hosted: boolean } | undefined;
  for (const event of events) {
    switch (textAt(event, 'type')) {
      case 'message_start': {
        const id = textAt(event, 'message', 'id');
        if (open !== undefined && (open.id !== id || open.hasBlocks)) reading.spliced = true;
        open = { id, hasBlocks: false };
        addCounts(counts, at(event, 'message', 'usage'));
        break;
      }
      case 'content_block_start': {
        if (open !== undefined) open.hasBlocks = true;
        const block = at(event, 'content_block');
        const type = textAt(block, 'type');
        const [id, name, input] = [textAt(block, 'id'), textAt(block, 'name'), at(block, 'input')];
        // Calls that the provider runs have types such as `server_tool_use`.
        call = type.endsWith('tool_use')
          ? { id, name, input, text: '', hosted: type !== 'tool_use' }
          : undefined;
        break;
      }
      case 'content_block_delta': {
        const delta = at(event, 'delta');
        if (at(delta, 'type') === 'text_delta') reading.text += textAt(delta, 'text');
        if (at(delta, 'type') === 'thinking_delta') reading.thinking += textAt(delta, 'thinking');
        if (call !== undefined) call.text += textAt(delta, 'partial_json');
        break;
      }
      case 'content_block_stop':
        if (call !== undefined) {
          const { id, name, input, text, hosted } = call;
          const args = text === '' ? input : argumentsOf(text);
          reading.toolCalls.push({ id, name, arguments: args, ...(hosted && { providerExecuted: true }) });
        }
        call = undefined;
        break;
      case 'message_delta': {
        const reason = textAt(event, 'delta', 'stop_reason');
        if (reason !== '') {
          reading.rawFinishReason = reason;
          reading.finishReason = MESSAGES_REASONS[reason] ?? 'other';
        }
        addCounts(counts, at(event, 'usage'));
        break;
      }
      case 'message_stop':
        open = undefined;
        break;
      case 'error':
        reading.error = textAt(event, 'error', 'message');
        break;
    }
  }
  if (counts.size > 0) reading.usage = messagesUsage(counts);
  return reading;
}

/** Counts are cumulative and may be null. The last number above 0 is used. */
function addCounts(counts: Map<string, number>, usage: unknown): void {
  for (const name of [
    'input_tokens',
    'output_tokens',
    'cache_read_input_tokens',
    'cache_creation_input_tokens',
  ]) {
    const count = numberAt(usage, name);
    if (count !== undefined && (count > 0 || !counts.has(name))) counts.set(name, count);
  }
  const thinking = numberAt(usage, 'output_tokens_details', 'thinking_tokens');
  if (thinking !== undefined) counts.set('thinking_tokens', thinking);
}

function messagesUsage(counts: ReadonlyMap<string, number>): PlainUsage {
  const cachedInputTokens = counts.get('cache_read_input_tokens') ?? 0;
  const cacheWriteTokens = counts.get('cache_creation_input_tokens') ?? 0;
  return usageOf({
    inputTokens: (counts.get('input_tokens') ?? 0) + cachedInputTokens + cacheWriteTokens,
    outputTokens: counts.get('output_tokens') ?? 0,
    cachedInputTokens,
    cacheWriteTokens,
    reasoningTokens: counts.get('thinking_tokens') ?? 0,
  });
}
