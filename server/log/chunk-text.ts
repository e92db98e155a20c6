import type { SentChunk } from '../stream/parts.ts';

/**
 * The chunks of one append as text: a JSON array in which a string is a piece of content, an array with a string a piece of thinking, and a number the `call` of what follows
 * it (1 at the beginning). All other chunks are objects without `call` and `index`. Their places are not in the text, because the entry knows where it begins.
 */
export function textOfChunks(chunks: readonly SentChunk[]): string {
  const items: unknown[] = [];
  let before = 1;
  for (const chunk of chunks) {
    if (chunk.call !== before) items.push((before = chunk.call));
    items.push(itemOf(chunk));
  }
  return JSON.stringify(items);
}

function itemOf(chunk: SentChunk): unknown {
  const { call: _call, index: _index, ...rest } = chunk;
  if (rest.type !== 'content' && rest.type !== 'thinking') return rest;
  for (const name in rest) if (name !== 'type' && name !== 'content') return rest;
  return rest.type === 'content' ? rest.content : [rest.content];
}

/** How many chunks a text holds, and the chunks, once it is known where they begin. Throws a `TypeError` if it is not such a text. */
export function chunksOfText(text: string): { count: number; chunks: (from: number) => SentChunk[] } {
  const items: unknown = JSON.parse(text);
  if (!Array.isArray(items)) throw new TypeError('Expected a list of chunks.');
  let count = 0;
  for (const item of items) if (typeof item !== 'number') count++;
  return { count, chunks: (from) => read(items, from) };
}

function read(items: readonly unknown[], from: number): SentChunk[] {
  const chunks: SentChunk[] = [];
  let call = 1;
  for (const item of items) {
    const index = from + chunks.length;
    if (typeof item === 'number') call = item;
    else if (typeof item === 'string') chunks.push({ type: 'content', content: item, call, index });
    else chunks.push(chunkOf(item, call, index));
  }
  return chunks;
}

function chunkOf(item: unknown, call: number, index: number): SentChunk {
  if (Array.isArray(item)) {
    const content: unknown = item[0];
    if (typeof content === 'string') return { type: 'thinking', content, call, index };
  } else if (typeof item === 'object' && item !== null) {
    const chunk = { ...item, call, index };
    if (isChunk(chunk)) return chunk;
  }
  throw new TypeError('Expected a chunk.');
}

/** Checks what every reader relies on. The rest is as it was given to the log. */
export function isChunk(value: object): value is SentChunk {
  const has = (name: string): boolean => typeof Reflect.get(value, name) === 'string';
  const type: unknown = Reflect.get(value, 'type');
  switch (type) {
    case 'content':
    case 'thinking':
      return has('content');
    case 'tool_call_delta':
      return has('id') && has('argumentsDelta');
    case 'tool_call':
    case 'tool_progress':
      return has('id') && has('name');
    case 'tool_result':
      return has('id') && has('name') && has('content');
    case 'file':
      return has('mediaType');
    case 'reset':
      return has('reason') && Array.isArray(Reflect.get(value, 'calls'));
    default:
      return false;
  }
}

/** A reset in the text that {@link import('./marks.ts')} keeps. Throws a `TypeError` if it is not one. */
export function resetOf(value: unknown): Extract<SentChunk, { type: 'reset' }> {
  if (typeof value === 'object' && value !== null && isChunk(value) && value.type === 'reset') return value;
  throw new TypeError('Expected a reset.');
}
