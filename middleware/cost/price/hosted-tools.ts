import type { ModelRequest } from '../../../src/index.ts';

/** Tools of OpenAI's requests that the caller runs. */
const CALLERS_OWN: ReadonlySet<unknown> = new Set(['function', 'custom']);

/**
 * Whether a request offers tools that OpenAI runs itself, such as `web_search`. OpenAI bills them in addition to the tokens and does not report how
 * often they ran. Anthropic reports its searches in the usage.
 */
export function offersHostedTools(request: ModelRequest, provider: string): boolean {
  const tools = request.parameters.providerOptions?.[provider]?.['tools'];
  return Array.isArray(tools) && tools.some((tool: unknown) => !CALLERS_OWN.has(typeOf(tool)));
}

function typeOf(tool: unknown): unknown {
  return typeof tool === 'object' && tool !== null && 'type' in tool ? tool.type : undefined;
}
