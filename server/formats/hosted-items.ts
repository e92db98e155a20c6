import type { ProviderBlock } from '../../src/index.ts';
import { isRecord } from '../requests/read.ts';
import type { OutputItem, ResponseEvent } from './responses-items.ts';

/**
 * The items of tools that OpenAI's API runs itself, and of servers of tools that it asks. A client sends them back with its next request.
 * Source: developers.openai.com, API reference, "The Response object" (read 2026-11).
 */
export const HOSTED_ITEMS: ReadonlySet<unknown> = new Set([
  ...['web_search_call', 'file_search_call', 'code_interpreter_call'],
  ...['mcp_list_tools', 'mcp_call', 'mcp_approval_request'],
]);

/** The item in a block of OpenAI's Responses, if a tool of the API made it. */
export function hostedItem(block: ProviderBlock | undefined): OutputItem | undefined {
  if (block?.provider !== 'openai.responses' || !isRecord(block.data)) return undefined;
  const { id, type } = block.data;
  return typeof id === 'string' && HOSTED_ITEMS.has(type) ? { ...block.data, id } : undefined;
}

/** What announces the item, and ends it. Its input and its result come with the end. */
export function hostedEvents(item: OutputItem, index: number): ResponseEvent[] {
  const { id, type, code } = item;
  const place = { item_id: id, output_index: index };
  const hasCode = type === 'code_interpreter_call' && typeof code === 'string';
  return [
    {
      type: 'response.output_item.added',
      output_index: index,
      item: { ...item, ...(hasCode && { code: '' }), ...('status' in item && { status: 'in_progress' }) },
    },
    // Some clients make their call of the code as it is written, and not of the item.
    ...(hasCode
      ? [
          { type: 'response.code_interpreter_call_code.delta', ...place, delta: code },
          { type: 'response.code_interpreter_call_code.done', ...place, code },
        ]
      : []),
    ...('status' in item && item['status'] === 'completed'
      ? [{ type: `response.${String(type)}.completed`, ...place }]
      : []),
    { type: 'response.output_item.done', output_index: index, item },
  ];
}
