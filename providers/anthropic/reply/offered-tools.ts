import type { ProviderCall } from '../../../src/index.ts';
import { isRecord, providerOptionsOf, text } from '../../wire/index.ts';

/**
 * The types of the API's own tools that the caller runs. The API runs all other types itself.
 * Source: https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview
 */
const RUN_BY_THE_CALLER = /^(?:custom$|bash_|text_editor_|computer_|memory_)/;

/**
 * Whether the request offers a tool of this name that the caller runs, either in its `tools` or in the provider's options.
 */
export function isOffered(
  name: string,
  { call, provider }: { call: ProviderCall; provider: string },
): boolean {
  const { tools, parameters } = call.call.request;
  if (tools?.some((tool) => tool.name === name) === true) return true;
  const { tools: own } = providerOptionsOf(parameters, provider);
  if (!Array.isArray(own)) return false;
  return own.some(function isTool(tool: unknown) {
    if (!isRecord(tool) || tool['name'] !== name) return false;
    return RUN_BY_THE_CALLER.test(text(tool['type']) ?? 'custom');
  });
}
