import { deltasOf, filledToolCalls, filledUsage, MADE_AT_SECONDS } from '../made-stream.ts';
import type { MadeText, MadeToolCall, MadeUsage } from '../made-stream.ts';
import type { WireStream } from './wires.ts';

/** Contents of a stream of OpenAI's Chat Completions. */
export interface ChatStreamOptions {
  readonly text?: MadeText;
  /** Reasoning, sent before the text in `reasoningField`. */
  readonly reasoning?: MadeText;
  /** DeepSeek and others use `reasoning_content` (the default), Groq and OpenRouter `reasoning`. */
  readonly reasoningField?: 'reasoning_content' | 'reasoning';
  readonly refusal?: MadeText;
  readonly toolCalls?: readonly MadeToolCall[];
  /** Default: `tool_calls` if there are tool calls, `stop` otherwise. `null` leaves out the chunk with the finish reason. */
  readonly finishReason?: string | null;
  /** `false` leaves out the usage chunk. */
  readonly usage?: MadeUsage | false;
  readonly id?: string;
  readonly model?: string;
}

/**
 * Makes a stream of `chat.completion.chunk`s as OpenAI sends them with `stream_options.include_usage`: a chunk with the role, the deltas,
 * a chunk with the finish reason, and a chunk with the usage and no choices.
 * Format: https://platform.openai.com/docs/api-reference/chat-streaming
 *
 * @example
 * server.enqueue({ stream: chatStream({ text: 'Hello there', usage: { inputTokens: 5, outputTokens: 2 } }) });
 */
export function chatStream(options: ChatStreamOptions = {}): Required<Pick<WireStream, 'wire' | 'lines'>> {
  const { reasoningField = 'reasoning_content', id = 'chatcmpl-made', model = 'gpt-5-mini' } = options;
  const calls = filledToolCalls(options.toolCalls, 'call');
  const finishReason =
    options.finishReason === undefined ? (calls.length > 0 ? 'tool_calls' : 'stop') : options.finishReason;

  const deltas: object[] = [
    { role: 'assistant', content: '', refusal: null },
    ...deltasOf(options.reasoning).map((text) => ({ [reasoningField]: text })),
    ...deltasOf(options.text).map((content) => ({ content })),
    ...deltasOf(options.refusal).map((refusal) => ({ refusal })),
    ...calls.flatMap((call, index) => [
      {
        tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }],
      },
      ...call.deltas.map((text) => ({ tool_calls: [{ index, function: { arguments: text } }] })),
    ]),
  ];
  const choices: object[][] = deltas.map((delta) => [choice(delta, null)]);
  if (finishReason !== null) choices.push([choice({}, finishReason)]);

  const head = {
    id,
    object: 'chat.completion.chunk',
    created: MADE_AT_SECONDS,
    model,
    service_tier: 'default',
    system_fingerprint: 'fp_made',
  };
  const chunks: object[] = choices.map((list) => ({ ...head, choices: list, usage: null }));
  if (options.usage !== false) chunks.push({ ...head, choices: [], usage: chatUsage(options.usage) });
  return { wire: 'openai-chat', lines: chunks.map((chunk) => JSON.stringify(chunk)) };
}

function choice(delta: object, finishReason: string | null): object {
  return { index: 0, delta, logprobs: null, finish_reason: finishReason };
}

function chatUsage(usage: MadeUsage | undefined): object {
  const { inputTokens, outputTokens, cachedInputTokens, reasoningTokens } = filledUsage(usage);
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedInputTokens, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: reasoningTokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
