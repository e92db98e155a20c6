import type {
  ModelRequest,
  Parameters,
  ProviderCall,
  ResponseFormat,
  ToolChoice,
} from '../../../src/index.ts';
import { originOf, unsupportedReporter } from '../../../providers/wire/index.ts';
import type { Origin, Unsupported } from '../../../providers/wire/index.ts';
import { packageOf } from '../model.ts';
import type { AISDKModel, SupportedUrls } from '../model.ts';
import type { Settings } from '../options.ts';
import type { Json } from './context.ts';
import { promptOf } from './prompt.ts';

/** Where the replies of a model come from: what they hold for their provider goes back only to the same model of the same provider. */
export function originOfModel({ provider, modelId }: AISDKModel): Origin {
  return originOf(`aisdk.${provider}`, modelId, undefined);
}

/** What the options of one call are made from. */
export interface CallParts {
  model: AISDKModel;
  settings: Settings;
  origin: Origin;
  request: ModelRequest;
  call: ProviderCall;
}

/** The options for `doStream`, without the signal. Throws `invalid_request` for what cannot be sent, if the request is strict. */
export function callOptions(parts: CallParts): object | Promise<object> {
  const { model, request } = parts;
  const supported = holdsAddress(request) ? model.supportedUrls : undefined;
  return supported === undefined
    ? optionsWith(parts, {})
    : Promise.resolve(supported).then((urls) => optionsWith(parts, urls));
}

function optionsWith(
  { model, settings, origin, request, call }: CallParts,
  supportedUrls: SupportedUrls,
): object {
  const { parameters, tools = [], responseFormat } = request;
  const strict = parameters.strict ?? settings.strict;
  const unsupported = unsupportedReporter(settings.name, strict, (message) => call.warn(message));
  if (request.model !== undefined && request.model !== model.modelId) {
    unsupported(`the model of the request is not used: aisdk() always asks ${model.modelId}`);
  }
  const prompt = promptOf({ model, settings, origin, request, supportedUrls, unsupported });
  const offered = [
    ...tools.map(functionTool),
    ...providerTools(
      settings,
      tools.map(({ name }) => name),
    ),
  ];
  return defined({
    prompt,
    ...sampling(parameters, model, unsupported),
    ...(offered.length > 0 && { tools: offered, toolChoice: choice(parameters.toolChoice) }),
    responseFormat: format(responseFormat),
    providerOptions: providerOptions(model, parameters),
    ...(parameters.includeRaw === true && { includeRawChunks: true }),
  });
}

/** Whether a message has a part with an address, which only some services read. */
function holdsAddress({ messages }: ModelRequest): boolean {
  return messages.some(
    ({ content }) =>
      typeof content !== 'string' &&
      content.some(
        (part) =>
          ('url' in part && part.url !== undefined) ||
          (part.type === 'tool_result' &&
            typeof part.content !== 'string' &&
            part.content.some((inner) => 'url' in inner && inner.url !== undefined)),
      ),
  );
}

function functionTool({
  name,
  description,
  parameters,
  strict,
}: NonNullable<ModelRequest['tools']>[number]): Json {
  return defined({ type: 'function', name, description, inputSchema: parameters, strict });
}

/** The tools that the provider defines. A tool of the request with the same name takes precedence. */
function providerTools({ providerTools: given }: Settings, taken: readonly string[]): Json[] {
  return Object.entries(given)
    .filter(([name]) => !taken.includes(name))
    .map(([name, { id, args }]) => ({ type: 'provider', id, name, args }));
}

function sampling(parameters: Parameters, model: AISDKModel, unsupported: Unsupported): Json {
  const { reasoning, parallelToolCalls, promptCache } = parameters;
  const advice = `it is left out: use providerOptions.${packageOf(model)}`;
  if (parallelToolCalls !== undefined) unsupported(`parallelToolCalls has no place in the AI SDK, ${advice}`);
  if (promptCache !== undefined) unsupported(`promptCache has no place in the AI SDK, ${advice}`);
  if (reasoning?.budgetTokens !== undefined)
    unsupported(`reasoning.budgetTokens has no place in the AI SDK, ${advice}`);
  if (reasoning?.summary !== undefined)
    unsupported(`reasoning.summary has no place in the AI SDK, ${advice}`);
  const takesEffort = model.specificationVersion === 'v4';
  if (reasoning?.effort !== undefined && !takesEffort)
    unsupported(`reasoning.effort needs a model of specification v4, ${advice}`);
  return {
    temperature: parameters.temperature,
    topP: parameters.topP,
    maxOutputTokens: parameters.maxTokens,
    stopSequences: parameters.stopSequences,
    seed: parameters.seed,
    frequencyPenalty: parameters.frequencyPenalty,
    presencePenalty: parameters.presencePenalty,
    reasoning: takesEffort ? reasoning?.effort : undefined,
  };
}

/** The caller's own options for the packages. Anthropic's package tells pings, which are signs of life, only if it is asked to. */
function providerOptions(model: AISDKModel, { providerOptions: given }: Parameters): Json | undefined {
  if (packageOf(model) !== 'anthropic') return given;
  return { ...given, anthropic: { includePings: true, ...given?.['anthropic'] } };
}

function choice(given: ToolChoice | undefined): Json | undefined {
  if (given === undefined) return undefined;
  return typeof given === 'string' ? { type: given } : { type: 'tool', toolName: given.name };
}

function format(given: ResponseFormat | undefined): Json | undefined {
  if (given === undefined || given.type === 'text') return undefined;
  if (given.type === 'json') return { type: 'json' };
  const { name, schema, description } = given;
  return defined({ type: 'json', schema, name, description });
}

function defined(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
