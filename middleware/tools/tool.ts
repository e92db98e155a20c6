import type { StandardSchemaV1 } from '@standard-schema/spec';
import * as z from 'zod';
import { SluiceError } from '../../src/index.ts';
import type { Logger, SessionView } from '../../src/index.ts';
import { option, parseOptions } from '../../src/kit/index.ts';
import { hashOf } from './hash.ts';
import { checkBy, isLibrarySchema, prepared } from './schema.ts';
import type { Check, InputOf, InputSchema, LibrarySchema } from './schema.ts';

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
  readonly log: Logger;
  /** Tells the consumer how far the work is, as a `tool_progress` chunk. The data must be plain. */
  readonly progress: (data: unknown) => void;
}

/** What becomes of a call whose outcome nobody knows: it timed out or was cancelled, and may have taken effect. */
export type OnUnknownOutcome = 'retry' | 'fail';

/** Runs a tool with checked input. */
export type RunTool = (input: unknown, run: ToolRun) => Promise<unknown>;

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
  /** Checks the arguments of a call. */
  readonly check: Check;
  /** Runs it with checked input. Undefined: the client runs it. */
  readonly run: RunTool | undefined;
  /** Changes if its name or its schema does. */
  readonly fingerprint: string;
  /** Never set: it carries the types. */
  readonly types?: { readonly input: Input; readonly output: Output };
}

/** Options of {@link tool}. */
export interface ToolOptions<S extends InputSchema, R, O extends LibrarySchema | undefined = undefined> {
  /** 1 to 64 letters, digits, `_` and `-`. */
  name: string;
  /** Tells the model what the tool does and when to use it. */
  description: string;
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
   * What becomes of a call that has timed out, and so may have taken effect. `fail`: the model is told so. `retry`: it is run once more, with the same
   * `idempotencyKey`. Default: `retry` if it is idempotent, else `fail`.
   */
  onUnknownOutcome?: OnUnknownOutcome | undefined;
}

/** The names that every wire takes. */
const NAME = /^[a-zA-Z0-9_-]{1,64}$/;

type Execute = (input: unknown, run: ToolRun) => unknown;

const schema = z.strictObject({
  name: z.string(),
  description: z.string(),
  input: z.unknown(),
  output: z.unknown().optional(),
  execute: option.functionOf<Execute>().optional(),
  parallel: z.boolean().default(true),
  timeoutMs: option.timerMs().optional(),
  idempotent: z.boolean().default(false),
  onUnknownOutcome: z.enum(['retry', 'fail']).optional(),
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
  const { name, description, execute, idempotent, parallel, timeoutMs } = parsed;
  if (!NAME.test(name)) throw invalid('the name of a tool is 1 to 64 letters, digits, _ and -');
  const what = `The tool ${name}`;
  const { jsonSchema, check } = prepared(`${what}: input`, parsed.input);
  const { output } = parsed;
  if (output !== undefined && !isLibrarySchema(output))
    throw invalid(`the output of ${name} is not a schema of zod, Valibot or ArkType`);
  return {
    name,
    description,
    parameters: jsonSchema,
    parallel,
    timeoutMs,
    onUnknownOutcome: parsed.onUnknownOutcome ?? (idempotent ? 'retry' : 'fail'),
    check,
    run: execute && runOf(execute, output === undefined ? undefined : checkBy(output)),
    fingerprint: hashOf(JSON.stringify([name, jsonSchema])),
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
