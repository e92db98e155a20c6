import type { Parameters, ResponseFormat, ToolChoice, ToolDefinition } from '../../src/index.ts';
import { chatMessages } from './chat-messages.ts';
import {
  allowedTools,
  choiceOf,
  defined,
  effortAt,
  jsonSchemaAt,
  metadataAt,
  oneOfAt,
  passedFields,
  sharedParameters,
  toolAt,
} from './openai-fields.ts';
import type { FieldRules, OpenAISettings } from './openai-fields.ts';
import { countAt, flagAt, listAt, nameAt, numberAt, objectAt, optionalAt, textsAt } from './read.ts';
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
    ...['user', 'safety_identifier', 'service_tier', 'verbosity', 'logit_bias', 'prediction'],
    ...['prompt_cache_key', 'prompt_cache_retention', 'prompt_cache_options', 'web_search_options'],
  ]),
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
  const all = (optionalAt(body, 'tools', '', listAt) ?? []).map((tool, at) => toolOf(tool, at, settings));
  const names = all.map(({ name }) => name);
  if (new Set(names).size < names.length) throw fieldError('tools', 'two tools have the same name');
  const { tools, toolChoice } = chosen(body['tool_choice'], all);
  const responseFormat = formatAt(body['response_format']);
  const metadata = optionalAt(body, 'metadata', '', metadataAt);
  const streamOptions = optionalAt(body, 'stream_options', '', objectAt) ?? {};
  const includeUsage = optionalAt(streamOptions, 'include_usage', 'stream_options', flagAt) === true;
  return {
    input,
    options: {
      parameters: {
        ...parametersOf(body),
        ...(toolChoice !== undefined && { toolChoice }),
        ...(passed !== undefined && { providerOptions: { [settings.provider ?? 'openai']: { ...passed } } }),
      },
      ...(tools.length > 0 && { tools }),
      ...(responseFormat !== undefined && { responseFormat }),
      ...(metadata !== undefined && { metadata }),
    },
    encoder: { model, clientTools: new Set(tools.map(({ name }) => name)), includeUsage },
    stream: optionalAt(body, 'stream', '', flagAt) === true,
  };
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

function toolOf(value: unknown, at: number, settings: OpenAISettings): ToolDefinition {
  const path = `tools[${at}]`;
  const fields = objectAt(value, path);
  if (fields['type'] !== 'function')
    throw fieldError(`${path}.type`, 'only tools of type function are supported');
  return toolAt(objectAt(fields['function'], `${path}.function`), `${path}.function`, settings);
}

function chosen(
  value: unknown,
  tools: readonly ToolDefinition[],
): { tools: readonly ToolDefinition[]; toolChoice?: ToolChoice } {
  if (value === undefined || value === null) return { tools };
  if (typeof value === 'string')
    return { tools, toolChoice: oneOfAt(value, 'tool_choice', ['auto', 'none', 'required']) };
  const fields = objectAt(value, 'tool_choice');
  if (fields['type'] === 'function')
    return { tools, toolChoice: choiceOf(functionAt(fields, 'tool_choice'), tools, 'tool_choice') };
  if (fields['type'] !== 'allowed_tools')
    throw fieldError('tool_choice.type', 'give one of function, allowed_tools');
  const allowed = objectAt(fields['allowed_tools'], 'tool_choice.allowed_tools');
  const path = 'tool_choice.allowed_tools.tools';
  const names = listAt(allowed['tools'], path).map((tool, at) =>
    functionAt(objectAt(tool, `${path}[${at}]`), `${path}[${at}]`),
  );
  return {
    tools: allowedTools(tools, names, path),
    toolChoice: oneOfAt(allowed['mode'], 'tool_choice.allowed_tools.mode', ['auto', 'required']),
  };
}

function functionAt(fields: Fields, path: string): string {
  return nameAt(objectAt(fields['function'], `${path}.function`)['name'], `${path}.function.name`);
}

function formatAt(value: unknown): ResponseFormat | undefined {
  if (value === undefined || value === null) return undefined;
  const fields = objectAt(value, 'response_format');
  switch (oneOfAt(fields['type'], 'response_format.type', ['text', 'json_object', 'json_schema'])) {
    case 'text':
      return { type: 'text' };
    case 'json_object':
      return { type: 'json' };
    case 'json_schema': {
      const path = 'response_format.json_schema';
      return jsonSchemaAt(objectAt(fields['json_schema'], path), path);
    }
  }
}
