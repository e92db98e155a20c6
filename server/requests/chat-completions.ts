import type { Parameters } from '../../src/index.ts';
import type { WireTool } from '../formats/format.ts';
import { chatMessages } from './chat-messages.ts';
import {
  defined,
  effortAt,
  oneOfAt,
  passedFields,
  passedOptions,
  sharedParameters,
} from './openai-fields.ts';
import { openaiRequest, responseFormatAt } from './openai-request.ts';
import { chosenTools, requireDistinct, textToolAt, toolAt } from './openai-tools.ts';
import type { FoundName, OpenAITools } from './openai-tools.ts';
import type { FieldRules, OpenAISettings } from './openai-fields.ts';
import {
  countAt,
  flagAt,
  isRecord,
  listAt,
  nameAt,
  numberAt,
  objectAt,
  optionalAt,
  textsAt,
} from './read.ts';
import type { Fields } from './read.ts';
import { fieldError } from './request-error.ts';
import type { ParsedRequest } from './request.ts';

const RULES: FieldRules = {
  known: new Set([
    ...['model', 'messages', 'stream', 'stream_options', 'tools', 'tool_choice', 'parallel_tool_calls'],
    ...['response_format', 'temperature', 'top_p', 'stop', 'seed', 'max_tokens', 'max_completion_tokens'],
    ...['frequency_penalty', 'presence_penalty', 'reasoning_effort', 'metadata', 'n', 'modalities'],
  ]),
  passed: new Set([
    ...['user', 'safety_identifier', 'service_tier'],
    ...['prompt_cache_key', 'prompt_cache_retention', 'prompt_cache_options'],
  ]),
  passedInside: new Set(['verbosity', 'logit_bias', 'prediction', 'web_search_options']),
  // Nothing is stored at the provider, whatever the client asks for.
  idle: new Set(['store']),
  refused: new Map([
    ['logprobs', 'probabilities of tokens are not supported: leave it out'],
    ['top_logprobs', 'probabilities of tokens are not supported: leave it out'],
    ['functions', 'functions are not supported: use tools'],
    ['function_call', 'functions are not supported: use tool_choice'],
    ['audio', 'spoken answers are not supported: leave it out'],
    ['moderation', 'moderation is not supported: leave it out'],
  ]),
};

/**
 * A request to Chat Completions. Each field works, is passed on to the provider, or is refused by its name. `encoder.model` is the model that the client asked for.
 * Throws a `RequestError`.
 * Source: developers.openai.com, API reference, "Create chat completion" (read 2026-11).
 */
export function parseChatCompletion(value: unknown, settings: OpenAISettings = {}): ParsedRequest {
  const body = objectAt(value, 'the body');
  const model = nameAt(body['model'], 'model');
  const passed = passedFields(body, RULES, settings);
  const n = optionalAt(body, 'n', '', numberAt) ?? 1;
  if (n !== 1) throw fieldError('n', 'the server gives one answer: leave n out, or give 1');
  const modalities = optionalAt(body, 'modalities', '', textsAt) ?? ['text'];
  if (modalities.some((one) => one !== 'text')) throw fieldError('modalities', 'give text alone');
  const input = chatMessages(body['messages']);
  const all = toolsAt(body, settings);
  const streamOptions = optionalAt(body, 'stream_options', '', objectAt) ?? {};
  const includeUsage = optionalAt(streamOptions, 'include_usage', 'stream_options', flagAt) === true;
  const { inside: chat } = passed;
  // The other API has it elsewhere.
  const responses = chat['verbosity'] === undefined ? {} : { text: { verbosity: chat['verbosity'] } };
  const found = {
    ...{ model, input, all, parameters: parametersOf(body), encoder: { includeUsage } },
    providerOptions: passedOptions(passed, { chat, responses }, settings),
    chosen: chosenTools(body['tool_choice'], all.tools, nameIn, 'allowed_tools'),
    responseFormat: responseFormatAt(body['response_format'], 'response_format', 'json_schema'),
  };
  return openaiRequest(body, found);
}

function parametersOf(body: Fields): Parameters {
  const effort = optionalAt(body, 'reasoning_effort', '', effortAt);
  return {
    ...sharedParameters(body),
    ...defined({
      maxTokens:
        optionalAt(body, 'max_completion_tokens', '', countAt) ?? optionalAt(body, 'max_tokens', '', countAt),
      stopSequences: stopAt(body['stop']),
      seed: optionalAt(body, 'seed', '', wholeAt),
      frequencyPenalty: optionalAt(body, 'frequency_penalty', '', numberAt),
      presencePenalty: optionalAt(body, 'presence_penalty', '', numberAt),
      reasoning: effort === undefined ? undefined : { effort },
    }),
  };
}

function wholeAt(value: unknown, path: string): number {
  const number = numberAt(value, path);
  if (Number.isInteger(number)) return number;
  throw fieldError(path, 'give a whole number');
}

function stopAt(value: unknown): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  const stops = typeof value === 'string' ? [value] : textsAt(value, 'stop');
  if (stops.includes('')) throw fieldError('stop', 'give texts that are not empty');
  return stops.length === 0 ? undefined : stops;
}

function toolsAt(body: Fields, settings: OpenAISettings): OpenAITools {
  const wireTools = new Map<string, WireTool>();
  const tools = (optionalAt(body, 'tools', '', listAt) ?? []).map((one, at) => {
    const path = `tools[${at}]`;
    const fields = objectAt(one, path);
    const type = oneOfAt(fields['type'], `${path}.type`, TYPES);
    const of = objectAt(fields[type], `${path}.${type}`);
    if (type === 'function') return toolAt(of, `${path}.function`, settings);
    const tool = textToolAt(of, `${path}.custom`, definitionIn(of['format']), settings);
    wireTools.set(tool.name, { name: tool.name, takesText: true });
    return tool;
  });
  requireDistinct(tools);
  return { tools, wireTools };
}

const TYPES = ['function', 'custom'] as const;

function definitionIn(format: unknown): unknown {
  const grammar = isRecord(format) ? format['grammar'] : undefined;
  return isRecord(grammar) ? grammar['definition'] : undefined;
}

/** The tool that is meant: its name is in a field of its type. */
function nameIn(fields: Fields, path: string): FoundName {
  const type = oneOfAt(fields['type'], `${path}.type`, TYPES);
  const at = `${path}.${type}.name`;
  return { name: nameAt(objectAt(fields[type], `${path}.${type}`)['name'], at), path: at };
}
