import type { FinishReason } from '../../src/index.ts';

/**
 * The words of all wires and servers for the end of a reply, in lower case. OpenAI and Anthropic: their API references; Mistral:
 * `model_length`; Gemini: the enum `FinishReason` of its API; Cohere, Together, Hugging Face and local servers: their own.
 */
const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map<string, FinishReason>([
  ['stop', 'stop'],
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop'],
  ['eos', 'stop'],
  ['eos_token', 'stop'],
  ['end_of_text', 'stop'],
  ['end', 'stop'],
  ['complete', 'stop'],
  ['completed', 'stop'],
  ['length', 'length'],
  ['max_tokens', 'length'],
  ['max_output_tokens', 'length'],
  ['max_new_tokens', 'length'],
  ['max_length', 'length'],
  ['model_length', 'length'],
  ['context_length', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['tool_calls', 'tool_calls'],
  ['tool_call', 'tool_calls'],
  ['tool_use', 'tool_calls'],
  ['function_call', 'tool_calls'],
  ['function_calls', 'tool_calls'],
  ['content_filter', 'content_filter'],
  ['content_filtered', 'content_filter'],
  ['safety', 'content_filter'],
  ['sensitive', 'content_filter'],
  ['image_safety', 'content_filter'],
  ['recitation', 'content_filter'],
  ['blocklist', 'content_filter'],
  ['prohibited_content', 'content_filter'],
  ['spii', 'content_filter'],
  ['guardrail_intervened', 'content_filter'],
  ['refusal', 'refusal'],
  ['pause_turn', 'pause'],
  ['pause', 'pause'],
  // The model meant to call a tool and failed at it: not an end of the model's choice.
  ['malformed_function_call', 'other'],
  ['unexpected_tool_call', 'other'],
]);

/** The reasons of a reply that may have ended within its last tool call. */
export const MAY_CUT_CALLS: ReadonlySet<FinishReason> = new Set(['length', 'content_filter', 'refusal']);

/** The finish reason that a server's word stands for, in any case; `other` for a word that nobody knows. */
export function finishReasonOf(word: string): FinishReason {
  return FINISH_REASONS.get(word.toLowerCase()) ?? 'other';
}
