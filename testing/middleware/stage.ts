import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';

import { Pipeline, isSluiceError } from '../../src/index.ts';
import type {
  ExecutionChunk,
  ExecutionContext,
  ExecutionOptions,
  ExecutionResult,
  Middleware,
  SluiceError,
  Stream,
  StreamChunk,
} from '../../src/index.ts';
import { modelCall } from '../model-call.ts';
import { scripted } from '../scripted.ts';
import type { ScriptedProvider } from '../scripted.ts';
import type { ScriptedAnswer } from '../scripted-reply.ts';
import type { MiddlewareSubject } from './contract.ts';

/** From this call of an execution on, the model answers one turn of the event loop later, so that a loop without an end can be reported. */
const SLOW_FROM = 20;
/** From this call on, the model does not answer any more. */
const SILENT_FROM = 500;

/** What a case adds. */
export interface StageOptions {
  /** The middleware under test. Default: a new one. */
  readonly middleware?: Middleware;
  /** Placed directly above and below it. */
  readonly above?: Middleware;
  readonly below?: Middleware;
}

type ExecutionStream = Stream<ExecutionChunk, ExecutionResult>;

/** A middleware between two observers, with a scripted model. The last answer of the model answers all further calls, too. */
export class Stage {
  readonly model: ScriptedProvider;
  /** What the observers saw: `above start`, `above "Hello "`, `below start`, `below end completed`, ... */
  readonly log: string[] = [];
  /** The contexts of the executions. */
  readonly contexts: ExecutionContext[] = [];
  readonly #pipeline: Pipeline;
  readonly #subject: MiddlewareSubject;

  constructor(
    subject: MiddlewareSubject,
    answers: ScriptedAnswer | readonly ScriptedAnswer[],
    { middleware = subject.make(), above = passOn, below = passOn }: StageOptions = {},
  ) {
    this.#subject = subject;
    this.model = scripted(listOf(answers).map(braked), { repeat: true });
    const stack = [
      watch('above', this.log),
      above,
      seen(middleware, this.contexts),
      below,
      watch('below', this.log),
      modelCall(this.model),
    ];
    // Cleanup has no time limit, so that the limit of the case reports a cleanup that hangs.
    this.#pipeline = new Pipeline(stack, { executionTimeoutMs: 0, closeTimeoutMs: 3_600_000 });
  }

  /** The stream of a new execution. */
  stream(prompt = 'Hi', options: ExecutionOptions = {}): ExecutionStream {
    return this.#pipeline.executeStream('user', prompt, { ...this.#subject.execution, ...options });
  }

  /** The result of a new execution. */
  execute(prompt = 'Hi', options: ExecutionOptions = {}): Promise<ExecutionResult> {
    const running = this.#pipeline.execute('user', prompt, { ...this.#subject.execution, ...options });
    return this.#subject.until(`the execution of "${prompt}" ends`, running);
  }

  /** The error of a new execution, which must fail. */
  async failure(prompt = 'Hi', options: ExecutionOptions = {}): Promise<SluiceError> {
    return failureOf(this.execute(prompt, options));
  }

  /** Reads a stream that must fail to its end. */
  async readToFailure(stream: ExecutionStream): Promise<{ content: string; error: SluiceError }> {
    let content = '';
    async function readAll(): Promise<ExecutionResult> {
      for await (const chunk of stream) if (chunk.type === 'content') content += chunk.content;
      return stream.result;
    }
    const error = await failureOf(this.#subject.until('the stream ends', readAll()));
    return { content, error };
  }

  /** Waits for the next call of the model. Fails if the execution ends without one. */
  async called(running: Promise<unknown>): Promise<void> {
    const ended = await this.#subject.until(
      'the model is called',
      Promise.race([this.model.nextCall().then(() => undefined), endOf(running)]),
    );
    if (ended !== undefined)
      throw new assert.AssertionError({ message: `The model was not called: ${ended}.` });
  }

  /** Closes a stream. */
  close(stream: ExecutionStream): Promise<void> {
    return this.#subject.until('the stream is closed', stream.close());
  }

  /** Checks that every call of the model was ended early. */
  assertFreed(): void {
    const { calls } = this.model;
    assert.notEqual(calls.length, 0, 'The model was never called.');
    const states = calls.map(({ state }) => state);
    assert.deepEqual(
      states,
      states.map(() => 'closed'),
      `The calls of the model must be closed. They are: ${states.join(', ')}.`,
    );
  }
}

/** The error of something that must fail. */
export async function failureOf(running: Promise<unknown>): Promise<SluiceError> {
  const ended = await running.then(
    (value) => ({ fault: `an error, but ${completed(value)}` }),
    (error: unknown) => (isSluiceError(error) ? error : { fault: `a SluiceError, got ${String(error)}` }),
  );
  if (isSluiceError(ended)) return ended;
  throw new assert.AssertionError({ message: `Expected ${ended.fault}.` });
}

/** How something ended, in words. */
async function endOf(running: Promise<unknown>): Promise<string> {
  try {
    return completed(await running);
  } catch (error) {
    return isSluiceError(error) ? `the execution failed with ${error.code}` : String(error);
  }
}

function completed(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('response' in value)) return 'it succeeded';
  const { response } = value;
  const content =
    typeof response === 'object' && response !== null && 'content' in response ? response.content : undefined;
  return `the execution completed with ${JSON.stringify(content)}`;
}

/** Options for an execution whose signal can be aborted. */
export function abortable(): { controller: AbortController; options: ExecutionOptions } {
  const controller = new AbortController();
  return { controller, options: { signal: controller.signal } };
}

function listOf(answers: ScriptedAnswer | readonly ScriptedAnswer[]): readonly ScriptedAnswer[] {
  return isList(answers) ? answers : [answers];
}

function isList(answers: ScriptedAnswer | readonly ScriptedAnswer[]): answers is readonly ScriptedAnswer[] {
  return Array.isArray(answers);
}

/** Without a pause, a middleware that calls the model again and again would leave no timer a chance to report it. */
function braked(answer: ScriptedAnswer): ScriptedAnswer {
  return function brakedAnswer(request, call) {
    const given = typeof answer === 'function' ? answer(request, call) : answer;
    if (call < SLOW_FROM) return given;
    if (call >= SILENT_FROM) return { hang: true };
    const reply = typeof given === 'string' ? { text: given } : given;
    const { gate = Promise.resolve() } = reply;
    return {
      ...reply,
      gate: async (event) => {
        await turn();
        await (typeof gate === 'function' ? gate(event) : gate);
      },
    };
  };
}

const passOn: Middleware = function passOn(_context, next) {
  return next();
};

/** Keeps the middleware's name, since errors and traces contain it. */
function seen(middleware: Middleware, contexts: ExecutionContext[]): Middleware {
  const watched: Middleware = function watched(context, next) {
    contexts.push(context);
    return middleware(context, next);
  };
  Object.defineProperty(watched, 'name', { value: middleware.name });
  return watched;
}

function watch(where: string, log: string[]): Middleware {
  return function watch(_context, next) {
    log.push(`${where} start`);
    return next().tap({
      chunk: (chunk) => void log.push(`${where} ${summaryOf(chunk)}`),
      end: ({ outcome }) => void log.push(`${where} end ${outcome}`),
    });
  };
}

/** Describes a chunk in one line, without its numbers. */
export function summaryOf(chunk: StreamChunk): string {
  if (chunk.type === 'content') return JSON.stringify(chunk.content);
  return JSON.stringify({ ...chunk, call: undefined, index: undefined });
}
