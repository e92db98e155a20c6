import type { CacheBreakpoint } from '../../../src/index.ts';
import type { RequestContext, Json } from './request-context.ts';

/**
 * How an API marks the ends of cached prefixes: a content block has `prompt_cache_breakpoint`. Models from gpt-5.6 on take
 * it; older models find the prefix by themselves. Source: developers.openai.com, guide "Prompt caching".
 */
interface Wire {
  /** The roles of messages whose content may be marked. */
  roles: ReadonlySet<string>;
  textType: string;
}

const CHAT: Wire = { roles: new Set(['system', 'user', 'assistant', 'tool']), textType: 'text' };
const RESPONSES: Wire = { roles: new Set(['system', 'user']), textType: 'input_text' };

const MARKABLE = /^gpt-(?:5\.[6-9]|5\.\d\d|[6-9]|\d\d)/;

/** The most breakpoints in one request. */
const MOST_BREAKPOINTS = 4;

/** Marks messages of Chat Completions. Returns fields to add to the body. */
export function markChat(context: RequestContext, perMessage: Json[][]): Json {
  return mark(context, perMessage, CHAT);
}

/** Marks input items of Responses. Returns fields to add to the body. */
export function markResponses(context: RequestContext, perMessage: Json[][]): Json {
  return mark(context, perMessage, RESPONSES);
}

function mark(context: RequestContext, perMessage: Json[][], wire: Wire): Json {
  const { promptCache } = context.request.parameters;
  if (promptCache === undefined || promptCache === 'auto' || promptCache.length === 0) return {};
  if (!MARKABLE.test(context.request.model ?? context.settings.model)) {
    context.unsupported('promptCache breakpoints are not supported: this model caches by itself');
    return {};
  }
  if (promptCache.length > MOST_BREAKPOINTS) {
    context.unsupported(`only the last ${MOST_BREAKPOINTS} promptCache breakpoints are sent`);
  }
  for (const breakpoint of promptCache.slice(-MOST_BREAKPOINTS)) {
    const { at, ttl } = typeof breakpoint === 'object' ? breakpoint : { at: breakpoint, ttl: undefined };
    if (ttl === '1h')
      context.unsupported('a promptCache ttl of "1h" is not supported: the cache lasts 30 minutes');
    const target = targetOf(context, perMessage, at, wire);
    if (target === undefined) {
      context.unsupported(`a promptCache breakpoint at ${at} is not supported, it is left out`);
    } else {
      target['prompt_cache_breakpoint'] = { mode: 'explicit' };
    }
  }
  return { prompt_cache_options: { mode: 'explicit' } };
}

/** The content block that a breakpoint follows. */
function targetOf(
  context: RequestContext,
  perMessage: Json[][],
  at: Exclude<CacheBreakpoint, object>,
  wire: Wire,
): Json | undefined {
  if (at === 'tools') return undefined;
  const { messages } = context.request;
  const index = at === 'system' ? messages.findLastIndex(({ role }) => role === 'system') : at;
  const message = index === -1 && at === 'system' ? undefined : perMessage.at(index)?.at(-1);
  if (message === undefined || !wire.roles.has(String(message['role']))) return undefined;
  const { content } = message;
  if (typeof content === 'string') {
    const block: Json = { type: wire.textType, text: content };
    message['content'] = [block];
    return block;
  }
  const last: unknown = Array.isArray(content) ? content.at(-1) : undefined;
  return isJson(last) ? last : undefined;
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}
