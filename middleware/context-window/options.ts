import * as z from 'zod';
import type { ExecutionContext, Message } from '../../src/index.ts';
import { option, parseOptions } from '../../src/kit/index.ts';
import type { CountingProvider, TokenCounter } from './counter.ts';

/** What a strategy of your own gets. */
export interface WindowOverflow {
  /** The messages of the request, in order. */
  readonly messages: readonly Message[];
  /** The same as whole turns, oldest first, without system messages. */
  readonly turns: readonly (readonly Message[])[];
  /** The most tokens of input: `maxTokens` minus `reserveForOutput`. */
  readonly limit: number;
  readonly context: ExecutionContext;
  /** Tokens of the request with these messages, tools included. */
  count(messages: readonly Message[]): Promise<number>;
}

/** Makes messages that fit from messages that do not. Each tool call must keep its result. */
export type WindowStrategy = (overflow: WindowOverflow) => readonly Message[] | Promise<readonly Message[]>;

/** A request that was shortened. */
export interface WindowCut {
  executionId: string;
  /** What counted: `heuristic`, `gpt-tokenizer`, `function`, or the provider's name. */
  counter: string;
  /** Tokens of input that are sent. */
  tokens: number;
  /** The most tokens that may be sent. */
  limit: number;
  /** How many turns are sent whole. */
  keptTurns: number;
  droppedTurns: number;
  /** How many rounds of the newest turn are left out: replies with tool calls, and their results. */
  droppedRounds: number;
  /** Whether a summary replaces the dropped turns: `made` now by a call of the model, or `reused`. */
  summary: 'none' | 'reused' | 'made';
}

/** How summaries are made. */
export interface SummaryOptions {
  /** The most tokens of a summary. Default: an eighth of the window, at most 1,000. */
  maxTokens?: number | undefined;
  /** The model that writes it. Default: that of the request. */
  model?: string | undefined;
  /** The instructions for the model, instead of the built-in ones. The summary so far and the transcript follow in a message of the user. */
  instructions?: string | undefined;
}

/** Options of `contextWindow()`. */
export interface ContextWindowOptions {
  /** The size of the window in tokens, input and output together. */
  maxTokens: number;
  /**
   * The most messages that are sent, not counting system messages and a summary. The newest turn is sent whole even if it has more. Default: no
   * limit.
   */
  maxMessages?: number | undefined;
  /** Tokens of the window that are kept free for the answer. Default: 0. */
  reserveForOutput?: number | undefined;
  /**
   * What happens if the conversation does not fit. `drop-oldest`: the oldest turns are left out. `summarize`: a summary replaces them. `fail`: an
   * error of code `context_length`. Or a function that makes the messages.
   */
  strategy: 'drop-oldest' | 'fail' | 'summarize' | WindowStrategy;
  /**
   * What counts tokens. `heuristic`: four bytes per token. `tokenizer`: the package `gpt-tokenizer`. A provider that counts itself, such as
   * `anthropic()`, or a function: called once or a few times per request. Default: `tokenizer` if it is installed, else `heuristic`.
   */
  counter?: 'heuristic' | 'tokenizer' | CountingProvider | TokenCounter | undefined;
  /** With `summarize`. */
  summary?: SummaryOptions | undefined;
  /** Called for each request that was shortened. It is not waited for; what it throws becomes a warning. */
  onCut?: ((cut: WindowCut) => void) | undefined;
}

const { functionOf } = option;
const count = option.count(1);

const schema = z
  .strictObject({
    maxTokens: count,
    maxMessages: count.default(Infinity),
    reserveForOutput: option.count(0).default(0),
    strategy: z.union(
      [z.enum(['drop-oldest', 'fail', 'summarize']), functionOf<WindowStrategy>()],
      'give "drop-oldest", "fail", "summarize" or a function',
    ),
    counter: z
      .union(
        [
          z.enum(['heuristic', 'tokenizer']),
          functionOf<TokenCounter>(),
          option.methods<CountingProvider>('countTokens'),
        ],
        'give "heuristic", "tokenizer", a function, or a provider with countTokens() such as anthropic()',
      )
      .optional(),
    summary: z
      .strictObject({
        maxTokens: option.count(16).optional(),
        model: z.string().min(1).optional(),
        instructions: z.string().min(1).optional(),
      })
      .optional(),
    onCut: functionOf<(cut: WindowCut) => void>().optional(),
  })
  .refine(({ maxTokens, reserveForOutput }) => reserveForOutput < maxTokens, {
    path: ['reserveForOutput'],
    message: 'give less than maxTokens, of which it is a part',
  })
  .refine(({ strategy, summary }) => summary === undefined || strategy === 'summarize', {
    path: ['summary'],
    message: 'only used with strategy: "summarize"',
  })
  .refine(
    ({ maxTokens, reserveForOutput, summary }) =>
      (summary?.maxTokens ?? 0) <= (maxTokens - reserveForOutput) / 2,
    { path: ['summary', 'maxTokens'], message: 'give at most half of maxTokens less reserveForOutput' },
  );

/** The options with their defaults. */
export type WindowSettings = z.output<typeof schema>;

/** Checks the options. Throws `invalid_options`. */
export function windowSettings(options: ContextWindowOptions): WindowSettings {
  return parseOptions('contextWindow()', schema, options);
}
