import { SluiceError, contextKey } from '../src/index.ts';
import type { Message, Middleware, ModelRequest } from '../src/index.ts';
import { callListener } from '../src/kit/index.ts';
import { conversationOf } from './context-window/conversation.ts';
import { counterOf } from './context-window/counter.ts';
import { dropOldest, fittedFrom, type Fitted, type Run } from './context-window/fitted.ts';
import { windowSettings } from './context-window/options.ts';
import type { ContextWindowOptions, WindowCut, WindowStrategy } from './context-window/options.ts';
import { summarize } from './context-window/summarize.ts';
import { Window } from './context-window/window.ts';

export type { CountingProvider, TokenCounter } from './context-window/counter.ts';
export type {
  ContextWindowOptions,
  SummaryOptions,
  WindowCut,
  WindowOverflow,
  WindowStrategy,
} from './context-window/options.ts';
export { conversationSummary } from './context-window/stored.ts';
export type { StoredSummary } from './context-window/stored.ts';

/**
 * Keeps a conversation within the model's window. System messages and the newest turn are always sent. Older turns are sent or left out as a
 * whole, and so are the rounds of a newest turn that alone does not fit: a tool call is never sent without its result. The stored session does
 * not change: only the request is shortened.
 *
 * Put it inside `system`, whose text it counts, and outside `retry`, `rateLimit` and `timeout`, which then also apply to the call that makes a
 * summary. It works in other places, too: a request is fitted once, no matter how often it is tried.
 *
 * Fails with `context_length`, not retryable, if not even the last round of the newest turn fits, or with the strategy `fail` if the conversation
 * does not. Throws `invalid_options`.
 *
 * @example
 * new Pipeline([contextWindow({ maxTokens: 128_000, reserveForOutput: 16_000, strategy: 'summarize' }), retry(), provider(openai())]);
 */
export function contextWindow(options: ContextWindowOptions): Middleware {
  const settings = windowSettings(options);
  const { maxTokens, reserveForOutput, maxMessages } = settings;
  const limits = { tokens: maxTokens - reserveForOutput, messages: maxMessages };
  const Known = contextKey<WeakMap<ModelRequest, readonly Message[]>>('context window');

  return async function contextWindow(context, next) {
    const { request } = context;
    const known = context.get(Known) ?? new WeakMap<ModelRequest, readonly Message[]>();
    context.set(Known, known);
    let messages = known.get(request);
    if (messages === undefined) {
      const conversation = conversationOf(request.messages);
      if (conversation.unpaired > 0) {
        const what = 'tool calls without a result, or results without a call';
        context.warn(`contextWindow: ${conversation.unpaired} ${what}, were left out.`);
      }
      const counter = await counterOf(settings.counter, context);
      const run = { context, next, settings, window: new Window(request, conversation, counter, limits) };
      const fitted = await fit(run);
      if (fitted.cut) tell(run, fitted);
      messages = fitted.cut || conversation.unpaired > 0 ? fitted.messages : request.messages;
      known.set(request, messages);
    }
    return messages === request.messages ? next() : next({ messages });
  };
}

async function fit(run: Run): Promise<Fitted> {
  const { window } = run;
  const { strategy } = run.settings;
  if (strategy === 'summarize') return summarize(run);
  if (strategy === 'drop-oldest') return dropOldest(window);
  if ((await window.oldestFitting(0)) === 0) return fittedFrom(window, 0);
  if (strategy === 'fail') throw await window.overflow('the conversation', window.messages(0));
  return byFunction(run, strategy);
}

/** The messages of the user's strategy, if they fit and no tool call has lost its result. */
async function byFunction({ context, window }: Run, strategy: WindowStrategy): Promise<Fitted> {
  const turns = window.conversation.turns.map(({ spoken }) => spoken);
  const messages = await strategy({
    messages: window.messages(0),
    turns,
    limit: window.limits.tokens,
    context,
    count: (some) => window.count(some),
  });
  const wrong = !Array.isArray(messages)
    ? 'did not return an array of messages'
    : messages.length === 0
      ? 'returned no message'
      : conversationOf(messages).unpaired > 0
        ? 'separated a tool call from its result'
        : undefined;
  if (wrong !== undefined) {
    const middleware = 'contextWindow';
    throw new SluiceError('middleware', `Middleware "${middleware}": its strategy ${wrong}.`, { middleware });
  }
  if ((await window.count(messages)) > window.limits.tokens)
    throw await window.overflow('what the strategy made', messages);
  const kept = new Set(messages);
  const keptTurns = turns.filter((turn) => turn.every((message) => kept.has(message))).length;
  return { messages, cut: true, keptTurns, droppedRounds: 0, summary: 'none' };
}

function tell({ context, window, settings }: Run, { keptTurns, droppedRounds, summary }: Fitted): void {
  const cut: WindowCut = {
    executionId: context.id,
    counter: window.counter.name,
    tokens: window.tokens,
    limit: window.limits.tokens,
    keptTurns,
    // A turn that lost some of its rounds is neither kept nor dropped.
    droppedTurns: window.conversation.turns.length - keptTurns - (droppedRounds > 0 ? 1 : 0),
    droppedRounds,
    summary,
  };
  context.log.debug('context window cut', { ...cut });
  callListener(context, 'contextWindow: onCut', () => settings.onCut?.(cut));
}
