import type { StandardSchemaV1 } from '@standard-schema/spec';
import * as z from 'zod';
import { SluiceError } from '../../src/index.ts';
import type { Logger, SessionView, TurnSteps } from '../../src/index.ts';
import { hashOf, option, parseOptions } from '../../src/kit/index.ts';
import type { NeedsApproval } from './approval.ts';
import { checkBy, isLibrarySchema, prepared } from './schema.ts';
import type { Check, InputOf, InputSchema, LibrarySchema } from './schema.ts';

/** That somebody has approved a call. */
export interface Approval {
  /** The id of the decision: the `turnId` of the execution that made it. */
  readonly by: string;
  /** What the decision says besides. */
  readonly reason?: string | undefined;
  readonly metadata?: unknown;
}

/** What a tool is given besides its input. */
export interface ToolRun {
  /** Aborted when the result is no longer wanted: its time is over, the execution ends, or another call of the round failed. */
  readonly signal: AbortSignal;
  /** The id of the call: ours, not the provider's. */
  readonly callId: string;
  /** The same for every run of this call, and for no other call: for services that do a thing once for each key. */
  readonly idempotencyKey: string;
  /** The session's values; undefined if the execution has no session. */
  readonly session: SessionView | undefined;
  /** Who has approved the call, if somebody had to. */
  readonly approval: Approval | undefined;
  readonly log: Logger;
  /** Tells the consumer how far the work is, as a `tool_progress` chunk. The data must be plain. */
  readonly progress: (data: unknown) => void;
}

/** What becomes of a call whose outcome nobody knows: it timed out, was cancelled, or its process died, and it may have taken effect. */
export type OnUnknownOutcome = 'retry' | 'fail' | 'ask';

/** Runs a tool with checked input. */
export type RunTool = (input: unknown, run: ToolRun) => Promise<unknown>;

/** Runs a call with checked input. `steps` gives the steps of an execution inside the call, which an agent needs. */
export type RunCall = (input: unknown, run: ToolRun, steps: () => TurnSteps) => Promise<unknown>;

/** A tool that `tools()` runs. Make one with {@link tool}. */
export interface Tool<Input = unknown, Output = unknown> {
  readonly name: string;
  readonly description: string | undefined;
  /** The JSON Schema of the input. */
  readonly parameters: Record<string, unknown>;
  /** Whether it may run beside other calls. */
  readonly parallel: boolean;
  readonly timeoutMs: number | undefined;
  readonly onUnknownOutcome: OnUnknownOutcome;
  /** Whether somebody has to approve a call before it is run. */
  readonly needsApproval: NeedsApproval | undefined;
  /** Checks the arguments of a call. */
  readonly check: Check;
  /** Runs it with checked input. Undefined: the client runs it. */
  readonly run: RunCall | undefined;
  /** Checks a result that a client gives. Undefined: any is right. */
  readonly checkResult: Check | undefined;
  /** The tools of a loop inside it, by their names, if it is an agent. */
  readonly inner?: (() => ReadonlyMap<string, Tool>) | undefined;
  /** Changes if its name, its schema or its version does. */
  readonly fingerprint: string;
  /** Names, in lower case, of fields of its input whose values spans do not contain. */
  readonly redact?: ReadonlySet<string> | undefined;
  /** Never set: it carries the types. */
  readonly types?: { readonly input: Input; readonly output: Output };
}

/** Options of {@link tool}. */
export interface ToolOptions<S extends InputSchema, R, O extends LibrarySchema | undefined = undefined> {
  /** 1 to 64 letters, digits, `_` and `-`. */
  name: string;
  /** Tells the model what the tool does and when to use it. */
  description: string;
  /** Give another one if the tool does something else from now on: a call without a result was meant for the one before, and is not run any more. */
  version?: string | undefined;
  /** A schema of zod, Valibot, ArkType or another library of Standard Schema, or `{ jsonSchema, validate? }`. */
  input: S;
  /** Checks what `execute` returns. A result that does not match is an error for the model. */
  output?: O;
  /**
   * Does the work. A tool without it belongs to the client: a call of it ends the execution as `interrupted`, reason `tool_calls`, with the call in
   * `result.pending`.
   *
   * It returns text, plain data, or text, image and file parts. What it throws becomes an error result for the model: see `onError` of
   * `tools()`.
   */
  execute?: ((input: InputOf<S>, run: ToolRun) => R | Promise<R>) | undefined;
  /** Whether it may run beside other calls. Default true. */
  parallel?: boolean | undefined;
  /** How long one run may take, in milliseconds. After that its outcome is unknown. Default: no limit of its own. */
  timeoutMs?: number | undefined;
  /** Whether running it twice does no more than running it once. Default false. */
  idempotent?: boolean | undefined;
  /**
   * What becomes of a call that had begun and whose end is not known, because it timed out, was cancelled or its process died: it may have taken effect. `retry`: it is
   * run once more, with the same `idempotencyKey`. `ask`: the turn ends as `interrupted`, reason `unknown_outcome`, with the call in `result.pending`, until
   * somebody decides; without a session it is the same as `fail`. `fail`: the model is told so. Default: `retry` if it is idempotent, else `ask`.
   */
  onUnknownOutcome?: OnUnknownOutcome | undefined;
  /**
   * Whether somebody has to approve a call before it is run: `true`, or a function of the checked input that says so, or gives `{ reason, metadata, expiresInMs }` of the
   * approval. It is asked once for each call. The turn ends as `interrupted`, reason `approval`, with the call in `result.pending`, and goes on with `decide()`. Only in a
   * session. Default false.
   */
  needsApproval?: NeedsApproval<InputOf<S>> | undefined;
}

/** The names that every wire takes. */
const NAME = /^[a-zA-Z0-9_-]{1,64}$/;

type Execute = (input: unknown, run: ToolRun) => unknown;

const schema = z.strictObject({
  name: z.string(),
  version: z.string().optional(),
  description: z.string(),
  input: z.unknown(),
  output: z.unknown().optional(),
  execute: option.functionOf<Execute>().optional(),
  parallel: z.boolean().default(true),
  timeoutMs: option.timerMs().optional(),
  idempotent: z.boolean().default(false),
  onUnknownOutcome: z.enum(['retry', 'fail', 'ask']).optional(),
  needsApproval: z
    .union([z.boolean(), option.functionOf<Exclude<NeedsApproval, boolean>>()], 'give true or a function')
    .optional(),
});

/**
 * Makes a tool for `tools()`. The types of the input and the output are inferred from `input` and `execute`.
 *
 * Throws `invalid_options`, also for a schema that cannot be sent: it names the path.
 *
 * @example
 * const weather = tool({
 *   name: 'weather',
 *   description: 'The weather of a city',
 *   input: z.object({ city: z.string() }),
 *   execute: async ({ city }, { signal }) => fetchWeather(city, { signal }),
 * });
 */
export function tool<S extends InputSchema, R>(options: ToolOptions<S, R>): Tool<InputOf<S>, Awaited<R>>;
export function tool<S extends InputSchema, O extends LibrarySchema>(
  options: ToolOptions<S, StandardSchemaV1.InferInput<O>, O> & { output: O },
): Tool<InputOf<S>, StandardSchemaV1.InferOutput<O>>;
export function tool(options: unknown): Tool {
  const parsed = parseOptions('tool()', schema, options);
  const { name, version, description, execute, idempotent, parallel, timeoutMs } = parsed;
  if (!NAME.test(name)) throw invalid('the name of a tool is 1 to 64 letters, digits, _ and -');
  const what = `The tool ${name}`;
  const { jsonSchema, check } = prepared(`${what}: input`, parsed.input);
  const { output, needsApproval } = parsed;
  if (output !== undefined && !isLibrarySchema(output))
    throw invalid(`the output of ${name} is not a schema of zod, Valibot or ArkType`);
  if (execute === undefined && needsApproval !== undefined && needsApproval !== false)
    throw invalid(`${name} has needsApproval, but no execute: the client that runs it decides about it`);
  const checkResult = output === undefined ? undefined : checkBy(output);
  return {
    name,
    description,
    parameters: jsonSchema,
    parallel,
    timeoutMs,
    onUnknownOutcome: parsed.onUnknownOutcome ?? (idempotent ? 'retry' : 'ask'),
    needsApproval: needsApproval === false ? undefined : needsApproval,
    check,
    run: execute && runOf(execute, checkResult),
    checkResult,
    fingerprint: hashOf(JSON.stringify([name, jsonSchema, version])),
  };
}

function runOf(execute: Execute, check: Check | undefined): RunTool {
  return async (input, run) => {
    const returned = await execute(input, run);
    if (check === undefined) return returned;
    const checked = await check(returned);
    if ('value' in checked) return checked.value;
    throw new SluiceError('tool', `The result does not match the output schema: ${checked.problem}`);
  };
}

function invalid(why: string): SluiceError {
  return new SluiceError('invalid_options', `tool(): ${why}.`);
}
