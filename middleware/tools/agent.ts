import * as z from 'zod';
import { SluiceError, isSluiceError, textOf } from '../../src/index.ts';
import type {
  ExecutionChunk,
  ExecutionResult,
  FinishReason,
  Message,
  OutputOf,
  OutputSchema,
  PendingCall,
  Pipeline,
  TurnSteps,
} from '../../src/index.ts';
import { kindOf, option, parseOptions } from '../../src/kit/index.ts';
import { prepared } from './schema.ts';
import type { InputOf, InputSchema } from './schema.ts';
import { tool } from './tool.ts';
import type { NeedsApproval } from './approval.ts';
import type { RunCall, Tool, ToolRun } from './tool.ts';
import { toolsOf } from './tools-of.ts';
import { Unfinished } from './unfinished.ts';

/** The input of an agent that has no schema of its own. */
export interface PromptInput {
  prompt: string;
}

/** Makes of a chunk of an agent the `data` of a `tool_progress` chunk. Undefined: there is no such chunk. */
export type AgentProgress = (chunk: ExecutionChunk) => unknown;

/** What an agent is asked: text, or messages. */
export type AgentMessages = string | Message | readonly Message[];

/** Options of {@link agentTool}. */
export interface AgentOptions<R = string, In = PromptInput> {
  /** 1 to 64 letters, digits, `_` and `-`. */
  name: string;
  /** Tells the model what the agent does and when to use it. */
  description: string;
  /** Of the agent, as with `tool()`: an approval holds for one version. */
  version?: string | undefined;
  /** The schema of the answer, as in the option `output` of an execution. The pipeline needs `output()`. The call gets the checked output as its result. */
  output?: OutputSchema | undefined;
  /** What the call gets as its result. Default: the output if there is a schema of it, else the text of the last message. Called for a completed execution only. */
  result?: ((result: ExecutionResult) => R | Promise<R>) | undefined;
  /** Whether somebody has to approve a call before the agent is asked, as with `tool()`. Default false. */
  needsApproval?: NeedsApproval<In> | undefined;
  /** Whether it may run beside other calls. Default true. */
  parallel?: boolean | undefined;
  /** How long one run may take, in milliseconds. Default: what the pipeline allows. */
  timeoutMs?: number | undefined;
  /** Whether its chunks are reported as `tool_progress` chunks of the call. A function makes the data of each. Default false. */
  progress?: boolean | AgentProgress | undefined;
}

/** Options of {@link agentTool} with a schema of one's own. */
export interface AgentToolOptions<S extends InputSchema, R = string> extends AgentOptions<R, InputOf<S>> {
  /** A schema of zod, Valibot, ArkType or another library of Standard Schema, or `{ jsonSchema, validate? }`. */
  input: S;
  /** What the agent is asked. The same input must give the same messages, also in another process. */
  messages: (input: InputOf<S>) => AgentMessages;
}

/** Options with the schema of the answer, which is what the call gets. */
type TypedAgent<Options extends object, O extends OutputSchema> = Omit<Options, 'output' | 'result'> & {
  output: O;
  result?: undefined;
};

/** How many agents may run inside each other. */
const MAX_DEPTH = 3;

const promptInput = z.object({
  prompt: z.string().describe('What the agent is asked to do, with all that it has to know for it.'),
});

const schema = z
  .strictObject({
    name: z.string(),
    description: z.string(),
    version: z.string().optional(),
    input: z.custom<InputSchema>().optional(),
    messages: option.functionOf<(input: unknown) => AgentMessages>().optional(),
    result: option.functionOf<(result: ExecutionResult) => unknown>().optional(),
    needsApproval: z.custom<NeedsApproval>().optional(),
    parallel: z.boolean().optional(),
    output: z.custom<OutputSchema>().optional(),
    timeoutMs: option.milliseconds().optional(),
    progress: z
      .union([z.boolean(), option.functionOf<AgentProgress>()], 'give true or a function')
      .optional(),
  })
  .refine(({ input, messages }) => input === undefined || messages !== undefined, {
    path: ['messages'],
    message: 'give a function that makes text or messages of the input',
  });

/**
 * A pipeline as a tool of another one. The model calls it with a prompt, and gets the text of its answer. `tools()` of the outer pipeline runs it as part of its own
 * execution: it is cancelled with it, its usage and cost are in the sums of it, and in a session its steps are in the record of the turn. A turn that is
 * sent again goes on inside the agent, and none of the agent's finished tools runs twice. Calls of the agent that wait for a decision make the outer execution
 * wait, which takes a session.
 *
 * With `output`, a schema, the call gets the checked output as its result in place of text.
 *
 * An agent that fails or is interrupted is an error result for the model. Agents may run three deep inside each other. `pipeline` may be a function, for a pipeline
 * that is a tool of itself.
 *
 * Throws `invalid_options`.
 *
 * @example
 * const research = new Pipeline([cost(), tools([search]), provider(openai())]);
 * const researcher = agentTool(research, { name: 'researcher', description: 'Looks things up on the web' });
 * new Pipeline([cost(), tools([researcher]), provider(openai())]);
 */
export function agentTool<S extends InputSchema, O extends OutputSchema>(
  pipeline: Pipeline | (() => Pipeline),
  options: TypedAgent<AgentToolOptions<S>, O>,
): Tool<InputOf<S>, OutputOf<O>>;
export function agentTool<O extends OutputSchema>(
  pipeline: Pipeline | (() => Pipeline),
  options: TypedAgent<AgentOptions, O>,
): Tool<PromptInput, OutputOf<O>>;
export function agentTool<S extends InputSchema, R = string>(
  pipeline: Pipeline | (() => Pipeline),
  options: AgentToolOptions<S, R>,
): Tool<InputOf<S>, Awaited<R>>;
export function agentTool<R = string>(
  pipeline: Pipeline | (() => Pipeline),
  options: AgentOptions<R>,
): Tool<PromptInput, Awaited<R>>;
export function agentTool(pipeline: unknown, options: unknown): Tool {
  const {
    messages,
    output,
    result,
    timeoutMs,
    progress,
    input = promptInput,
    ...rest
  } = parseOptions('agentTool()', schema, options);
  const { name } = rest;
  // Told now, and not when the model calls it.
  if (output !== undefined) prepared(`The agent ${name}: output`, output, 'any');
  const agent: Agent = {
    name,
    pipeline: pipelineOf(name, pipeline),
    messages: messages ?? promptOf,
    output,
    result: result ?? (output === undefined ? textOfAnswer : (completed) => completed.output),
    timeoutMs,
    progress: progress === true ? whole : progress === false ? undefined : progress,
  };
  const made = tool({ ...rest, input, execute: () => undefined });
  return {
    ...made,
    // Its steps are recorded, so it goes on where it was.
    onUnknownOutcome: 'retry',
    run: (given, run, steps) => runAgent(agent, given, run, steps()),
    inner: () => toolsOf(agent.pipeline().middleware),
  };
}

interface Agent {
  readonly name: string;
  readonly pipeline: () => Pipeline;
  readonly messages: (input: unknown) => AgentMessages;
  readonly output: OutputSchema | undefined;
  readonly result: (result: ExecutionResult) => unknown;
  readonly timeoutMs: number | undefined;
  readonly progress: AgentProgress | undefined;
}

async function runAgent(agent: Agent, input: unknown, run: ToolRun, steps: TurnSteps): ReturnType<RunCall> {
  const { name } = agent;
  if (depthOf(steps) > MAX_DEPTH)
    throw new SluiceError(
      'tool',
      `Agents run at most ${MAX_DEPTH} deep inside each other, so the agent ${name} was not run.`,
    );
  try {
    const result = await executed(agent, input, run, steps);
    if (result.pending !== undefined) return waits(agent, result.pending, steps);
    checkAnswer(agent, result);
    return await agent.result(result);
  } catch (error) {
    if (isSluiceError(error) && ENDS.has(error.code)) return new Unfinished({ error });
    throw error;
  }
}

/** These are wrong settings, or no fault of the agent: the model can do nothing about them. */
const ENDS: ReadonlySet<string> = new Set(['invalid_options', 'shutting_down']);

/** How many agents run inside each other, with this one. */
function depthOf({ path = '' }: TurnSteps): number {
  return path.split('/').length;
}

async function executed(
  { pipeline, messages, output, timeoutMs, progress }: Agent,
  input: unknown,
  { signal, progress: say }: ToolRun,
  steps: TurnSteps,
): Promise<ExecutionResult> {
  const asked = messages(input);
  const stream = pipeline().executeStream(
    typeof asked === 'string' ? { role: 'user', content: asked } : asked,
    {
      ...{ signal, steps, output },
      ...(timeoutMs !== undefined && { timeoutMs }),
    },
  );
  for await (const chunk of stream) {
    // What an earlier run has said is not news.
    const data = chunk.type === 'done' || chunk.replayed === true ? undefined : progress?.(chunk);
    if (data !== undefined) say(data);
  }
  return stream.result;
}

/** Calls that wait are decided through the session of the outermost execution. Without one nobody could. */
function waits({ name }: Agent, pending: readonly PendingCall[], { path, isDurable }: TurnSteps): Unfinished {
  if (isDurable)
    return new Unfinished({ pending: pending.map((call) => ({ ...call, path: call.path ?? path })) });
  const names = pending.map((call) => call.name).join(', ');
  const error = new SluiceError(
    'invalid_options',
    `The agent ${name} waits for a decision on a call of ${names}, which takes a session: call executeWithContext().`,
  );
  return new Unfinished({ error });
}

/** Why an answer is not whole. */
const CUT: Readonly<Partial<Record<FinishReason, string>>> = {
  length: 'was cut off at its longest length',
  content_filter: 'was stopped by a filter',
  refusal: 'is a refusal',
};

/** Throws if the answer is not whole. The model is told what there is of it. */
function checkAnswer({ name }: Agent, result: ExecutionResult): void {
  const cut = CUT[result.response.finishReason];
  const isInterrupted = result.outcome === 'interrupted';
  if (!isInterrupted && cut === undefined) return;
  const why = isInterrupted
    ? `was interrupted: ${result.reason ?? 'no reason given'}`
    : `answered, but the answer ${cut}`;
  const said = textOfAnswer(result).trim();
  throw new SluiceError('tool', `The agent ${name} ${why}.${said === '' ? '' : ` It said: ${said}`}`);
}

/** The text of the last message: what was said before its calls is not the answer. */
function textOfAnswer({ messages }: ExecutionResult): string {
  const last = messages.at(-1);
  return last?.role === 'assistant' ? textOf(last) : '';
}

function promptOf(input: unknown): string {
  return promptInput.parse(input).prompt;
}

const whole: AgentProgress = (chunk) => chunk;

/** Calls a function for the pipeline when it is needed, since a pipeline cannot be a part of itself before it is made. */
function pipelineOf(name: string, given: unknown): () => Pipeline {
  const checked = (value: unknown): Pipeline => {
    if (isPipeline(value)) return value;
    throw new SluiceError(
      'invalid_options',
      `The agent ${name}: its pipeline is ${kindOf(value)}: give a Pipeline.`,
    );
  };
  if (typeof given === 'function') return () => checked(Reflect.apply(given, undefined, []));
  const pipeline = checked(given);
  return () => pipeline;
}

function isPipeline(value: unknown): value is Pipeline {
  return (
    typeof value === 'object' &&
    value !== null &&
    'executeStream' in value &&
    'middleware' in value &&
    Array.isArray(value.middleware)
  );
}
