import type { Message, Part } from '../../../src/index.ts';
import type { Settings } from '../options.ts';

/** How a server wants the model's earlier thinking back. */
export interface ThinkingBack {
  field: 'reasoning_content' | 'reasoning';
  /** Whether it wants it only in turns with tool calls. */
  inToolTurns: boolean;
  /** What to send if a reply of such a turn has no thinking, because the server requires the field. */
  blank?: string;
}

/**
 * A service that wants thinking back. It is known by its host, or by the model's name without a prefix, because the model
 * may be behind a proxy.
 */
interface Service {
  /** Absent if the host also has models that do not think. */
  host?: RegExp;
  model: RegExp;
  blank?: string;
}

/**
 * Sources: api-docs.deepseek.com, "Thinking Mode" ("for turns that do perform tool calls, the reasoning_content must be
 * fully passed back to the API in all subsequent requests", else status 400; that of other turns is ignored);
 * platform.moonshot.ai, "Use Kimi K2 thinking model" (status 400 without it, and kimi-k2.6 takes an empty one for none);
 * platform.xiaomimimo.com (the same since May 2026); docs.z.ai, "Thinking mode". A model named deepseek-r1 is an older one,
 * or a distilled one at a host that refuses the field.
 */
const SERVICES: readonly Service[] = [
  { host: /(?:^|\.)deepseek\.com$/, model: /^deepseek-(?!r1)/i, blank: '' },
  { model: /^kimi-/i, blank: ' ' },
  { host: /(?:^|\.)xiaomimimo\.com$/, model: /^mimo-/i, blank: ' ' },
  { host: /(?:^|\.)(?:z\.ai|bigmodel\.cn)$/, model: /^glm-/i },
];

/**
 * How the server of these settings wants thinking back. Undefined: it does not want it. For an unknown server the option
 * says it.
 */
export function thinkingBack(settings: Settings, model: string): ThinkingBack | undefined {
  const { reasoningField, isOpenAI, baseURL } = settings;
  if (reasoningField === 'none') return undefined;
  if (reasoningField !== undefined) return { field: reasoningField, inToolTurns: false };
  if (isOpenAI) return undefined;
  const host = baseURL !== undefined && URL.canParse(baseURL) ? new URL(baseURL).hostname : '';
  const service = SERVICES.find((each) => each.model.test(model) || each.host?.test(host) === true);
  if (service === undefined) return undefined;
  const { blank } = service;
  return { field: 'reasoning_content', inToolTurns: true, ...(blank !== undefined && { blank }) };
}

/**
 * For each message, whether it belongs to a turn in which the model called a tool. A turn lasts from one message of the
 * user to the next.
 */
export function toolTurns(messages: readonly Message[]): boolean[] {
  const called: boolean[] = [];
  let start = 0;
  let calls = false;
  const endAt = (end: number): void => {
    called.length = end;
    called.fill(calls, start, end);
    start = end;
    calls = false;
  };
  messages.forEach(({ role, content }, at) => {
    if (role === 'user' && (typeof content === 'string' || content.some(isSpeech))) endAt(at);
    else if (role === 'assistant' && typeof content !== 'string') calls ||= content.some(isClientCall);
  });
  endAt(messages.length);
  return called;
}

function isSpeech({ type }: Part): boolean {
  return type !== 'tool_result';
}

function isClientCall(part: Part): boolean {
  return part.type === 'tool_call' && part.providerExecuted !== true;
}
