import { Pipeline, SluiceError, isSluiceError } from 'sluice';
import type { LoggerLike, Middleware, PipelineOptions } from 'sluice';
import { constant, exponential } from 'sluice/kit';
import { contextWindow } from 'sluice/middleware/context-window';
import { cost } from 'sluice/middleware/cost';
import { logging } from 'sluice/middleware/logging';
import { provider } from 'sluice/middleware/provider';
import { rateLimit } from 'sluice/middleware/rate-limit';
import { retry } from 'sluice/middleware/retry';
import { system } from 'sluice/middleware/system';
import { tool, tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import * as z from 'zod';
import { unhandledRejectionsOf } from '../../testing/leaks.ts';
import { settled } from '../core/harness.ts';

/** A function that fails. It takes the place of any function of the user. */
export type Failing = () => never;

/** What came of an execution in which a callback fails. */
export interface Told {
  /** Its outcome, or the code of its error. */
  ended: string;
  warnings: readonly string[];
  /** The message of its error. */
  message: string | undefined;
  /** Rejections that nobody handled, which would have ended the process. */
  lost: readonly unknown[];
}

/** The stack in which a callback is called, and options of its pipeline. */
export interface Setting {
  stack: Middleware[];
  options?: PipelineOptions;
}

const clock = tool({
  name: 'clock',
  description: 'The time',
  input: z.object({}),
  execute: () => 'noon',
});
const broken = new SluiceError('server', 'It broke.');
/** A model that answers, also the second time. */
const model = (): Middleware => provider(scripted(['Hello there', 'Hello there']));
/** A model that fails before it answers. */
const flaky = (): Middleware => provider(scripted([{ error: broken }, 'Hello there']));
/** A model that fails within its answer. */
const cut = (): Middleware =>
  provider(scripted([{ text: ['Hello ', 'there'], after: 1, error: broken }, 'there']));
const tapping = (tap: object): Middleware =>
  function tapping(_context, next) {
    return next().tap(tap);
  };
/** Adds a conversation that is too long for a window of 200 tokens. */
const talkative: Middleware = function talkative({ request }, next) {
  const turn = [
    { role: 'user', content: 'word '.repeat(50) },
    { role: 'assistant', content: 'Yes.' },
  ] as const;
  return next({ messages: [...turn, ...turn, ...turn, ...turn, ...request.messages] });
};
const logger = (write: Failing): LoggerLike => ({ debug: write, info: write, warn: write, error: write });

/** Functions that are only told something. If they fail, the call goes on, and its result has one warning. */
export const listeners: Record<string, (fail: Failing) => Setting> = {
  'retry: onRetry': (fail) => ({ stack: [retry({ backoff: constant(0), onRetry: fail }), flaky()] }),
  'contextWindow: onCut': (fail) => ({
    stack: [
      talkative,
      contextWindow({ maxTokens: 200, reserveForOutput: 10, strategy: 'drop-oldest', onCut: fail }),
      model(),
    ],
  }),
  'cost: onCost': (fail) => ({ stack: [cost({ onCost: fail }), model()] }),
  'logging: the logger': (fail) => ({ stack: [logging({ logger: logger(fail) }), model()] }),
  'The logger': (fail) => ({
    stack: [
      function talks(context, next) {
        context.log.info('a line');
        context.log.error('a line');
        return next();
      },
      model(),
    ],
    options: { logger: logger(fail) },
  }),
  'A span listener': (fail) => ({
    stack: [
      function exporter(context, next) {
        context.trace.onSpan({ start: fail, end: fail });
        return next();
      },
      model(),
    ],
  }),
  '"onEnd of hooked"': (fail) => ({
    stack: [
      function hooked(context, next) {
        context.onEnd(fail);
        return next();
      },
      model(),
    ],
  }),
  'What onEnd() left for later': (fail) => ({
    stack: [
      function hooked(context, next) {
        context.onEnd(() => fail);
        return next();
      },
      model(),
    ],
  }),
  'A tap of "tapping"': (fail) => ({ stack: [tapping({ end: fail }), model()] }),
  '"tapping"': (fail) => ({ stack: [tapping({ call: () => ({ end: fail }) }), model()] }),
};

/** Functions whose answer matters. If they fail, the call fails with a clear error; if they are async, the options are wrong. */
export const answers: Record<string, (fail: Failing) => Setting> = {
  'retry(): backoff': (fail) => ({ stack: [retry({ backoff: fail }), flaky()] }),
  'retry(): retryOn': (fail) => ({ stack: [retry({ retryOn: fail }), flaky()] }),
  'retry(): resumePrompt': (fail) => ({
    stack: [retry({ backoff: constant(0), afterContent: 'continue', resumePrompt: fail }), cut()],
  }),
  'tools(): active': (fail) => ({ stack: [tools([clock], { active: fail }), model()] }),
  'tools(): stopWhen': (fail) => ({
    stack: [
      tools([clock], { stopWhen: fail }),
      provider(scripted([{ toolCalls: [{ name: 'clock', arguments: {} }] }, 'Noon.'])),
    ],
  }),
  'rateLimit(): key': (fail) => ({ stack: [rateLimit({ requestsPerMinute: 9, key: fail }), model()] }),
  'rateLimit(): estimate': (fail) => ({
    stack: [rateLimit({ tokensPerMinute: 9_000, estimate: fail }), model()],
  }),
  'cost(): key': (fail) => ({ stack: [cost({ key: fail }), model()] }),
  'cost(): budgets.key': (fail) => ({
    stack: [cost({ budgets: [{ usd: 1, per: 'day', key: fail }], unknownPrice: 'allow' }), model()],
  }),
  'backoff: random': (fail) => ({ stack: [retry({ backoff: exponential({ random: fail }) }), flaky()] }),
};

/** Functions that may be async and whose answer matters. If they fail, so does the call. */
export const asyncAnswers: Record<string, (fail: Failing) => Setting> = {
  system: (fail) => ({ stack: [system(fail), model()] }),
  contextWindow: (fail) => ({
    stack: [talkative, contextWindow({ maxTokens: 200, reserveForOutput: 10, strategy: fail }), model()],
  }),
  refuses: (fail) => ({
    stack: [
      function refuses() {
        return fail();
      },
      model(),
    ],
  }),
};

/** Runs an execution with a callback that fails as it is given. */
export async function toldBy(setting: (fail: Failing) => Setting, fail: Failing): Promise<Told> {
  let told: Omit<Told, 'lost'> | undefined;
  const lost = await unhandledRejectionsOf(async () => {
    try {
      const { stack, options } = setting(fail);
      const { outcome, warnings } = await new Pipeline(stack, options).execute('user', 'Hi');
      // A listener may reject after the end.
      await settled();
      told = { ended: outcome, warnings, message: undefined };
    } catch (error) {
      if (!isSluiceError(error)) throw error;
      told = { ended: error.code, warnings: [], message: error.message };
    }
    await settled();
  });
  if (told === undefined) throw new Error('It did not end.');
  return { ...told, lost };
}
