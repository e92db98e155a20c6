import type { ProviderBlock } from '../../src/index.ts';
import { isRecord } from '../requests/read.ts';
import type { OutputItem, ResponseEvent } from './responses-items.ts';

/**
 * The items of tools that OpenAI's API runs itself, and of servers of tools that it asks, with the types of these tools. A client sends the items back with its next request.
 * Source: developers.openai.com, API reference, "The Response object" (read 2026-11).
 */
export const HOSTED_ITEMS: ReadonlyMap<unknown, string> = new Map([
  ['web_search_call', 'web_search'],
  ['file_search_call', 'file_search'],
  ['code_interpreter_call', 'code_interpreter'],
  ['mcp_list_tools', 'mcp'],
  ['mcp_call', 'mcp'],
  ['mcp_approval_request', 'mcp'],
]);

/** What a tool of the API is known by, in a request and in its items: the dated types of a search are one tool, and each server of tools is one. */
export function hostedName({ type, server_label: server }: Readonly<Record<string, unknown>>): string {
  if (type === 'mcp') return `mcp ${String(server)}`;
  const name = String(type);
  return name.startsWith('web_search') ? 'web_search' : name;
}

/** The item in a block of OpenAI's Responses, if one of these tools of the API made it. */
export function hostedItem(
  block: ProviderBlock | undefined,
  tools: ReadonlySet<string>,
): OutputItem | undefined {
  if (block?.provider !== 'openai.responses' || !isRecord(block.data)) return undefined;
  const { data } = block;
  const { id } = data;
  const type = HOSTED_ITEMS.get(data['type']);
  if (typeof id !== 'string' || type === undefined) return undefined;
  return tools.has(hostedName({ ...data, type })) ? { ...data, id } : undefined;
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
