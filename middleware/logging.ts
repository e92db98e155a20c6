import * as z from 'zod';
import { contextKey, silent, toLogger } from '../src/index.ts';
import type {
  Call,
  CallEnd,
  CallObserver,
  Cost,
  ExecutionContext,
  ExecutionEnd,
  Logger,
  LoggerLike,
  Middleware,
  Outcome,
  Reply,
  SluiceError,
  Stream,
  StreamChunk,
  Usage,
} from '../src/index.ts';
import { asRequestId, kindOfThrown, option, parseOptions } from '../src/kit/index.ts';
import { LineContent } from './logging/content.ts';

/** How important a line is, the least first. */
const levels = ['debug', 'info', 'warn', 'error'] as const;

/** Options of {@link logging}. */
export interface LoggingOptions {
  /** Any logger with `info`, `warn`, `error` and `debug`, such as pino or the console. Default: the pipeline's, else the console. */
  logger?: LoggerLike;
  /** The least important level that is logged, for a logger without a level of its own, such as the console. Default: `debug`, all. */
  level?: keyof Logger;
  /**
   * Also logs content: messages, text, thinking, tool calls, the messages of errors and the reason of an interruption. Images, sound and other data are
   * placeholders with their kind and size. Default: false.
   */
  content?: boolean;
  /** With `content`: how many characters of content a line has at most. Longer content is cut, the oldest messages first. Default: 16,384. */
  maxCharacters?: number;
}

const MAX_CHARACTERS = 16_384;

const schema = z
  .strictObject({
    logger: option.methods<LoggerLike>('info', 'warn', 'error', 'debug').optional(),
    level: z.enum(levels).default('debug'),
    content: z.boolean().default(false),
    maxCharacters: option.count(1).optional(),
  })
  .refine(({ content, maxCharacters }) => content || maxCharacters === undefined, {
    path: ['maxCharacters'],
    message: 'only used with content: true',
  });

/**
 * Logs one structured line at the start and one at the end of each execution and of each attempt. An attempt is one call of a model; retried
 * and hedged calls have their own lines. The place of `logging()` in the stack does not matter.
 *
 * The levels: `info` for the start of an execution and `debug` for the start of an attempt; `info` for an end without an error, `warn` for a failed
 * attempt, `error` for a failed execution. Without `content` no line contains a prompt, an answer or the message of an error. API keys are never logged.
 *
 * Throws `invalid_options`.
 *
 * @example
 * new Pipeline([logging({ logger: pino() }), retry(), provider(openai())]);
 */
export function logging(options: LoggingOptions = {}): Middleware {
  const {
    logger,
    level,
    content,
    maxCharacters = MAX_CHARACTERS,
  } = parseOptions('logging()', schema, options);
  const settings = { level, maxCharacters: content ? maxCharacters : undefined };
  const Lines = contextKey<ExecutionLines>('logging');
  return function logging(context, next) {
    const lines = context.once(Lines, () => new ExecutionLines(context, loggerOf(context, logger), settings));
    const stream = next().tap({ call: (call) => lines.attempt(call) });
    return content ? lines.follow(stream.collect()) : stream;
  };
}

/** The logger of one execution. If it fails, the execution goes on, and its result gets a warning. */
function loggerOf(context: ExecutionContext, given: LoggerLike | undefined): Logger {
  if (given === undefined && context.log !== silent) return context.log;
  return toLogger(given ?? console, (thrown) =>
    context.warn(`logging: the logger threw ${kindOfThrown(thrown)}.`),
  );
}

/** What a line has. */
interface LineSettings {
  level: keyof Logger;
  /** Of content; undefined: no content. */
  maxCharacters: number | undefined;
}

/** The lines of one execution. */
class ExecutionLines {
  readonly #context: ExecutionContext;
  readonly #logger: Logger;
  readonly #settings: LineSettings;
  /** How many calls it has logged, and the number of the last one. A call comes twice if the same middleware is in the stack twice. */
  #calls = 0;
  #lastCall = 0;
  /** Logs the last line of each running attempt, by the id of its span. The price is known when the span ends. */
  #closing: Map<string, () => void> | undefined;
  #answer: Stream<StreamChunk, Reply> | undefined;

  constructor(context: ExecutionContext, logger: Logger, settings: LineSettings) {
    this.#context = context;
    this.#logger = logger;
    this.#settings = settings;
    const { session, request } = context;
    const { messages, model } = request;
    this.#log('info', 'execution started', (line) => ({
      event: 'execution_start',
      executionId: context.id,
      sessionId: session?.id,
      model,
      messageCount: messages.length,
      messages: line?.messages(messages),
    }));
    context.trace.onSpan({ end: ({ id: span }) => this.#closing?.get(span)?.() });
    context.onEnd((end) => this.#ended(end));
  }

  /** Keeps the stream whose content is the answer: that of the last run of the layers below. */
  follow(answer: Stream<StreamChunk, Reply>): Stream<StreamChunk, Reply> {
    this.#answer = answer;
    return answer;
  }

  /** Writes a line, unless its level is left out. `fieldsOf` gets a place for content if content is logged. */
  #log(level: keyof Logger, message: string, fieldsOf: (line: LineContent | undefined) => object): void {
    const { level: least, maxCharacters } = this.#settings;
    if (levels.indexOf(level) < levels.indexOf(least)) return;
    const line = maxCharacters === undefined ? undefined : new LineContent(maxCharacters);
    this.#logger[level](message, present(fieldsOf(line)));
  }

  #ended(end: ExecutionEnd): void {
    const { outcome, reason, error, usage, cost, latencyMs, timeToFirstChunkMs } = end;
    this.#log(levelOf(outcome, 'error'), `execution ${outcome}`, (line) => ({
      event: 'execution_end',
      executionId: this.#context.id,
      outcome,
      calls: this.#calls,
      latencyMs,
      timeToFirstChunkMs,
      ...tokens(usage),
      ...money(cost),
      ...failure(error, line),
      // What interrupts may quote the answer.
      ...(outcome === 'cancelled' && { reason }),
      ...(line && { reason: line.value(reason), ...contentOf(this.#answer, line) }),
    }));
  }

  /** Logs a call. */
  attempt(call: Call): CallObserver | undefined {
    if (call.number <= this.#lastCall) return undefined;
    this.#lastCall = call.number;
    this.#calls++;
    const { id } = this.#context;
    const { messages } = call.request;
    this.#log('debug', 'attempt started', (line) => ({
      event: 'attempt_start',
      executionId: id,
      call: call.number,
      model: call.model,
      messageCount: messages.length,
      messages: line?.messages(messages),
    }));
    const content = this.#settings.maxCharacters === undefined ? undefined : new CallContent();
    return {
      ...(content && { chunk: (chunk) => content.add(chunk) }),
      end: (end) => {
        const { span } = call.span;
        this.#closing ??= new Map();
        this.#closing.set(span.id, () => {
          this.#closing?.delete(span.id);
          this.#log(levelOf(end.outcome, 'warn'), `attempt ${end.outcome}`, (line) => ({
            event: 'attempt_end',
            executionId: id,
            call: call.number,
            outcome: end.outcome,
            durationMs: span.durationMs,
            ...replyFields(call, end),
            ...failure(end.error, line),
            ...(line && content?.fieldsOf(line)),
          }));
        });
      },
    };
  }
}

/** Collects the content of one call. */
class CallContent {
  #content: string | undefined;
  #thinking: string | undefined;
  #toolCalls: object[] | undefined;

  add(chunk: StreamChunk): void {
    if (chunk.type === 'content') this.#content = (this.#content ?? '') + chunk.content;
    else if (chunk.type === 'thinking') this.#thinking = (this.#thinking ?? '') + chunk.content;
    else if (chunk.type === 'tool_call') {
      (this.#toolCalls ??= []).push({ id: chunk.id, name: chunk.name, arguments: chunk.arguments });
    }
  }

  fieldsOf(line: LineContent): object {
    return {
      content: line.value(this.#content),
      thinking: line.value(this.#thinking),
      toolCalls: line.value(this.#toolCalls),
    };
  }
}

function replyFields(call: Call, { reply, usage }: CallEnd): object {
  const { provider, model, cost } = call;
  const { attempt } = call.span.span.attributes;
  const { finishReason } = reply ?? {};
  return {
    attempt,
    provider,
    model,
    requestId: asRequestId(reply?.requestId),
    finishReason,
    ...tokens(usage),
    ...money(cost),
  };
}

function contentOf(answer: Stream<StreamChunk, Reply> | undefined, line: LineContent): object {
  const { content, thinking, toolCalls } = answer?.partial ?? {};
  return {
    content: line.value(content),
    thinking: line.value(thinking || undefined),
    toolCalls: toolCalls?.length ? line.value(toolCalls) : undefined,
  };
}

function tokens({ inputTokens, outputTokens, cachedInputTokens, reasoningTokens, estimated }: Usage): object {
  return { inputTokens, outputTokens, cachedInputTokens, reasoningTokens, estimated };
}

/** No fields if nothing has set a price. */
function money(cost: Cost | undefined): object {
  return cost === undefined ? {} : { costUsd: cost.totalUsd, costStatus: cost.status };
}

function failure(error: SluiceError | undefined, line: LineContent | undefined): object {
  if (error === undefined) return {};
  const { code, phase, status, provider, requestId, retryable, retryAfterMs, attempts, middleware } = error;
  return {
    errorCode: code,
    phase,
    status,
    provider,
    requestId,
    retryable,
    retryAfterMs,
    attempts,
    middleware,
    errorMessage: line?.text(error.message),
  };
}

function levelOf(outcome: Outcome, failed: 'warn' | 'error'): 'info' | 'warn' | 'error' {
  return outcome === 'failed' ? failed : 'info';
}

/** Leaves out the fields that are undefined. */
function present(fields: object): Record<string, unknown> {
  const known: Record<string, unknown> = {};
  for (const name of Object.keys(fields)) {
    const value: unknown = Reflect.get(fields, name);
    if (value !== undefined) known[name] = value;
  }
  return known;
}
