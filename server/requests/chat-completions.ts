import type { Parameters, ResponseFormat, ToolChoice, ToolDefinition } from '../../src/index.ts';
import type { WireTool } from '../formats/format.ts';
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
  textToolAt,
  toolAt,
} from './openai-fields.ts';
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
  const all = toolsAt(body, settings);
  const { tools, toolChoice } = chosen(body['tool_choice'], all.tools);
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
    encoder: {
      model,
      clientTools: new Set(tools.map(({ name }) => name)),
      ...(all.wireTools.size > 0 && { wireTools: all.wireTools }),
      includeUsage,
    },
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

interface Tools {
  tools: ToolDefinition[];
  /** Those that take a text. */
  wireTools: Map<string, WireTool>;
}

function toolsAt(body: Fields, settings: OpenAISettings): Tools {
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
  const names = tools.map(({ name }) => name);
  if (new Set(names).size < names.length) throw fieldError('tools', 'two tools have the same name');
  return { tools, wireTools };
}

const TYPES = ['function', 'custom'] as const;

function definitionIn(format: unknown): unknown {
  const grammar = isRecord(format) ? format['grammar'] : undefined;
  return isRecord(grammar) ? grammar['definition'] : undefined;
}

function chosen(
  value: unknown,
  tools: readonly ToolDefinition[],
): { tools: readonly ToolDefinition[]; toolChoice?: ToolChoice } {
  if (value === undefined || value === null) return { tools };
  if (typeof value === 'string')
    return { tools, toolChoice: oneOfAt(value, 'tool_choice', ['auto', 'none', 'required']) };
  const fields = objectAt(value, 'tool_choice');
  const type = oneOfAt(fields['type'], 'tool_choice.type', [...TYPES, 'allowed_tools']);
  if (type !== 'allowed_tools')
    return { tools, toolChoice: choiceOf(namedIn(fields, 'tool_choice'), tools, 'tool_choice') };
  const allowed = objectAt(fields['allowed_tools'], 'tool_choice.allowed_tools');
  const path = 'tool_choice.allowed_tools.tools';
  const names = listAt(allowed['tools'], path).map((tool, at) =>
    namedIn(objectAt(tool, `${path}[${at}]`), `${path}[${at}]`),
  );
  return {
    tools: allowedTools(tools, names, path),
    toolChoice: oneOfAt(allowed['mode'], 'tool_choice.allowed_tools.mode', ['auto', 'required']),
  };
}

/** The name of the tool that is meant. */
function namedIn(fields: Fields, path: string): string {
  const type = oneOfAt(fields['type'], `${path}.type`, TYPES);
  return nameAt(objectAt(fields[type], `${path}.${type}`)['name'], `${path}.${type}.name`);
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
