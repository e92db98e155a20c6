import * as z from 'zod';
import { SluiceError } from './errors.ts';
import type { ContextEntry } from './keys.ts';
import { option } from './kit/option.ts';
import { parseOptions } from './kit/parse-options.ts';
import type { LoggerLike } from './log.ts';
import { checkNewMessages } from './check-messages.ts';
import { checkId } from './session/store/check-key.ts';
import { isInnerSteps } from './execution/inner-steps.ts';
import type { TurnSteps } from './execution/turn-steps.ts';
import type { OutputSchema } from './output/schema.ts';
import type { OnBusy } from './session/session-queue.ts';
import type { Part } from './messages.ts';
import { LEASE_MS } from './session/turn-lease.ts';
import { plainFault } from './plain-data.ts';
import { parametersSchema, responseFormatSchema, toolSchema } from './request-schema.ts';
import type { ModelRequest, Parameters, ResponseFormat, ToolDefinition } from './request.ts';
import { STORE_TIMEOUT_MS } from './session/store/store-call.ts';
import type { StateStore } from './session/store/store.ts';

/** How a pipeline runs its executions. */
export interface PipelineOptions {
  /** How many executions run at once; more wait in order. Default: 100. */
  maxConcurrentExecutions?: number;
  /** How many chunks may wait for the consumer before reading stops. Default: 10. */
  streamBufferSize?: number;
  /**
   * The longest time an execution runs, in milliseconds, not counting its waits for a slot and for its session. It is far, so that a stream which makes
   * progress is not cut, and nothing hangs forever. 0: no limit. Default: 900,000 (15 minutes).
   */
  executionTimeoutMs?: number;
  /**
   * The longest silence of the model, in milliseconds: if no call of an execution gives a chunk or another sign of life for that time, the execution fails
   * with `timeout`, phase `idle`. Only the time counts in which a call is waited for: not the waits of a middleware, tools, or a slow consumer. Measured to the second. 0: no
   * limit. Default: 120,000.
   */
  idleTimeoutMs?: number;
  /** How long `shutdown()` waits for running executions before it aborts them, in milliseconds. Default: 10,000. */
  shutdownTimeoutMs?: number;
  /** How long a close waits for a middleware that ignores its signal, in milliseconds. Default: 1,000. */
  closeTimeoutMs?: number;
  /** How long each `onEnd` hook may take, in milliseconds. Default: 5,000. */
  hookTimeoutMs?: number;
  /** How long each call of the session store may take, in milliseconds, before it fails with `store`. 0: no limit. Default: 5,000. */
  storeTimeoutMs?: number;
  /**
   * How long the end of a turn may take to store its reply, in milliseconds, whatever the store does. After that the consumer gets the end, and
   * `result.unsaved` holds the messages. At least 1. Default: 3,000.
   */
  saveTimeoutMs?: number;
  /**
   * How long a turn holds its session without a sign of life, in milliseconds: it renews its lease each third of that. If its process dies, the next turn of the session waits that
   * long at most. At least 1,000. Default: 15,000.
   */
  leaseMs?: number;
  /** How many turns of this process may wait for one busy session. Default: 16. */
  maxQueuedTurns?: number;
  /**
   * What a turn does if its session is busy: `queue` waits, `reject` fails with `session_busy`, `supersede` ends the turns before it. A call can
   * override it. Default: `queue`.
   */
  onBusy?: OnBusy;
  /**
   * How many messages of a session a turn reads, not counting its own input: the newest ones, starting with a message of the user, so that turns
   * stay whole. The cost of a turn then does not depend on the length of its session. Default: all.
   */
  historyLimit?: number;
  /** Where sessions live. Default: in memory, bounded by age and count. */
  store?: StateStore;
  /** Where `context.log` writes. Default: nowhere. */
  logger?: LoggerLike;
  /** Whether `shutdown()` closes the store and the providers that were passed in. Default: false, they belong to the caller. */
  own?: boolean;
}

/** A turn that has its session. */
export interface StartedTurn {
  /** The id of the turn: the caller's, or a random one. Of decisions, the id of the turn that they are about. */
  id: string;
  /** It was finished before, and its stored reply follows. */
  replayed?: true;
}

/** Options of one execution. */
export interface ExecutionOptions {
  /**
   * Aborts the execution: its consumer gets an `aborted` error with what has been received, and no chunk any more that was read ahead. `Stream.abort()` still delivers those. A
   * short text as the signal's reason is the `reason` of the error.
   */
  signal?: AbortSignal;
  /** The longest time it runs, in milliseconds. The earliest of this, `executionTimeoutMs` and `deadline` wins. */
  timeoutMs?: number;
  /** When it must be over, including waits: a date, or milliseconds since the epoch. */
  deadline?: number | Date;
  /** Overrides the provider's model. */
  model?: string;
  parameters?: Parameters;
  /** Tools offered to the model. */
  tools?: readonly ToolDefinition[];
  responseFormat?: ResponseFormat;
  /**
   * Instructions for this execution: a message of the system before all others. Like those of `system()` it is sent and not stored with the session, so give it with each turn.
   */
  system?: string | readonly Part[];
  /**
   * The schema of the answer: one of zod, Valibot, ArkType or another library of Standard Schema, or `{ jsonSchema, validate? }`. The result then has a checked `output`. It needs
   * `output()` in the pipeline, and takes the place of `responseFormat`.
   */
  output?: OutputSchema | undefined;
  /** Plain data of the caller, returned in the result. */
  metadata?: Record<string, unknown>;
  /** Typed values for the middleware: `[Tenant.with('acme')]`, or pairs of key and value. */
  values?: Iterable<ContextEntry>;
  /**
   * The caller's id of this turn of a session, so that the turn can be sent again. If it was finished, it is not run again: its stored result is
   * returned. If it was not, it is run with the input that is stored already. Well-formed text of at most 500 UTF-8 bytes. Default: a random one.
   */
  turnId?: string;
  /** What this turn does if its session is busy. Default: the pipeline's `onBusy`. */
  onBusy?: OnBusy;
  /**
   * Called once a turn has its session, before a layer runs: no other turn of it runs now. Until then the turn waits for its place. It is called for a turn that was finished
   * before, too, at once. What it throws is a warning.
   */
  onTurn?: (turn: StartedTurn) => void;
  /**
   * For a pipeline that runs inside a call of another execution: `context.steps.under(callId)` of that one. Its steps are then part of that turn, what it spends is part
   * of that execution, and its spans hang under the call. It has the values that were given to that execution, and its session. Pass the signal of the call, too.
   */
  steps?: TurnSteps;
}

const { count, methods } = option;
const milliseconds = option.milliseconds();
const onBusy = z.enum(['queue', 'reject', 'supersede']);

const pipelineSchema = z.strictObject({
  maxConcurrentExecutions: count(1).default(100),
  streamBufferSize: count(0).default(10),
  executionTimeoutMs: milliseconds.default(900_000),
  idleTimeoutMs: milliseconds.default(120_000),
  shutdownTimeoutMs: milliseconds.default(10_000),
  closeTimeoutMs: milliseconds.default(1_000),
  hookTimeoutMs: milliseconds.default(5_000),
  storeTimeoutMs: milliseconds.default(STORE_TIMEOUT_MS),
  saveTimeoutMs: count(1).default(3_000),
  leaseMs: option.timerMs().min(1_000).default(LEASE_MS),
  maxQueuedTurns: count(0).default(16),
  onBusy: onBusy.default('queue'),
  historyLimit: count(1).optional(),
  store: methods<StateStore>('load', 'turn', 'append', 'lease', 'close').optional(),
  logger: methods<LoggerLike>('info', 'warn', 'error', 'debug').optional(),
  own: z.boolean().default(false),
});

const signal = z
  .custom((value) => value instanceof AbortSignal, 'give an AbortSignal, such as controller.signal')
  .optional();

const shutdownSchema = z.strictObject({ signal });

const executionSchema = z.strictObject({
  signal,
  timeoutMs: milliseconds.optional(),
  deadline: z.union([z.number(), z.date()], 'give a valid Date, or milliseconds since the epoch').optional(),
  model: z.string().min(1).optional(),
  parameters: parametersSchema.optional(),
  tools: z.array(toolSchema).optional(),
  responseFormat: responseFormatSchema.optional(),
  system: z
    .custom(
      (value) => (typeof value === 'string' || Array.isArray(value)) && value.length > 0,
      'give a text or an array of parts, which is not empty',
    )
    .optional(),
  output: z.custom(isOutputSchema, 'give a schema of zod, Valibot or ArkType, or { jsonSchema }').optional(),
  metadata: z.record(z.string(), z.unknown()).superRefine(requirePlain).optional(),
  values: z
    .custom(
      (value) => typeof value === 'object' && value !== null && Symbol.iterator in value,
      "give an array of entries such as [Tenant.with('acme')]",
    )
    .optional(),
  turnId: z.string().min(1).optional(),
  onBusy: onBusy.optional(),
  onTurn: option.functionOf<(turn: StartedTurn) => void>().optional(),
  steps: z.custom(isInnerSteps, 'give context.steps.under(callId)').optional(),
});

/** Returns the options with their defaults. Throws one `invalid_options` that names every wrong field. */
export function pipelineOptions(options: PipelineOptions): z.output<typeof pipelineSchema> {
  return parseOptions('Pipeline options', pipelineSchema, options);
}

/** The most bytes of a turn's id. Stores add a suffix to it. */
const MAX_TURN_ID_BYTES = 500;

/** Checks the options of one execution. `inSession`: it is a turn of a session. */
export function checkExecutionOptions(options: ExecutionOptions, inSession: boolean): void {
  parseOptions('Execution options', executionSchema, options);
  if (options.turnId !== undefined) checkId('turnId', options.turnId, MAX_TURN_ID_BYTES);
  if (inSession && options.steps !== undefined)
    throw new SluiceError(
      'invalid_options',
      'Execution options: steps is for an execution without a session: a turn has its own. Take it out, or call execute().',
    );
  if (inSession) return;
  for (const name of ['turnId', 'onBusy', 'onTurn'] as const) {
    if (options[name] === undefined) continue;
    throw new SluiceError(
      'invalid_options',
      `Execution options: ${name} is for turns of a session: take it out, or call executeWithContext().`,
    );
  }
}

/** Checks the options of `shutdown()`. */
export function checkShutdownOptions(options: object): void {
  parseOptions('shutdown()', shutdownSchema, options);
}

/** Checks parameters that are not part of the options of an execution. `what` says what they belong to, for the message. */
export function checkParameters(what: string, parameters: Parameters): void {
  parseOptions(what, parametersSchema, parameters);
}

const changesSchema = z.strictObject({
  // One by one they are checked below.
  messages: z.custom(Array.isArray, 'give an array').optional(),
  parameters: parametersSchema.optional(),
  model: z.string().min(1).optional(),
  tools: z.array(toolSchema).optional(),
  responseFormat: responseFormatSchema.optional(),
  output: z.custom(isRequestedOutput, 'give context.request.output, or undefined').optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});

/** A schema of a library may be a function, as ArkType's are. What is in it is checked by who uses it. */
function isOutputSchema(value: unknown): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return '~standard' in value || 'jsonSchema' in value;
}

function isRequestedOutput(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'schema' in value && 'forms' in value;
}

/** Tools that a layer has passed to `next()` before and that were found to be right. */
const checkedTools = new WeakSet<object>();

/**
 * Checks what a middleware passes to `next()`. `before` is its own request. A tool or a message is checked once: whoever changes it after that sends it
 * unchecked.
 */
export function checkChanges(changes: Partial<ModelRequest>, before: ModelRequest): void {
  if (!isKnown(changes)) {
    parseOptions('The request', changesSchema, changes);
    for (const key of ['messages', 'parameters'] as const) {
      if (key in changes && changes[key] === undefined)
        throw new SluiceError(
          'invalid_options',
          `The request: ${key} is undefined: leave it out to keep it as it is.`,
        );
    }
    for (const tool of changes.tools ?? []) checkedTools.add(tool);
  }
  if (changes.messages !== undefined) checkNewMessages(changes.messages, before.messages);
}

/** Whether the changes have only messages, which are checked one by one, and tools that were checked before. It is part of each round of tools. */
function isKnown(changes: Partial<ModelRequest>): boolean {
  if (typeof changes !== 'object' || changes === null || Array.isArray(changes)) return false;
  for (const key in changes) if (key !== 'messages' && key !== 'tools') return false;
  const { messages, tools } = changes;
  if (messages === undefined ? 'messages' in changes : !Array.isArray(messages)) return false;
  return tools === undefined || (Array.isArray(tools) && tools.every(isCheckedTool));
}

function isCheckedTool(tool: unknown): boolean {
  return typeof tool === 'object' && tool !== null && checkedTools.has(tool);
}

/** Reports data that JSON and `structuredClone` would change: it becomes part of the result. */
function requirePlain(value: Record<string, unknown>, context: z.RefinementCtx): void {
  const fault = plainFault(value);
  if (fault !== undefined)
    context.addIssue({ code: 'custom', path: fault, message: 'give plain data, as JSON has it' });
}
