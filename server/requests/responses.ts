import type { Message, Parameters } from '../../src/index.ts';
import { HOSTED_ITEMS, hostedName } from '../formats/hosted-items.ts';
import { ENCRYPTED } from '../formats/responses.ts';
import {
  defined,
  effortAt,
  oneOfAt,
  passedFields,
  passedOptions,
  requireKnown,
  sharedParameters,
} from './openai-fields.ts';
import type { FieldRules, OpenAISettings } from './openai-fields.ts';
import { openaiRequest, responseFormatAt } from './openai-request.ts';
import { chosenTools, insideName, requireDistinct, textToolAt, toolAt } from './openai-tools.ts';
import type { FoundName, OpenAITools } from './openai-tools.ts';
import { countAt, isRecord, listAt, nameAt, objectAt, optionalAt, textAt, textsAt } from './read.ts';
import type { Fields } from './read.ts';
import { fieldError } from './request-error.ts';
import type { ParsedRequest } from './request.ts';
import { responsesInput } from './responses-input.ts';

const NOT_STORED = 'responses are not stored: send all items with each request';

const WHILE_WAITING = 'a response runs only while its client waits: leave it out';

const RULES: FieldRules = {
  known: new Set([
    ...['model', 'input', 'instructions', 'stream', 'tools', 'tool_choice', 'parallel_tool_calls', 'text'],
    ...['temperature', 'top_p', 'max_output_tokens', 'reasoning', 'include', 'metadata'],
  ]),
  passed: new Set([
    ...['user', 'safety_identifier', 'service_tier'],
    ...['prompt_cache_key', 'prompt_cache_retention', 'prompt_cache_options'],
  ]),
  passedInside: new Set(['truncation', 'max_tool_calls']),
  idle: new Set(['store', 'stream_options', 'client_metadata']),
  refused: new Map([
    ['previous_response_id', NOT_STORED],
    ['conversation', NOT_STORED],
    ['background', WHILE_WAITING],
    ['background_options', WHILE_WAITING],
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
  const text = optionalAt(body, 'text', '', objectAt) ?? {};
  requireKnown(text, 'text', ['format', 'verbosity']);
  const include = includeOf(body);
  const hosted = hostedFields(all.hosted, body['tool_choice'], include);
  const found = {
    ...{ model, all, parameters: parametersOf(body) },
    input: [...said, ...responsesInput(body['input'], settings.session === true)],
    chosen: chosenTools('tool_choice' in hosted ? undefined : body['tool_choice'], all.tools, nameIn),
    responseFormat: responseFormatAt(text['format'], 'text.format'),
    providerOptions: passedOptions(
      { ...passed, both: { ...passed.both, ...hosted } },
      {
        chat: defined({ verbosity: text['verbosity'] ?? undefined }),
        responses: { ...passed.inside, ...textOf(text), ...reasoningOf(body) },
      },
      settings,
    ),
    encoder: {
      ...(include.has(ENCRYPTED) && { include: new Set([ENCRYPTED]) }),
      ...(all.hosted.length > 0 && { hostedTools: new Set(all.hosted.map(hostedName)) }),
      echo: echoOf(body),
    },
  };
  return openaiRequest(body, found);
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
  requireKnown(asked, 'reasoning', ['effort', 'summary', 'generate_summary', 'mode', 'context']);
  const effort = optionalAt(asked, 'effort', 'reasoning', effortAt);
  const summary =
    optionalAt(asked, 'summary', 'reasoning', summaryAt) ??
    // Its name of before.
    optionalAt(asked, 'generate_summary', 'reasoning', summaryAt);
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

function textOf({ verbosity }: Fields): Fields {
  return verbosity === undefined || verbosity === null ? {} : { text: { verbosity } };
}

/** What only this API knows of reasoning. */
function reasoningOf(body: Fields): Fields {
  const { mode, context } = optionalAt(body, 'reasoning', '', objectAt) ?? {};
  const reasoning = defined({ mode: mode ?? undefined, context: context ?? undefined });
  return Object.keys(reasoning).length === 0 ? {} : { reasoning };
}

/** What answers may contain besides. Some of it is about tools or images that a request may not have. */
const INCLUDABLE: ReadonlySet<string> = new Set([
  ENCRYPTED,
  ...['file_search_call.results', 'web_search_call.results', 'web_search_call.action.sources'],
  ...['message.input_image.image_url', 'computer_call_output.output.image_url'],
  'code_interpreter_call.outputs',
]);

function includeOf(body: Fields): ReadonlySet<string> {
  const list = optionalAt(body, 'include', '', textsAt) ?? [];
  list.forEach((one, at) => {
    if (one === 'message.output_text.logprobs')
      throw fieldError('include', 'probabilities of tokens are not supported: leave them out');
    if (!INCLUDABLE.has(one)) throw fieldError(`include[${at}]`, 'there is nothing of this name to include');
  });
  return new Set(list);
}

/** What the provider gets of the tools that it runs itself: their definitions, whether one has to be used, and what their items have to contain. */
function hostedFields(
  hosted: readonly Fields[],
  choice: unknown,
  include: ReadonlySet<string>,
): Record<string, unknown> {
  if (hosted.length === 0) return {};
  const names = new Set(hosted.map(hostedName));
  const wanted = [...include].filter((value) => {
    const tool = HOSTED_ITEMS.get(value.split('.', 1)[0]);
    return tool !== undefined && names.has(tool);
  });
  const isChosen = isRecord(choice) && hosted.some(({ type }) => choice['type'] === type);
  return {
    tools: hosted,
    ...(isChosen && { tool_choice: choice }),
    ...(wanted.length > 0 && { include: wanted }),
  };
}

interface Tools extends OpenAITools {
  /** Those that the provider runs itself, as they came. */
  hosted: Fields[];
}

function toolsAt(body: Fields, settings: OpenAISettings): Tools {
  const found: Tools = { tools: [], wireTools: new Map(), hosted: [] };
  addTools(found, optionalAt(body, 'tools', '', listAt) ?? [], 'tools', settings);
  requireDistinct(found.tools);
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
    } else if (settings.hostedTools?.includes(type) === true) {
      // Its calls have a form of their own, which does not reach the client: the answer would be empty.
      if (isClientRun(type, fields))
        throw fieldError(`${where}.type`, 'a tool that the client runs is given as function or custom');
      found.hosted.push(fields);
    }
  });
}

/** Tools that OpenAI's API defines and the client runs. */
const CLIENT_RUN: ReadonlySet<string> = new Set([
  ...['apply_patch', 'computer', 'computer_use_preview', 'local_shell'],
]);

/** A shell runs in a container of the API, unless it is said to be the client's. */
function isClientRun(type: string, { environment }: Fields): boolean {
  return (
    CLIENT_RUN.has(type) || (type === 'shell' && isRecord(environment) && environment['type'] === 'local')
  );
}

function definitionIn(format: unknown): unknown {
  return isRecord(format) ? format['definition'] : undefined;
}

function nameIn(fields: Fields, path: string): FoundName {
  return { name: nameAt(fields['name'], `${path}.name`), path: `${path}.name` };
}
