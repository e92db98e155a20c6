import { field } from './fields.ts';

/**
 * The fields of usage objects whose meaning for the price is known: they are priced, or part of what is priced, or free. A field in an inner
 * object has the names of both.
 *
 * Sources: the types `CompletionUsage` and `ResponseUsage` of openai, `Usage` and `BetaUsage` of @anthropic-ai/sdk, and the API references of
 * the servers named below.
 */
const KNOWN: ReadonlySet<string> = new Set([
  // OpenAI's Chat Completions. Rejected predictions are part of the output.
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'prompt_tokens_details.cached_tokens',
  'prompt_tokens_details.cache_write_tokens',
  'prompt_tokens_details.audio_tokens',
  'prompt_tokens_details.image_tokens',
  'prompt_tokens_details.text_tokens',
  'completion_tokens_details.reasoning_tokens',
  'completion_tokens_details.audio_tokens',
  'completion_tokens_details.image_tokens',
  'completion_tokens_details.text_tokens',
  'completion_tokens_details.accepted_prediction_tokens',
  'completion_tokens_details.rejected_prediction_tokens',
  // Responses. Cache writes with 30 minutes of retention have the price of the list.
  'input_tokens',
  'output_tokens',
  'input_tokens_details.cached_tokens',
  'input_tokens_details.cache_write_tokens',
  'input_tokens_details.cache_write_tokens_details.ttl_30m_tokens',
  'input_tokens_details.audio_tokens',
  'input_tokens_details.image_tokens',
  'input_tokens_details.text_tokens',
  'output_tokens_details.reasoning_tokens',
  'output_tokens_details.audio_tokens',
  'output_tokens_details.image_tokens',
  'output_tokens_details.text_tokens',
  // Anthropic. Fetches are free.
  'cache_creation_input_tokens',
  'cache_read_input_tokens',
  'cache_creation.ephemeral_5m_input_tokens',
  'cache_creation.ephemeral_1h_input_tokens',
  'output_tokens_details.thinking_tokens',
  'server_tool_use.web_search_requests',
  'server_tool_use.web_fetch_requests',
  'service_tier',
  'inference_geo',
  'speed',
  'iterations',
  // DeepSeek and Moonshot: cached tokens under other names.
  'prompt_cache_hit_tokens',
  'prompt_cache_miss_tokens',
  'cached_tokens',
  // Groq and SambaNova: how long it took.
  'queue_time',
  'prompt_time',
  'completion_time',
  'total_time',
  'start_time',
  'end_time',
  'total_latency',
  'time_to_first_token',
  'stop_reason',
  'is_last_response',
  'acceptance_rate',
  'total_tokens_per_sec',
  'completion_tokens_per_sec',
  'completion_tokens_after_first_per_sec',
  'completion_tokens_after_first_per_sec_first_ten',
  'completion_tokens_after_first_per_sec_graph',
]);

/** What is shown of a name that a server chose. */
const PLAIN_NAME = /^[\w.-]{1,80}$/;
/** How deep usage objects are nested. What is deeper counts as unknown. */
const MAX_DEPTH = 3;
/** How many unknown fields are named. */
const MAX_NAMED = 8;

/**
 * The names of the fields of a usage object that may cost something nobody knows. A field that is null, 0, false or empty says that nothing
 * was used.
 */
export function unknownFields(raw: unknown): string[] {
  const names = new Set<string>();
  collect(raw, '', 1, names);
  return [...names].slice(0, MAX_NAMED);
}

function collect(value: unknown, path: string, depth: number, into: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const name of Object.keys(value)) {
    const at = `${path}${name}`;
    const inner = field(value, name);
    if (KNOWN.has(at) || isNothing(inner)) continue;
    const isGroup = typeof inner === 'object' && !Array.isArray(inner) && depth < MAX_DEPTH;
    if (isGroup) collect(inner, `${at}.`, depth + 1, into);
    else into.add(PLAIN_NAME.test(at) ? at : 'with another name');
  }
}

function isNothing(value: unknown, depth = 1): boolean {
  if (value === null || value === undefined || value === 0 || value === false || value === '') return true;
  if (typeof value !== 'object' || depth > MAX_DEPTH) return false;
  return Object.values(value).every((inner) => isNothing(inner, depth + 1));
}
