import type { FinishReason } from '../../src/index.ts';

/**
 * The finish reasons of all APIs and servers, in lower case. Sources: the API references of OpenAI and Anthropic;
 * `model_length` is Mistral's; the enum `FinishReason` of Gemini's API; others are from Cohere, Together, Hugging Face and
 * local servers.
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
  // The model tried to call a tool and failed. It did not choose to end here.
  ['malformed_function_call', 'other'],
  ['unexpected_tool_call', 'other'],
]);

/** The finish reasons of a reply that may have been cut within its last tool call. */
export const MAY_CUT_CALLS: ReadonlySet<FinishReason> = new Set(['length', 'content_filter', 'refusal']);

/** The finish reason for a server's word, in upper or lower case. An unknown word is `other`. */
export function finishReasonOf(word: string): FinishReason {
  return FINISH_REASONS.get(word.toLowerCase()) ?? 'other';
}
