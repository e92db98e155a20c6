import * as z from 'zod';
import type {
  ExecutionContext,
  Message,
  Reply,
  ToolCallPart,
  ToolChoice,
  CallOutcome,
} from '../../src/index.ts';
import { option, parseOptions } from '../../src/kit/index.ts';

/** A round that is about to begin. */
export interface NextRound {
  /** From 0. */
  round: number;
  /** What the model will be sent. */
  messages: readonly Message[];
}

/** A round whose calls have their results. */
export interface FinishedRound {
  /** From 0. */
  round: number;
  reply: Reply;
  calls: readonly { call: ToolCallPart; content: string; isError: boolean; outcome: CallOutcome }[];
}

/** A call as a `repair` corrects it. */
export interface RepairedCall {
  /** Default: the name that the model gave. */
  name?: string | undefined;
  arguments: unknown;
}

/** What becomes of an error that a tool threw. A function returns what the model is told. */
export type OnToolError = 'return' | 'throw' | ((error: unknown, call: ToolCallPart) => unknown);

/** Options of `tools()`. */
export interface ToolsOptions {
  /** How many rounds may call tools. Default 10. */
  maxRounds?: number | undefined;
  /**
   * What follows the last of them. `answer` (default): one more round in which the model must answer without tools. `interrupt`: the execution ends as
   * `interrupted`, reason `max_rounds`. `fail`: it fails with a `tool` error.
   */
  onMaxRounds?: 'answer' | 'interrupt' | 'fail' | undefined;
  /** How many calls run at the same time. Default 5. */
  maxParallel?: number | undefined;
  /** How many calls may be run in all. The others get the result that they were not run. Default: no limit. */
  maxCalls?: number | undefined;
  /** The longest text of a result. The middle of a longer one is left out. Default 100,000. */
  maxResultCharacters?: number | undefined;
  /** The tool choice of the first round. Default: that of the request. A forced choice holds for one round. */
  toolChoice?: ToolChoice | undefined;
  /** The names of the tools that a round offers. Default: all. */
  active?: ((context: ExecutionContext, next: NextRound) => readonly string[]) | undefined;
  /** Whether to stop after a round instead of asking the model again. */
  stopWhen?: ((round: FinishedRound) => boolean) | undefined;
  /** `return` (default): its message is the result of the call, marked as an error. `throw`: the execution fails. */
  onError?: OnToolError | undefined;
  /** Whether a call that failed cancels the others of its round. They are waited for. Default false. */
  cancelOnError?: boolean | undefined;
  /**
   * Corrects a call of an unknown tool or with wrong arguments. It is asked once for each call. Without an answer the problem goes back to the model.
   */
  repair?:
    | ((call: ToolCallPart, problem: string) => RepairedCall | undefined | Promise<RepairedCall | undefined>)
    | undefined;
  /**
   * What a consumer that closes the stream does to running tools. `abort` (default): their signal is aborted. `finish`: they run on. Either way the
   * close waits for them for `closeTimeoutMs`, and no further tool starts.
   */
  onClose?: 'abort' | 'finish' | undefined;
  /** What the spans of the tools contain besides name, duration and outcome. Default: nothing. */
  trace?: { arguments?: boolean | undefined; results?: boolean | undefined } | undefined;
}

/** The options with their defaults. */
export type ToolsSettings = z.output<typeof schema>;

const toolChoice = z.union(
  [z.enum(['auto', 'none', 'required']), z.strictObject({ name: z.string().min(1) })],
  'give "auto", "none", "required" or { name }',
);

const schema = z.strictObject({
  maxRounds: option.count(1).default(10),
  onMaxRounds: z.enum(['answer', 'interrupt', 'fail']).default('answer'),
  maxParallel: option.count(1).default(5),
  maxCalls: option.count(0).optional(),
  maxResultCharacters: option.count(1).default(100_000),
  toolChoice: toolChoice.optional(),
  active: option.functionOf<NonNullable<ToolsOptions['active']>>().optional(),
  stopWhen: option.functionOf<NonNullable<ToolsOptions['stopWhen']>>().optional(),
  onError: z
    .union(
      [
        z.enum(['return', 'throw']),
        option.functionOf<Extract<OnToolError, (error: never, call: never) => unknown>>(),
      ],
      'give "return", "throw" or a function',
    )
    .default('return'),
  cancelOnError: z.boolean().default(false),
  repair: option.functionOf<NonNullable<ToolsOptions['repair']>>().optional(),
  onClose: z.enum(['abort', 'finish']).default('abort'),
  trace: z
    .strictObject({ arguments: z.boolean().default(false), results: z.boolean().default(false) })
    .default({ arguments: false, results: false }),
});

/** Checks the options of `tools()`. Throws `invalid_options`. */
export function toolsSettings(options: ToolsOptions): ToolsSettings {
  return parseOptions('tools()', schema, options);
}
