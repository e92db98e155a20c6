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
import { option, parseOptions } from '../src/kit/index.ts';

/** Options of {@link logging}. */
export interface LoggingOptions {
  /** Any logger with `info`, `warn`, `error` and `debug`, such as pino or the console. Default: the pipeline's, else the console. */
  logger?: LoggerLike;
  /**
   * Also logs content: messages, text, thinking, tool calls, the messages of errors and the reason of an interruption. Default: false.
   */
  content?: boolean;
}

const schema = z.strictObject({
  logger: option.methods<LoggerLike>('info', 'warn', 'error', 'debug').optional(),
  content: z.boolean().default(false),
});

/**
 * Logs one structured line at the start and one at the end of each execution and of each attempt. An attempt is one call of a model; retried
 * and hedged calls have their own lines. It logs the calls that are made below it; its place around `retry` does not matter.
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
  const { logger, content } = parseOptions('logging()', schema, options);
  const given = logger === undefined ? undefined : toLogger(logger);
  const Lines = contextKey<ExecutionLines>('logging');
  return function logging(context, next) {
    const lines = context.once(Lines, () => new ExecutionLines(context, given ?? fallback(context), content));
    const stream = next().tap({ call: (call) => lines.attempt(call) });
    return content ? lines.follow(stream.collect()) : stream;
  };
}

function fallback(context: ExecutionContext): Logger {
  return context.log === silent ? toLogger(console) : context.log;
}

/** The lines of one execution. */
class ExecutionLines {
  readonly #context: ExecutionContext;
  readonly #log: Logger;
  readonly #content: boolean;
  /** The numbers of the calls that it has logged: the same middleware may be in a stack twice. */
  readonly #calls = new Set<number>();
  /** Logs the last line of each running attempt, by the id of its span. The price is known when the span ends. */
  #closing: Map<string, () => void> | undefined;
  #answer: Stream<StreamChunk, Reply> | undefined;

  constructor(context: ExecutionContext, log: Logger, content: boolean) {
    this.#context = context;
    this.#log = log;
    this.#content = content;
    const { id, session, request } = context;
    log.info(
      'execution started',
      present({
        event: 'execution_start',
        executionId: id,
        sessionId: session?.id,
        model: request.model,
        messageCount: request.messages.length,
        messages: content ? request.messages : undefined,
      }),
    );
    context.onSpan({ end: ({ id: span }) => this.#closing?.get(span)?.() });
    context.onEnd((end) => this.#ended(end));
  }

  /** Keeps the stream whose content is the answer: that of the last run of the layers below. */
  follow(answer: Stream<StreamChunk, Reply>): Stream<StreamChunk, Reply> {
    this.#answer = answer;
    return answer;
  }

  #ended(end: ExecutionEnd): void {
    const { outcome, reason, error, usage, cost, latencyMs, timeToFirstChunkMs } = end;
    this.#log[levelOf(outcome, 'error')](
      `execution ${outcome}`,
      present({
        event: 'execution_end',
        executionId: this.#context.id,
        outcome,
        calls: this.#calls.size,
        latencyMs,
        timeToFirstChunkMs,
        ...tokens(usage),
        ...money(cost),
        ...failure(error, this.#content),
        ...(this.#content && { reason, ...contentOf(this.#answer) }),
      }),
    );
  }

  /** Logs a call. */
  attempt(call: Call): CallObserver | undefined {
    if (this.#calls.has(call.number)) return undefined;
    this.#calls.add(call.number);
    const { id } = this.#context;
    this.#log.debug(
      'attempt started',
      present({
        event: 'attempt_start',
        executionId: id,
        call: call.number,
        model: call.model,
        messageCount: call.request.messages.length,
        messages: this.#content ? call.request.messages : undefined,
      }),
    );
    const content = this.#content ? new CallContent() : undefined;
    return {
      ...(content && { chunk: (chunk) => content.add(chunk) }),
      end: (end) => {
        const { span } = call.span;
        this.#closing ??= new Map();
        this.#closing.set(span.id, () => {
          this.#closing?.delete(span.id);
          this.#log[levelOf(end.outcome, 'warn')](
            `attempt ${end.outcome}`,
            present({
              event: 'attempt_end',
              executionId: id,
              call: call.number,
              outcome: end.outcome,
              durationMs: span.durationMs,
              ...replyFields(call, end),
              ...failure(end.error, this.#content),
              ...content?.fields,
            }),
          );
        });
      },
    };
  }
}

/** Collects the content of one call. */
class CallContent {
  readonly fields: { content?: string; thinking?: string; toolCalls?: object[] } = {};

  add(chunk: StreamChunk): void {
    const { fields } = this;
    if (chunk.type === 'content') fields.content = (fields.content ?? '') + chunk.content;
    else if (chunk.type === 'thinking') fields.thinking = (fields.thinking ?? '') + chunk.content;
    else if (chunk.type === 'tool_call') {
      (fields.toolCalls ??= []).push({ id: chunk.id, name: chunk.name, arguments: chunk.arguments });
    }
  }
}

function replyFields(call: Call, { reply, usage }: CallEnd): object {
  const { provider, model, cost } = call;
  const { attempt } = call.span.span.attributes;
  const { finishReason, requestId } = reply ?? {};
  return {
    attempt,
    provider,
    model,
    requestId,
    finishReason,
    ...tokens(usage),
    ...money(cost),
  };
}

function contentOf(answer: Stream<StreamChunk, Reply> | undefined): object {
  const { content, thinking, toolCalls } = answer?.partial ?? {};
  return { content, thinking: thinking || undefined, toolCalls: toolCalls?.length ? toolCalls : undefined };
}

function tokens({ inputTokens, outputTokens, cachedInputTokens, reasoningTokens, estimated }: Usage): object {
  return { inputTokens, outputTokens, cachedInputTokens, reasoningTokens, estimated };
}

/** No fields if nothing has set a price. */
function money(cost: Cost | undefined): object {
  return cost === undefined ? {} : { costUsd: cost.totalUsd, costStatus: cost.status };
}

function failure(error: SluiceError | undefined, content: boolean): object {
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
    errorMessage: content ? error.message : undefined,
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
