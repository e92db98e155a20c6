import type { Client } from '@modelcontextprotocol/client';
import * as z from 'zod';

/** How many pages of a list are read. */
const MAX_PAGES = 100;

/** A page of a list of tools. Each tool is looked at by itself, so that a bad one does not spoil the others. */
const page = z.looseObject({ tools: z.array(z.unknown()), nextCursor: z.unknown().optional() });

/** What a server lists, and what was wrong with the list. */
export interface Listed {
  readonly tools: readonly unknown[];
  readonly warnings: readonly string[];
}

/** Reads a list of tools over its pages, until there is no next one, a cursor comes again, or there are too many. */
export async function listOf(
  client: Client,
  limits: { maxTools: number; timeoutMs: number; signal: AbortSignal },
): Promise<Listed> {
  if (client.getServerCapabilities()?.tools === undefined)
    return { tools: [], warnings: ['the server says that it has no tools'] };
  const tools: unknown[] = [];
  const cursors = new Set<string>();
  let cursor: string | undefined;
  for (let pages = 1; ; pages++) {
    const request = { method: 'tools/list', params: cursor === undefined ? {} : { cursor } };
    const got = await client.request(request, page, { timeout: limits.timeoutMs, signal: limits.signal });
    tools.push(...got.tools.slice(0, limits.maxTools + 1 - tools.length));
    const { nextCursor } = got;
    if (typeof nextCursor !== 'string') return { tools, warnings: [] };
    if (tools.length > limits.maxTools) return { tools, warnings: [] };
    if (cursors.has(nextCursor))
      return { tools, warnings: ['the list of tools goes round in a circle: a cursor came twice'] };
    if (pages >= MAX_PAGES)
      return { tools, warnings: [`the list of tools has more than ${MAX_PAGES} pages`] };
    cursors.add(nextCursor);
    cursor = nextCursor;
  }
}
