import type { ModelRequest } from '../../../src/index.ts';

/** Tools of OpenAI's request that run at the caller's. */
const CALLERS_OWN: ReadonlySet<unknown> = new Set(['function', 'custom']);

/**
 * Whether a request offers tools that OpenAI runs itself, such as `web_search`: it bills them beside the tokens and reports no count of
 * them. Anthropic's usage counts its searches.
 */
export function offersHostedTools(request: ModelRequest, provider: string): boolean {
  const tools = request.parameters.providerOptions?.[provider]?.['tools'];
  return Array.isArray(tools) && tools.some((tool: unknown) => !CALLERS_OWN.has(typeOf(tool)));
}

function typeOf(tool: unknown): unknown {
  return typeof tool === 'object' && tool !== null && 'type' in tool ? tool.type : undefined;
}
