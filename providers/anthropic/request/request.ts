import {
  wellFormed,
  type ModelRequest,
  type Parameters,
  type ProviderCall,
  type ResponseFormat,
  type ToolChoice,
  type ToolDefinition,
} from '../../../src/index.ts';
import {
  isRecord,
  nothingToSend,
  providerOptionsOf,
  unsupportedReporter,
  type Origin,
  type Unsupported,
} from '../../wire/index.ts';
import { markBreakpoints } from './cache.ts';
import type { Block } from './block.ts';
import { isThinkingLost, wireConversation } from './messages.ts';
import { DEFAULT_MAX_TOKENS, modelTraits, type ModelTraits } from './model-traits.ts';
import { wireThinking } from './thinking.ts';

/** The provider's options that requests are made from. */
export interface RequestSettings {
  name: string;
  model: string;
  stream: boolean;
  maxTokens: number | undefined;
  budgetTokens: number | undefined;
  betas: readonly string[];
  headers: Readonly<Record<string, string>>;
  strict: boolean;
}

/** A request as it is sent. */
export interface WireRequest {
  body: Block;
  /** Names are lower-case. */
  headers: Record<string, string>;
}

/** The last API version that takes sampling parameters. */
const SAMPLING_VERSION = '2023-06-01';

/**
 * Maps a request to the Messages API. What cannot be sent becomes a warning on the call or, with `strict`, an
 * `invalid_request` error.
 * Source: https://platform.claude.com/docs/en/api/messages
 */
export function wireRequest(
  request: ModelRequest,
  settings: RequestSettings,
  origin: Origin,
  call: Pick<ProviderCall, 'warn'>,
): WireRequest {
  const { parameters } = request;
  const strict = parameters.strict ?? settings.strict;
  const unsupported = unsupportedReporter(settings.name, strict, (message) => call.warn(message));
  const model = request.model ?? settings.model;
  const traits = modelTraits(model);
  const own = providerOptionsOf(parameters, settings.name);
  const { betas: ownBetas, tools: ownTools, systemInPlace, ...ownFields } = own;

  const conversation = wireConversation(request, origin, unsupported, systemInPlace === true);
  const { container, emptyAt } = conversation;
  if ((emptyAt !== undefined || conversation.messages.length === 0) && !('messages' in ownFields)) {
    throw nothingToSend(settings.name, request.messages, emptyAt);
  }
  const serverTools = Array.isArray(ownTools) ? ownTools.filter(isRecord) : [];
  const tools = [...(request.tools ?? []).map((tool) => wireTool(tool, settings.name)), ...serverTools];
  if (parameters.promptCache !== undefined) {
    markBreakpoints(parameters.promptCache, tools, conversation, unsupported);
  }
  const toolChoice = wireToolChoice(parameters, tools.length > 0, unsupported);
  const thinking = wireThinking(
    {
      reasoning: parameters.reasoning,
      budgetTokens: settings.budgetTokens,
      maxTokens: parameters.maxTokens ?? settings.maxTokens ?? traits.maxTokens ?? DEFAULT_MAX_TOKENS,
      isMaxTokensNamed: parameters.maxTokens !== undefined,
      traits,
      isToolForced: toolChoice?.['type'] === 'any' || toolChoice?.['type'] === 'tool',
      isThinkingLost: isThinkingLost(conversation.messages),
    },
    unsupported,
  );
  const outputConfig = {
    ...(thinking.effort !== undefined && { effort: thinking.effort }),
    ...wireFormat(request.responseFormat, unsupported),
    ...(isRecord(ownFields['output_config']) && ownFields['output_config']),
  };
  reportUnknown(parameters, unsupported);

  const body: Block = {
    model,
    max_tokens: thinking.maxTokens,
    messages: conversation.messages,
    ...(conversation.system.length > 0 && { system: conversation.system }),
    ...(container !== undefined && { container }),
    ...(tools.length > 0 && { tools }),
    ...(toolChoice !== undefined && { tool_choice: toolChoice }),
    ...(thinking.thinking !== undefined && { thinking: thinking.thinking }),
    ...(parameters.stopSequences !== undefined &&
      parameters.stopSequences.length > 0 && { stop_sequences: parameters.stopSequences }),
    ...samplingOf(parameters, traits, thinking.thinking, unsupported),
    ...ownFields,
    ...(Object.keys(outputConfig).length > 0 && { output_config: outputConfig }),
    stream: settings.stream,
  };
  return { body: wellFormed(body), headers: headersOf(body, settings, ownBetas) };
}

function headersOf(body: Block, settings: RequestSettings, ownBetas: unknown): Record<string, string> {
  const headers: Record<string, string> = { ...settings.headers };
  const asked: unknown[] = Array.isArray(ownBetas) ? ownBetas : [];
  const betas = [
    ...(headers['anthropic-beta'] ?? '').split(','),
    ...settings.betas,
    ...asked.filter((beta) => typeof beta === 'string'),
  ].map((beta) => beta.trim());
  const named = [...new Set(betas)].filter((beta) => beta !== '');
  if (named.length > 0) headers['anthropic-beta'] = named.join(',');
  if ('temperature' in body || 'top_p' in body || 'top_k' in body) {
    headers['anthropic-version'] ??= SAMPLING_VERSION;
  }
  return headers;
}

/** A tool with a type of its own is defined by the API, which has its schema. */
function wireTool(tool: ToolDefinition, provider: string): Block {
  const own = tool.providerOptions?.[provider];
  if (own !== undefined && 'type' in own && own['type'] !== 'custom') return { ...own, name: tool.name };
  return {
    name: tool.name,
    ...(tool.description !== undefined && { description: tool.description }),
    input_schema: tool.parameters,
    ...(tool.strict === true && { strict: true }),
    ...own,
  };
}

function wireToolChoice(
  parameters: Parameters,
  hasTools: boolean,
  unsupported: Unsupported,
): Block | undefined {
  const { toolChoice, parallelToolCalls } = parameters;
  if (!hasTools) {
    // The API refuses a tool choice without tools. Without tools, `auto` and `none` mean nothing.
    if (toolChoice === 'required' || typeof toolChoice === 'object') {
      unsupported('there are no tools to choose from, toolChoice is left out');
    }
    return undefined;
  }
  const isSingle = parallelToolCalls === false && toolChoice !== 'none';
  if (toolChoice === undefined && !isSingle) return undefined;
  return {
    ...choiceOf(toolChoice ?? 'auto'),
    ...(isSingle && { disable_parallel_tool_use: true }),
  };
}

function choiceOf(choice: ToolChoice): Block {
  if (typeof choice === 'object') return { type: 'tool', name: choice.name };
  return { type: choice === 'required' ? 'any' : choice };
}

/** Source: https://platform.claude.com/docs/en/build-with-claude/structured-outputs */
function wireFormat(format: ResponseFormat | undefined, unsupported: Unsupported): Block | undefined {
  if (format?.type === 'json') {
    unsupported('there is no JSON mode without a schema: responseFormat is left out');
  }
  if (format?.type !== 'json_schema') return undefined;
  const { description, schema } = format;
  const described = description === undefined ? schema : { description, ...schema };
  return { format: { type: 'json_schema', schema: described } };
}

function reportUnknown(parameters: Parameters, unsupported: Unsupported): void {
  for (const name of ['seed', 'frequencyPenalty', 'presencePenalty'] as const) {
    if (parameters[name] !== undefined) {
      unsupported(`${name} is not supported by this API, it is left out`);
    }
  }
}

function samplingOf(
  parameters: Parameters,
  traits: ModelTraits,
  thinking: Block | undefined,
  unsupported: Unsupported,
): Block {
  const { temperature, topP } = parameters;
  const thinks = thinking !== undefined && thinking['type'] !== 'disabled';
  const sampling: Block = {};
  if (temperature !== undefined) {
    if (!traits.sampling) unsupported('this model takes no temperature, it is left out');
    else if (thinks && temperature !== 1)
      unsupported('the model takes no temperature while it thinks, it is left out');
    else sampling['temperature'] = temperature;
  }
  if (topP !== undefined) {
    if (!traits.sampling) unsupported('this model takes no topP, it is left out');
    else if (thinks && topP < 0.95)
      unsupported('the model takes no topP below 0.95 while it thinks, it is left out');
    else if (traits.oneSamplingParameter && 'temperature' in sampling) {
      unsupported('this model takes either temperature or topP: topP is left out');
    } else sampling['top_p'] = topP;
  }
  return sampling;
}
