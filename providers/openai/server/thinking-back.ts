import type { Message, Part } from '../../../src/index.ts';
import type { Settings } from '../options.ts';

/** How a server wants the model's earlier thinking back. */
export interface ThinkingBack {
  field: 'reasoning_content' | 'reasoning';
  /** Whether it wants it only in turns with tool calls. */
  inToolTurns: boolean;
  /** Whether a request with tools wants it in all turns. */
  inAllWithTools?: true;
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
  inAllWithTools?: true;
}

/**
 * DeepSeek: https://api-docs.deepseek.com/guides/thinking_mode.md, as others quote it in September 2026 ("for
 * requests carrying the tools parameter, the reasoning_content must be fully passed back to the API in all subsequent
 * requests — even for turns where the model did not perform a tool call", else status 400; without tools it is
 * ignored). An older text wanted it only in turns with tool calls, so those have it in each case. The rows of Kimi,
 * MiMo and GLM were made from pages of Moonshot, Xiaomi and Z.ai, which were not read again. A model named
 * deepseek-r1 is an older one, or a distilled one at a host that refuses the field.
 */
const SERVICES: readonly Service[] = [
  { host: /(?:^|\.)deepseek\.com$/, model: /^deepseek-(?!r1)/i, blank: '', inAllWithTools: true },
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
  const { blank, inAllWithTools } = service;
  return {
    field: 'reasoning_content',
    inToolTurns: true,
    ...(blank !== undefined && { blank }),
    ...(inAllWithTools === true && { inAllWithTools }),
  };
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
