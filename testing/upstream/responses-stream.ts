import { deltasOf, filledToolCalls, filledUsage, MADE_AT_SECONDS } from '../made-stream.ts';
import type { FilledToolCall, MadeText, MadeToolCall, MadeUsage } from '../made-stream.ts';
import type { WireStream } from './wires.ts';

/** Contents of a stream of OpenAI's Responses API. The items come in this order: reasoning, message, tool calls. */
export interface ResponsesStreamOptions {
  /** A summary of the reasoning. */
  readonly reasoning?: MadeText;
  /** Sent in the finished reasoning item, with or without a summary. */
  readonly encryptedContent?: string;
  readonly text?: MadeText;
  /** A refusal in the message, instead of the text or after it. */
  readonly refusal?: MadeText;
  readonly toolCalls?: readonly MadeToolCall[];
  /** Ends the stream with `response.incomplete` for this reason. Default: `response.completed`, or `response.failed` with `failed`. */
  readonly incomplete?: 'max_output_tokens' | 'content_filter';
  readonly failed?: { readonly code: string; readonly message: string };
  /** `false` leaves out the usage in the final response. */
  readonly usage?: MadeUsage | false;
  readonly id?: string;
  readonly model?: string;
}

/**
 * Makes a stream of the Responses API: `response.created`, `response.in_progress`, the added, delta and done events of each item, and the
 * final response with all items and the usage.
 * Format: https://platform.openai.com/docs/api-reference/responses-streaming
 */
export function responsesStream(
  options: ResponsesStreamOptions = {},
): Required<Pick<WireStream, 'wire' | 'lines'>> {
  const items = itemsOf(options);
  const status =
    options.failed !== undefined ? 'failed' : options.incomplete !== undefined ? 'incomplete' : 'completed';
  const begun = responseOf(options, 'in_progress', []);
  const ended = responseOf(
    options,
    status,
    items.map((item) => item.done),
  );
  const events: object[] = [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    ...items.flatMap((item, index) => itemEvents(item, index)),
    { type: `response.${status}`, response: ended },
  ];
  const lines = events.map((event, sequence) => JSON.stringify({ ...event, sequence_number: sequence }));
  return { wire: 'openai-responses', lines };
}

/** An output item: how it is when added, its events, and how it is when done. */
interface Item {
  readonly id: string;
  readonly added: object;
  readonly events: readonly object[];
  readonly done: object;
}

function itemsOf(options: ResponsesStreamOptions): Item[] {
  const reasons = options.reasoning !== undefined || options.encryptedContent !== undefined;
  const speaks = options.text !== undefined || options.refusal !== undefined;
  return [
    ...(reasons ? [reasoningItem(options)] : []),
    ...(speaks ? [messageItem(options)] : []),
    ...filledToolCalls(options.toolCalls, 'call').map((call, index) => functionCallItem(call, index)),
  ];
}

function itemEvents(item: Item, index: number): object[] {
  const place = { item_id: item.id, output_index: index };
  return [
    { type: 'response.output_item.added', output_index: index, item: item.added },
    ...item.events.map((event) => ({ ...event, ...place })),
    { type: 'response.output_item.done', output_index: index, item: item.done },
  ];
}

function reasoningItem(options: ResponsesStreamOptions): Item {
  const id = 'rs_made';
  const deltas = deltasOf(options.reasoning);
  const summary = deltas.length > 0 ? [{ type: 'summary_text', text: deltas.join('') }] : [];
  const { encryptedContent } = options;
  const encrypted = encryptedContent === undefined ? {} : { encrypted_content: encryptedContent };
  const part = { summary_index: 0 };
  const events = summary.flatMap((whole) => [
    { type: 'response.reasoning_summary_part.added', ...part, part: { type: 'summary_text', text: '' } },
    ...deltas.map((delta) => ({ type: 'response.reasoning_summary_text.delta', ...part, delta })),
    { type: 'response.reasoning_summary_text.done', ...part, text: whole.text },
    { type: 'response.reasoning_summary_part.done', ...part, part: whole },
  ]);
  return {
    id,
    added: { id, type: 'reasoning', summary: [] },
    events,
    done: { id, type: 'reasoning', summary, ...encrypted },
  };
}

function messageItem(options: ResponsesStreamOptions): Item {
  const id = 'msg_made';
  const parts = [
    ...(options.text === undefined ? [] : [textPart(deltasOf(options.text))]),
    ...(options.refusal === undefined ? [] : [refusalPart(deltasOf(options.refusal))]),
  ];
  return {
    id,
    added: { id, type: 'message', status: 'in_progress', content: [], role: 'assistant' },
    events: parts.flatMap((part, content_index) => [
      { type: 'response.content_part.added', content_index, part: part.added },
      ...part.events.map((event) => ({ ...event, content_index })),
      { type: 'response.content_part.done', content_index, part: part.done },
    ]),
    done: {
      id,
      type: 'message',
      status: options.incomplete === undefined ? 'completed' : 'incomplete',
      content: parts.map((part) => part.done),
      role: 'assistant',
    },
  };
}

function textPart(deltas: readonly string[]) {
  const text = deltas.join('');
  const part = { type: 'output_text', annotations: [], logprobs: [] };
  return {
    added: { ...part, text: '' },
    events: [
      ...deltas.map((delta) => ({ type: 'response.output_text.delta', delta, logprobs: [] })),
      { type: 'response.output_text.done', text, logprobs: [] },
    ],
    done: { ...part, text },
  };
}

function refusalPart(deltas: readonly string[]) {
  const refusal = deltas.join('');
  return {
    added: { type: 'refusal', refusal: '' },
    events: [
      ...deltas.map((delta) => ({ type: 'response.refusal.delta', delta })),
      { type: 'response.refusal.done', refusal },
    ],
    done: { type: 'refusal', refusal },
  };
}

function functionCallItem(call: FilledToolCall, index: number): Item {
  const id = `fc_${index}`;
  const item = { id, type: 'function_call', call_id: call.id, name: call.name };
  return {
    id,
    added: { ...item, status: 'in_progress', arguments: '' },
    events: [
      ...call.deltas.map((delta) => ({ type: 'response.function_call_arguments.delta', delta })),
      { type: 'response.function_call_arguments.done', arguments: call.text },
    ],
    done: { ...item, status: 'completed', arguments: call.text },
  };
}

function responseOf(options: ResponsesStreamOptions, status: string, output: readonly object[]): object {
  const ended = status !== 'in_progress';
  return {
    id: options.id ?? 'resp_made',
    object: 'response',
    created_at: MADE_AT_SECONDS,
    status,
    error: ended ? (options.failed ?? null) : null,
    incomplete_details: ended && options.incomplete !== undefined ? { reason: options.incomplete } : null,
    model: options.model ?? 'gpt-5-mini',
    output,
    service_tier: 'default',
    usage: ended && status !== 'failed' && options.usage !== false ? responsesUsage(options.usage) : null,
  };
}

function responsesUsage(usage: MadeUsage | undefined): object {
  const { inputTokens, outputTokens, cachedInputTokens, reasoningTokens } = filledUsage(usage);
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedInputTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: inputTokens + outputTokens,
  };
}
