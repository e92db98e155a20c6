import { SluiceError } from '../../src/index.ts';
import type {
  AskedModel,
  AskedOutput,
  ModelRequest,
  OutputForm,
  OutputPlan,
  OutputSupport,
  ResponseFormat,
  ToolChoice,
} from '../../src/index.ts';
import type { Restore } from './answer.ts';
import { losses, placeOf } from './convert.ts';
import type { Conversion } from './convert.ts';
import { instructed, promptOf, promptOfTool } from './instructions.ts';
import { aboveLimits } from './limits.ts';
import type { OutputMode, OutputSettings } from './options.ts';
import type { PreparedOutput } from './prepared.ts';
import { asText } from './tool-answer.ts';
import type { ClientFormat } from './client-format.ts';

/** The name of the tool that stands for the answer, and of the answer's schema. */
const NAME = 'answer';
/** Names of a format that a tool can have, with room to tell it from others. */
const TOOL_NAME = /^[\w-]{1,60}$/;

/** What is known of a model that says nothing about itself. */
const UNKNOWN: OutputSupport = { dialect: 'other', native: 'none', tools: 'none', isKnown: false };

/** The dialects of servers that keep to a schema only if it is sent as strict. */
const STRICT: ReadonlySet<OutputSupport['dialect']> = new Set(['openai', 'xai', 'cerebras', 'mistral']);

/** The modes in the order in which `auto` tries them. */
const ORDER: readonly OutputMode[] = ['native', 'tool', 'prompt'];

/** Asks for an output once. The model is known only where the call is made, which may be made several times. */
export class Attempt implements OutputPlan {
  readonly #output: PreparedOutput;
  readonly #settings: OutputSettings;
  /** Adds a warning, once in an execution. */
  readonly #warn: (message: string) => void;
  /** How its text is read. It says what the last call of the attempt was asked for. */
  readonly form: OutputForm = { start: 0, wrapped: false, nulls: undefined };
  restore: Restore = (written) => written;
  /** Whether the server keeps the answer to the schema. */
  isKept = false;
  /** Whether the client's own format was sent. */
  isAsItCame = false;
  readonly #client: ClientFormat | undefined;

  /** `client`: the format that the client of a gateway has asked with. */
  constructor(
    output: PreparedOutput,
    settings: OutputSettings,
    warn: (message: string) => void,
    client?: ClientFormat,
  ) {
    this.#output = output;
    this.#settings = settings;
    this.#warn = warn;
    this.#client = client;
  }

  ask(request: ModelRequest, { provider = 'the provider', support = UNKNOWN }: AskedModel): AskedOutput {
    const { mode } = this.#settings;
    const format = this.#sameFormat(request, support);
    this.isAsItCame = format !== undefined;
    if (format !== undefined) {
      this.#takes({ wrapped: false, nulls: undefined, restore: (written) => written }, true);
      return { request: { ...request, output: undefined, responseFormat: format } };
    }
    const problems: string[] = [];
    for (const one of mode === 'auto' ? ORDER : [mode]) {
      const problem = this.#problemOf(one, request, support);
      if (problem === undefined) {
        if (problems.length > 0)
          this.#warn(`output(): ${problems.join('; ')}: the answer is asked for in the mode '${one}'.`);
        return this.#ask(one, request, support);
      }
      if (problem.isTold) problems.push(`${provider}: ${problem.why}`);
      if (mode !== 'auto')
        throw new SluiceError('invalid_request', `output(): mode '${mode}': ${provider}: ${problem.why}.`);
    }
    return this.#ask('prompt', request, support);
  }

  /** The format of the client, if the model takes it as it came. */
  #sameFormat(request: ModelRequest, { dialect, native }: OutputSupport): ResponseFormat | undefined {
    const { mode } = this.#settings;
    const isNative = native === 'with-tools' || (native === 'alone' && (request.tools?.length ?? 0) === 0);
    if (this.#client?.dialect !== dialect || dialect === 'other' || !isNative) return undefined;
    return mode === 'auto' || mode === 'native' ? this.#client.sent : undefined;
  }

  /** Why a mode cannot be used for a request. `isTold`: it is about the schema, of which somebody should know. */
  #problemOf(
    mode: OutputMode,
    request: ModelRequest,
    support: OutputSupport,
  ): { why: string; isTold: boolean } | undefined {
    if (mode === 'prompt') return undefined;
    if (mode === 'tool')
      return support.tools === 'none' ? { why: 'it takes no tools', isTold: false } : undefined;
    if (support.native === 'none') return { why: 'it has no mode for a schema', isTold: false };
    if (support.native === 'alone' && (request.tools?.length ?? 0) > 0)
      return { why: 'it does not take a schema and tools together', isTold: false };
    const { unfit, schema } = this.#output.for(support.dialect);
    const why = unfit ?? aboveLimits(support.dialect, request, schema);
    return why === undefined ? undefined : { why, isTold: true };
  }

  #ask(mode: OutputMode, given: ModelRequest, support: OutputSupport): AskedOutput {
    const request: ModelRequest = { ...given, output: undefined, responseFormat: undefined };
    switch (mode) {
      case 'native':
        return { request: this.#native(request, support) };
      case 'tool':
        return this.#tool(request, support);
      case 'prompt': {
        const { schema } = this.#use('other', request, false);
        return { request: { ...request, messages: instructed(request.messages, promptOf(schema)) } };
      }
    }
  }

  #native(request: ModelRequest, { dialect, isKnown = true }: OutputSupport): ModelRequest {
    const { schema } = this.#use(dialect, request, isKnown);
    const { name = NAME, description, strict: asked } = this.#client?.sent ?? {};
    const strict = STRICT.has(dialect) ? true : asked;
    return {
      ...request,
      responseFormat: {
        ...{ type: 'json_schema', name, schema },
        ...(description !== undefined && { description }),
        ...(strict !== undefined && { strict }),
      },
      ...(!isKnown && { messages: instructed(request.messages, promptOf(schema)) }),
    };
  }

  #tool(request: ModelRequest, support: OutputSupport): AskedOutput {
    const { tools = [], parameters } = request;
    const dialect = this.#dialectOfTool(request, support);
    const { schema } = this.#use(dialect, request, dialect !== 'other');
    let name = TOOL_NAME.test(this.#client?.sent.name ?? '') ? (this.#client?.sent.name ?? NAME) : NAME;
    while (tools.some((tool) => tool.name === name)) name += '_';
    const description = 'Gives the final answer. Call it when you have everything that it needs.';
    const tool = { name, description, parameters: schema, ...(dialect !== 'other' && { strict: true }) };
    const isForced = support.tools === 'forced' || support.tools === 'unless-thinking';
    const canForce = isForced && !thinks(request, support);
    const toolChoice = choiceOf(parameters.toolChoice, name, { canForce, isAlone: tools.length === 0 });
    return {
      request: {
        ...request,
        tools: [...tools, tool],
        parameters: { ...parameters, toolChoice },
        ...(!canForce && { messages: instructed(request.messages, promptOfTool(name)) }),
      },
      read: (stream) => asText(stream, name, this.form),
    };
  }

  /** A tool whose schema the server keeps to, if it can; any other schema is taken for a tool that is not strict. */
  #dialectOfTool(request: ModelRequest, { dialect }: OutputSupport): OutputSupport['dialect'] {
    if (dialect !== 'openai' && dialect !== 'anthropic' && dialect !== 'xai') return 'other';
    const { unfit, schema } = this.#output.for(dialect);
    if (unfit !== undefined) return 'other';
    const strict = { name: NAME, parameters: schema, strict: true };
    const isAbove = aboveLimits(dialect, { tools: [...(request.tools ?? []), strict] }, undefined);
    return isAbove === undefined ? dialect : 'other';
  }

  /** Takes the schema of a dialect, and says what of it is lost. `isKept`: the server keeps the answer to it. */
  #use(dialect: OutputSupport['dialect'], { parameters }: ModelRequest, isKept: boolean): Conversion {
    const conversion = this.#output.for(dialect);
    const lost = losses(conversion.lost);
    if (lost.length > 0) {
      const said = lost
        .slice(0, 5)
        .map(({ path, keyword, how }) => `${keyword} of ${placeOf(path)} is ${how}`);
      const more = lost.length > 5 ? ` and ${lost.length - 5} more` : '';
      const isChecked = lost.every(({ checkedAfter }) => checkedAfter);
      const checked = isChecked ? ' The answer is checked against all of it.' : '';
      const message = `output(): the schema is not sent as it is (${dialect}): ${said.join(', ')}${more}.${checked}`;
      if (parameters.strict === true) throw new SluiceError('invalid_request', message);
      this.#warn(message);
    }
    this.#takes(conversion, isKept);
    return conversion;
  }

  #takes(
    { wrapped, nulls, restore }: Pick<Conversion, 'wrapped' | 'nulls' | 'restore'>,
    isKept: boolean,
  ): void {
    this.form.start = 0;
    this.form.wrapped = wrapped;
    this.form.nulls = nulls;
    this.restore = restore;
    this.isKept = isKept;
  }
}

/** Whether the model thinks: no tool is forced then, since providers refuse that. */
function thinks({ parameters: { reasoning } }: ModelRequest, support: OutputSupport): boolean {
  if (support.thinks !== undefined) return support.thinks;
  if (reasoning === undefined || reasoning.effort === 'none') return false;
  return reasoning.effort !== undefined || reasoning.budgetTokens !== undefined;
}

/** Which tools the model may call if one of them stands for the answer. The last round of `tools()` allows none: the answer is all that is left. */
function choiceOf(
  choice: ToolChoice | undefined,
  name: string,
  { canForce, isAlone }: { canForce: boolean; isAlone: boolean },
): ToolChoice {
  if (choice !== undefined && choice !== 'auto' && choice !== 'none') return choice;
  if (!canForce) return 'auto';
  return isAlone || choice === 'none' ? { name } : 'required';
}
