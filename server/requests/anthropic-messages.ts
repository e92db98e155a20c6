import type {
  CacheBreakpoint,
  ExecutionOptions,
  Message,
  Parameters,
  Part,
  ReasoningOptions,
  ResponseFormat,
  ToolChoice,
} from '../../src/index.ts';
import { estimateInputTokens } from '../../src/kit/index.ts';
import { anthropicTools } from './anthropic-tools.ts';
import { oneOfAt } from './openai-fields.ts';
import { ToolChanges } from './tool-changes.ts';
import { blocksAt, replyPart, userPart, type ContentContext } from './anthropic-content.ts';
import {
  countAt,
  flagAt,
  isRecord,
  listAt,
  nameAt,
  numberAt,
  objectAt,
  optionalAt,
  textAt,
  textsAt,
  type Fields,
} from './read.ts';
import { fieldError } from './request-error.ts';
import type { ParsedRequest, ParserSettings } from './request.ts';

/** Options of {@link parseAnthropicMessages}. */
export interface AnthropicSettings extends ParserSettings {
  /**
   * Whether the pipeline asks Anthropic's API with the provider `anthropic`. Server tools, beta headers and fields of that API are then passed on. If not, what changes the
   * answer is refused by name, and the rest is left out. Default: false.
   */
  verbatim?: boolean;
}

/** A request of `POST /v1/messages`. Throws a `RequestError` that names the field. */
export function parseAnthropicMessages(
  body: unknown,
  headers: Headers,
  settings: AnthropicSettings = {},
): ParsedRequest {
  const fields = objectAt(body, 'body');
  countAt(fields['max_tokens'], 'max_tokens');
  return parsed(fields, headers, settings);
}

/** A request of `POST /v1/messages/count_tokens`: the same without `max_tokens`. `encoder.inputTokens` is the estimate. */
export function parseAnthropicCount(
  body: unknown,
  headers: Headers,
  settings: AnthropicSettings = {},
): ParsedRequest {
  return parsed(objectAt(body, 'body'), headers, settings);
}

function parsed(fields: Fields, headers: Headers, settings: AnthropicSettings): ParsedRequest {
  if (isRecord(fields['thread']))
    throw fieldError('thread', 'threads are not kept here: send the whole conversation');
  requireKnown(fields);
  const verbatim = settings.verbatim === true;
  const model = nameAt(fields['model'], 'model');
  const changes = new ToolChanges(settings);
  const conversation = new Conversation({ verbatim, names: new Map() }, changes);
  conversation.system(fields['system']);
  listAt(fields['messages'], 'messages').forEach((message, at) => {
    conversation.add(objectAt(message, `messages[${at}]`), `messages[${at}]`);
  });
  const given = anthropicTools(fields['tools'], settings);
  const { tools, own: ownTools, names, isCached } = changes.applied(given);
  const { messages } = conversation;
  const breakpoints = conversation.breakpoints();
  if (isCached) breakpoints.unshift('tools');
  const own = verbatim
    ? {
        ...ownFields(fields, headers, ownTools),
        ...(conversation.hasLateSystem && { systemInPlace: true }),
      }
    : {};
  if (!verbatim) refuseOwn(fields);
  const responseFormat = formatOf(fields);
  const parameters: Parameters = {
    ...parametersOf(fields, names),
    ...(breakpoints.length > 0 && { promptCache: breakpoints }),
    ...reasoningOf(fields, verbatim),
    ...(Object.keys(own).length > 0 && { providerOptions: { anthropic: own } }),
  };
  const options: ExecutionOptions = {
    model,
    parameters,
    ...(tools.length > 0 && { tools }),
    ...(responseFormat !== undefined && { responseFormat }),
  };
  const thinking = optionalAt(fields, 'thinking', '', objectAt);
  return {
    input: messages,
    options,
    encoder: {
      model,
      clientTools: names,
      inputTokens: estimateInputTokens({ messages, parameters, tools, responseFormat }),
      ...(verbatim && { verbatim }),
      ...(thinking?.['type'] === 'disabled' && { thinking: false }),
      ...(!verbatim && thinking?.['display'] === 'omitted' && { thinkingText: false }),
    },
    stream: optionalAt(fields, 'stream', '', flagAt) === true,
  };
}

/** Makes messages of ours, and remembers where the client's cache breakpoints are. */
class Conversation {
  readonly messages: Message[] = [];
  /** Whether a message of the system follows others. */
  hasLateSystem = false;
  readonly #context: ContentContext;
  readonly #changes: ToolChanges;
  /** The position of the message with a breakpoint, and how long it lasts. */
  readonly #cached: { at: 'system' | number; ttl: '5m' | '1h' | undefined }[] = [];

  constructor(context: ContentContext, changes: ToolChanges) {
    this.#context = context;
    this.#changes = changes;
  }

  system(system: unknown): void {
    if (system === undefined || system === null) return;
    const blocks = blocksAt(system, 'system');
    if (blocks.length === 0) return;
    this.#push(
      'system',
      blocks.flatMap((block, at) => userPart(block, `system[${at}]`, this.#context)),
    );
    this.#mark(blocks, 'system');
  }

  add({ role, content }: Fields, path: string): void {
    const blocks = blocksAt(content, `${path}.content`);
    const at = (index: number): string => `${path}.content[${index}]`;
    switch (role) {
      case 'assistant':
        this.#push(
          'assistant',
          blocks.map((block, index) => replyPart(block, at(index), this.#context)),
        );
        break;
      case 'user':
      case 'system': {
        this.hasLateSystem ||=
          role === 'system' && this.messages.some((message) => message.role !== 'system');
        const parts = blocks.flatMap((block, index) => {
          const isChange = role === 'system' && this.#changes.take(block, at(index));
          return isChange && !this.#context.verbatim ? [] : userPart(block, at(index), this.#context);
        });
        // It only changed the tools.
        if (role === 'system' && parts.length === 0 && blocks.length > 0) break;
        const results = parts.filter(({ type }) => type === 'tool_result');
        if (results.length > 0) this.#push('tool', results);
        if (results.length < parts.length || parts.length === 0)
          this.#push(
            role,
            parts.filter(({ type }) => type !== 'tool_result'),
          );
        break;
      }
      default:
        throw fieldError(`${path}.role`, 'give "user", "assistant" or "system"');
    }
    this.#mark(blocks, this.messages.length - 1);
  }

  /** Counted from the end, so that a system prompt which the pipeline adds does not move them. */
  breakpoints(): CacheBreakpoint[] {
    return this.#cached.map(({ at, ttl }) => {
      const place = at === 'system' ? at : at - this.messages.length;
      return ttl === undefined ? place : { at: place, ttl };
    });
  }

  #push(role: Message['role'], parts: Part[]): void {
    const [only] = parts;
    const isText = parts.length === 1 && only?.type === 'text' && only.citations === undefined;
    this.messages.push({ role, content: parts.length === 0 ? '' : isText ? only.text : parts });
  }

  #mark(blocks: readonly Fields[], at: 'system' | number): void {
    const marked = blocks.map((block) => block['cache_control']).findLast(isRecord);
    if (marked === undefined) return;
    const { ttl } = marked;
    this.#cached.push({ at, ttl: ttl === '5m' || ttl === '1h' ? ttl : undefined });
  }
}

function parametersOf(fields: Fields, names: ReadonlySet<string>): Parameters {
  const maxTokens = optionalAt(fields, 'max_tokens', '', countAt);
  const temperature = optionalAt(fields, 'temperature', '', numberAt);
  const topP = optionalAt(fields, 'top_p', '', numberAt);
  const stopSequences = optionalAt(fields, 'stop_sequences', '', textsAt);
  const choice = optionalAt(fields, 'tool_choice', '', objectAt);
  const toolChoice = choice === undefined ? undefined : choiceOf(choice, names);
  const isSingle =
    choice !== undefined && optionalAt(choice, 'disable_parallel_tool_use', 'tool_choice', flagAt) === true;
  return {
    ...(maxTokens !== undefined && { maxTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(stopSequences !== undefined && stopSequences.length > 0 && { stopSequences }),
    ...(toolChoice !== undefined && { toolChoice }),
    ...(isSingle && { parallelToolCalls: false }),
  };
}

function choiceOf(choice: Fields, names: ReadonlySet<string>): ToolChoice {
  switch (choice['type']) {
    case 'auto':
    case 'none':
      return choice['type'];
    case 'any':
      return 'required';
    case 'tool': {
      const name = nameAt(choice['name'], 'tool_choice.name');
      if (names.has(name)) return { name };
      throw fieldError('tool_choice.name', 'it names a tool that is not among the tools');
    }
    default:
      throw fieldError('tool_choice.type', 'give "auto", "any", "tool" or "none"');
  }
}

const THINKING = ['enabled', 'disabled', 'adaptive', 'between_tools'] as const;
const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'] as const;

/** How much the model thinks, in words of ours, for whichever provider is asked. Anthropic's own gets the fields as they came. */
function reasoningOf(fields: Fields, verbatim: boolean): { reasoning?: ReasoningOptions } {
  if (verbatim) return {};
  const thinking = optionalAt(fields, 'thinking', '', objectAt);
  const config = optionalAt(fields, 'output_config', '', objectAt);
  const effort =
    config === undefined
      ? undefined
      : optionalAt(config, 'effort', 'output_config', (value, path) => oneOfAt(value, path, EFFORTS));
  const type = thinking === undefined ? undefined : oneOfAt(thinking['type'], 'thinking.type', THINKING);
  switch (type) {
    case 'enabled':
      return { reasoning: { budgetTokens: countAt(thinking?.['budget_tokens'], 'thinking.budget_tokens') } };
    case 'disabled':
      return { reasoning: { effort: 'none' } };
    case undefined:
      return effort === undefined ? {} : { reasoning: { effort } };
    default:
      return { reasoning: { effort: effort ?? 'high' } };
  }
}

function formatOf(fields: Fields): ResponseFormat | undefined {
  const config = optionalAt(fields, 'output_config', '', objectAt);
  // The field's name while it was a beta.
  const old = optionalAt(fields, 'output_format', '', objectAt);
  const format =
    (config === undefined ? undefined : optionalAt(config, 'format', 'output_config', objectAt)) ?? old;
  if (format === undefined) return undefined;
  if (format['type'] !== 'json_schema') throw fieldError('output_config.format.type', 'give "json_schema"');
  return {
    type: 'json_schema',
    name: 'answer',
    schema: { ...objectAt(format['schema'], 'output_config.format.schema') },
    dialect: 'anthropic',
  };
}

/** Fields that only Anthropic's API has. A client cannot reach others through us: one may choose a model, or who pays. */
const OWN_FIELDS = [
  'cache_control',
  'container',
  'context_management',
  'diagnostics',
  'inference_geo',
  'mcp_servers',
  'metadata',
  'service_tier',
  'speed',
  'thinking',
  'top_k',
] as const;

/** What goes to Anthropic's API as it came. */
function ownFields(fields: Fields, headers: Headers, tools: readonly Fields[]): Record<string, unknown> {
  const others = OWN_FIELDS.filter((key) => fields[key] !== undefined).map(
    (key) => [key, fields[key]] as const,
  );
  const { output_config: config } = fields;
  // The format has words of ours.
  const { format: _format, ...output } = isRecord(config) ? config : {};
  const betas = (headers.get('anthropic-beta') ?? '').split(',').map((beta) => beta.trim());
  const named = betas.filter((beta) => beta !== '');
  return {
    ...Object.fromEntries(others),
    ...(Object.keys(output).length > 0 && { output_config: output }),
    ...(tools.length > 0 && { tools }),
    ...(named.length > 0 && { betas: named }),
  };
}

/** Fields that have words of ours, or are read here. */
const KNOWN: ReadonlySet<string> = new Set<string>([
  ...['model', 'messages', 'system', 'max_tokens', 'stream', 'tools', 'tool_choice', 'temperature', 'top_p'],
  ...['stop_sequences', 'output_config', 'output_format', ...OWN_FIELDS],
  // Some clients send in the body what belongs into the header: it is of no use here.
  ...['betas', 'anthropic_beta', 'anthropic_version'],
]);

/** Fields that are never passed on, and why. */
const NEVER: ReadonlyMap<string, string> = new Map([
  ['fallbacks', 'which models answer is up to the server: leave it out'],
  ['billing_policy', 'who pays is up to the server: leave it out'],
  ['fallback_credit_token', 'who pays is up to the server: leave it out'],
  ['compaction', 'conversations are not summarized on request: leave it out'],
]);

/** Refuses each field that would have no effect, as the API does. */
function requireKnown(fields: Fields): void {
  for (const [name, value] of Object.entries(fields))
    if (value !== null && value !== undefined && !KNOWN.has(name))
      throw fieldError(name, NEVER.get(name) ?? 'the server does not know this field: leave it out');
}

/** Fields that change the answer. Without Anthropic's API nobody honors them. */
const REFUSED = ['mcp_servers', 'container'] as const;

function refuseOwn(fields: Fields): void {
  for (const field of REFUSED) {
    const value = fields[field];
    if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) continue;
    throw fieldError(field, 'only models at Anthropic have it, and this one is not there');
  }
  const { metadata } = fields;
  if (metadata !== undefined && metadata !== null)
    optionalAt(objectAt(metadata, 'metadata'), 'user_id', 'metadata', textAt);
}
