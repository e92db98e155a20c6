import type {
  ExecutionOptions,
  Message,
  Parameters,
  ResponseFormat,
  ToolChoice,
  ToolDefinition,
} from '../../../src/index.ts';
import { filled, isRecord, text } from '../../../providers/wire/index.ts';
import { messagesOf } from './messages.ts';
import type { OfferedWarning } from './types.ts';

/** What is read of the options of a call. The AI SDK gives more, by its version. */
export interface OfferedCallOptions {
  prompt: readonly unknown[];
  maxOutputTokens?: number | undefined;
  temperature?: number | undefined;
  stopSequences?: string[] | undefined;
  topP?: number | undefined;
  topK?: number | undefined;
  presencePenalty?: number | undefined;
  frequencyPenalty?: number | undefined;
  seed?: number | undefined;
  responseFormat?:
    { type: 'text' } | { type: 'json'; schema?: unknown; name?: string; description?: string } | undefined;
  tools?: readonly { type: string; name: string }[] | undefined;
  toolChoice?: { type: string; toolName?: string } | undefined;
  reasoning?: string | undefined;
  abortSignal?: AbortSignal | undefined;
  providerOptions?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined;
}

/** A call of the AI SDK as an execution. */
export interface OfferedCall {
  messages: Message[];
  options: ExecutionOptions;
  /** The tools that the caller runs. */
  clientTools: ReadonlySet<string>;
  warnings: OfferedWarning[];
}

const EFFORTS = new Set(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']);

/** Reads a call. What has no place in an execution is a warning. */
export function readCall(given: OfferedCallOptions): OfferedCall {
  const warnings: OfferedWarning[] = [];
  const leaveOut = (feature: string): void => void warnings.push({ type: 'unsupported', feature });
  if (given.topK !== undefined) leaveOut('topK');
  const tools = (given.tools ?? []).flatMap((tool) => definition(tool, leaveOut));
  const { sluice, ...providerOptions } = given.providerOptions ?? {};
  const metadata = sluice?.['metadata'];
  const responseFormat = format(given.responseFormat);
  return {
    messages: messagesOf(given.prompt, leaveOut),
    warnings,
    clientTools: new Set(tools.map(({ name }) => name)),
    options: {
      parameters: {
        ...parameters(given),
        ...(Object.keys(providerOptions).length > 0 && { providerOptions }),
      },
      ...(tools.length > 0 && { tools }),
      ...(responseFormat !== undefined && { responseFormat }),
      ...(given.abortSignal !== undefined && { signal: given.abortSignal }),
      ...(isRecord(metadata) && { metadata }),
    },
  };
}

function parameters(given: OfferedCallOptions): Parameters {
  const { temperature, topP, maxOutputTokens, stopSequences, seed, frequencyPenalty, presencePenalty } =
    given;
  const effort = given.reasoning;
  const toolChoice = choice(given.toolChoice);
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(maxOutputTokens !== undefined && { maxTokens: maxOutputTokens }),
    ...(stopSequences !== undefined && { stopSequences }),
    ...(seed !== undefined && { seed }),
    ...(frequencyPenalty !== undefined && { frequencyPenalty }),
    ...(presencePenalty !== undefined && { presencePenalty }),
    ...(isEffort(effort) && { reasoning: { effort } }),
    ...(toolChoice !== undefined && { toolChoice }),
  };
}

type Effort = NonNullable<NonNullable<Parameters['reasoning']>['effort']>;

function isEffort(value: string | undefined): value is Effort {
  return value !== undefined && EFFORTS.has(value);
}

function choice(given: OfferedCallOptions['toolChoice']): ToolChoice | undefined {
  switch (given?.type) {
    case 'none':
    case 'required':
      return given.type;
    case 'tool':
      return given.toolName === undefined ? undefined : { name: given.toolName };
    // `auto` is what a pipeline does anyway.
    default:
      return undefined;
  }
}

function definition(tool: object, leaveOut: (feature: string) => void): ToolDefinition[] {
  const fields: Readonly<Record<string, unknown>> = { ...tool };
  const name = filled(fields['name']) ?? '?';
  const schema = fields['inputSchema'];
  if (fields['type'] !== 'function' || !isRecord(schema)) {
    leaveOut(`the tool ${name}, which a provider defines`);
    return [];
  }
  const description = text(fields['description']);
  const strict = fields['strict'];
  return [
    {
      name,
      ...(description !== undefined && { description }),
      parameters: schema,
      ...(typeof strict === 'boolean' && { strict }),
    },
  ];
}

function format(given: OfferedCallOptions['responseFormat']): ResponseFormat | undefined {
  if (given?.type !== 'json') return undefined;
  const { schema, name, description } = given;
  if (!isRecord(schema)) return { type: 'json' };
  return {
    type: 'json_schema',
    name: name ?? 'response',
    schema,
    // Not strict: the SDK checks the answer itself, and can correct it.
    dialect: 'openai',
    ...(description !== undefined && { description }),
  };
}
