import type { Message, Parameters, ResponseFormat, ToolChoice, ToolDefinition } from '../../src/index.ts';
import type { WireTool } from '../formats/format.ts';
import { ENCRYPTED } from '../formats/responses.ts';
import {
  allowedTools,
  choiceOf,
  defined,
  effortAt,
  insideName,
  jsonSchemaAt,
  metadataAt,
  oneOfAt,
  passedFields,
  sharedParameters,
  textToolAt,
  toolAt,
} from './openai-fields.ts';
import type { FieldRules, OpenAISettings } from './openai-fields.ts';
import { countAt, flagAt, isRecord, listAt, nameAt, objectAt, optionalAt, textAt, textsAt } from './read.ts';
import type { Fields } from './read.ts';
import { fieldError } from './request-error.ts';
import type { ParsedRequest } from './request.ts';
import { responsesInput } from './responses-input.ts';

const NOT_STORED = 'responses are not stored: send all items with each request';

const RULES: FieldRules = {
  known: new Set([
    ...['model', 'input', 'instructions', 'stream', 'tools', 'tool_choice', 'parallel_tool_calls', 'text'],
    ...['temperature', 'top_p', 'max_output_tokens', 'reasoning', 'include', 'metadata'],
  ]),
  passed: new Set([
    ...['user', 'safety_identifier', 'service_tier', 'truncation', 'max_tool_calls'],
    ...['prompt_cache_key', 'prompt_cache_retention', 'prompt_cache_options'],
  ]),
  idle: new Set(['store', 'stream_options', 'client_metadata']),
  refused: new Map([
    ['previous_response_id', NOT_STORED],
    ['conversation', NOT_STORED],
    ['background', 'a response runs only while its client waits: leave it out'],
    ['prompt', 'templates of prompts are not supported: send instructions and input'],
    ['context_management', 'it is not supported: leave it out'],
    ['moderation', 'moderation is not supported: leave it out'],
    ['top_logprobs', 'probabilities of tokens are not supported: leave it out'],
    ['image', 'it is not supported: leave it out'],
    ['access_programs', 'it is not supported: leave it out'],
  ]),
};

/** In a session the server has what came before, so these have nothing to say. */
const IN_SESSION: FieldRules = {
  ...RULES,
  idle: new Set([...RULES.idle, 'previous_response_id', 'conversation']),
};

/**
 * A request to Responses. Each field works, is passed on to the provider, or is refused by its name. `encoder.model` is the model that the client asked for. Throws a
 * `RequestError`.
 * Source: developers.openai.com, API reference, "Create a model response" (read 2026-11).
 */
export function parseResponse(value: unknown, settings: OpenAISettings = {}): ParsedRequest {
  const body = objectAt(value, 'the body');
  const model = nameAt(body['model'], 'model');
  const passed = passedFields(body, settings.session === true ? IN_SESSION : RULES, settings);
  const instructions = optionalAt(body, 'instructions', '', textAt) ?? '';
  const said: Message[] = instructions === '' ? [] : [{ role: 'system', content: instructions }];
  const all = toolsAt(body, settings);
  const { tools, toolChoice } = chosen(body['tool_choice'], all.tools);
  const text = optionalAt(body, 'text', '', objectAt) ?? {};
  const responseFormat = formatAt(text['format']);
  const metadata = optionalAt(body, 'metadata', '', metadataAt);
  const include = new Set(optionalAt(body, 'include', '', textsAt) ?? []);
  if (include.has('message.output_text.logprobs'))
    throw fieldError('include', 'probabilities of tokens are not supported: leave them out');
  const extra = { ...passed, ...verbosityOf(text), ...(all.hosted.length > 0 && { tools: all.hosted }) };
  return {
    input: [...said, ...responsesInput(body['input'])],
    options: {
      parameters: {
        ...parametersOf(body),
        ...(toolChoice !== undefined && { toolChoice }),
        ...(Object.keys(extra).length > 0 && { providerOptions: { [settings.provider ?? 'openai']: extra } }),
      },
      ...(tools.length > 0 && { tools }),
      ...(responseFormat !== undefined && { responseFormat }),
      ...(metadata !== undefined && { metadata }),
    },
    encoder: {
      model,
      clientTools: new Set(tools.map(({ name }) => name)),
      ...(all.wireTools.size > 0 && { wireTools: all.wireTools }),
      ...(include.has(ENCRYPTED) && { include: new Set([ENCRYPTED]) }),
      echo: echoOf(body),
    },
    stream: optionalAt(body, 'stream', '', flagAt) === true,
  };
}

const ECHOED = [
  ...['temperature', 'top_p', 'max_output_tokens', 'parallel_tool_calls', 'tool_choice', 'reasoning'],
  ...['text', 'metadata', 'truncation', 'user'],
];

function echoOf(body: Fields): Record<string, unknown> {
  const given = ECHOED.filter((name) => body[name] !== undefined && body[name] !== null);
  return Object.fromEntries(given.map((name) => [name, body[name]]));
}

function parametersOf(body: Fields): Parameters {
  const asked = optionalAt(body, 'reasoning', '', objectAt) ?? {};
  const effort = optionalAt(asked, 'effort', 'reasoning', effortAt);
  const summary = optionalAt(asked, 'summary', 'reasoning', summaryAt);
  const reasoning = defined({ effort, summary });
  return {
    ...sharedParameters(body),
    ...defined({
      maxTokens: optionalAt(body, 'max_output_tokens', '', countAt),
      reasoning: Object.keys(reasoning).length === 0 ? undefined : reasoning,
    }),
  };
}

/** `none` is what some clients send for no summary. */
function summaryAt(value: unknown, path: string): 'auto' | 'concise' | 'detailed' | undefined {
  const summary = oneOfAt(value, path, ['auto', 'concise', 'detailed', 'none']);
  return summary === 'none' ? undefined : summary;
}

function verbosityOf(text: Fields): Record<string, unknown> {
  const { verbosity } = text;
  return verbosity === undefined || verbosity === null ? {} : { text: { verbosity } };
}

interface Tools {
  tools: ToolDefinition[];
  /** Those that are not plain functions, by the names that the model is given. */
  wireTools: Map<string, WireTool>;
  /** Those that the provider runs itself, as they came. */
  hosted: Fields[];
}

function toolsAt(body: Fields, settings: OpenAISettings): Tools {
  const found: Tools = { tools: [], wireTools: new Map(), hosted: [] };
  addTools(found, optionalAt(body, 'tools', '', listAt) ?? [], 'tools', settings);
  const names = found.tools.map(({ name }) => name);
  if (new Set(names).size < names.length) throw fieldError('tools', 'two tools have the same name');
  return found;
}

/** Tools that a provider would run are left out unless the server allows them: a model does without. */
function addTools(
  found: Tools,
  list: readonly unknown[],
  path: string,
  settings: OpenAISettings,
  namespace?: string,
): void {
  list.forEach((one, at) => {
    const where = `${path}[${at}]`;
    const fields = objectAt(one, where);
    const type = nameAt(fields['type'], `${where}.type`);
    if (type === 'namespace' && namespace === undefined) {
      const group = nameAt(fields['name'], `${where}.name`);
      addTools(found, listAt(fields['tools'], `${where}.tools`), `${where}.tools`, settings, group);
    } else if (type === 'function' || type === 'custom') {
      const tool =
        type === 'function'
          ? toolAt(fields, where, settings)
          : textToolAt(fields, where, definitionIn(fields['format']), settings);
      const name = insideName(tool.name, namespace);
      found.tools.push({ ...tool, name });
      if (type === 'custom' || namespace !== undefined)
        found.wireTools.set(name, {
          name: tool.name,
          ...(namespace !== undefined && { namespace }),
          ...(type === 'custom' && { takesText: true }),
        });
    } else if (settings.hostedTools?.includes(type) === true) found.hosted.push(fields);
  });
}

function definitionIn(format: unknown): unknown {
  return isRecord(format) ? format['definition'] : undefined;
}

function chosen(
  value: unknown,
  tools: readonly ToolDefinition[],
): { tools: readonly ToolDefinition[]; toolChoice?: ToolChoice } {
  if (value === undefined || value === null) return { tools };
  if (typeof value === 'string')
    return { tools, toolChoice: oneOfAt(value, 'tool_choice', ['auto', 'none', 'required']) };
  const fields = objectAt(value, 'tool_choice');
  switch (oneOfAt(fields['type'], 'tool_choice.type', ['function', 'custom', 'allowed_tools'])) {
    case 'function':
    case 'custom': {
      const name = nameAt(fields['name'], 'tool_choice.name');
      return { tools, toolChoice: choiceOf(name, tools, 'tool_choice.name') };
    }
    case 'allowed_tools': {
      const names = listAt(fields['tools'], 'tool_choice.tools').map((tool, at) => {
        const path = `tool_choice.tools[${at}]`;
        return nameAt(objectAt(tool, path)['name'], `${path}.name`);
      });
      return {
        tools: allowedTools(tools, names, 'tool_choice.tools'),
        toolChoice: oneOfAt(fields['mode'], 'tool_choice.mode', ['auto', 'required']),
      };
    }
  }
}

function formatAt(value: unknown): ResponseFormat | undefined {
  if (value === undefined || value === null) return undefined;
  const fields = objectAt(value, 'text.format');
  switch (oneOfAt(fields['type'], 'text.format.type', ['text', 'json_object', 'json_schema'])) {
    case 'text':
      return { type: 'text' };
    case 'json_object':
      return { type: 'json' };
    case 'json_schema':
      return jsonSchemaAt(fields, 'text.format');
  }
}
