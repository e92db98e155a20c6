import type { FileChunk, StreamChunk } from '../../../../src/index.ts';
import { filled, blockFrom, isRecord, readArguments, text } from '../../../wire/index.ts';
import type { Limits, Origin, ReadArguments } from '../../../wire/index.ts';
import { recordsOf } from './item-table.ts';

type Json = Record<string, unknown>;

/**
 * The types of items of tools that the provider runs itself, and the names of these tools. The item also has the result.
 * Source: OpenAI's API reference, "The Response object"; the last four are xAI's.
 */
const HOSTED: ReadonlyMap<unknown, string> = new Map([
  ['web_search_call', 'web_search'],
  ['file_search_call', 'file_search'],
  ['code_interpreter_call', 'code_interpreter'],
  ['mcp_call', 'mcp'],
  ['x_search_call', 'x_search'],
  ['code_execution_call', 'code_execution'],
  ['view_image_call', 'view_image'],
  ['view_x_video_call', 'view_x_video'],
]);

/** Fields of such an item that hold its input. */
const INPUT_FIELDS = ['queries', 'code', 'container_id'] as const;

/** What is needed to read hosted items. */
export interface HostedContext {
  origin: Origin;
  limits: Limits;
}

/**
 * The chunks of an item that is neither text nor a call for the client: a call that the provider ran, with its result and
 * its files; an image; or a block that is only kept.
 */
export function hostedChunks(item: Json, context: HostedContext): StreamChunk[] {
  if (item['type'] === 'image_generation_call') return imageChunks(item, context.origin);
  const block = blockFrom(context.origin, item);
  const kind = HOSTED.get(item['type']);
  const id = filled(item['id']) ?? filled(item['call_id']);
  if (kind === undefined || id === undefined) return [{ type: 'content', content: '', block, call: 0 }];
  const name = filled(item['name']) ?? kind;
  const read = readInput(item, context.limits);
  const chunks: StreamChunk[] = [
    { type: 'tool_call', id, name, ...read, providerExecuted: true, block, call: 0 },
  ];
  const content = resultOf(item);
  if (content !== undefined) {
    const isError = item['status'] === 'failed' || hasValue(item['error']);
    chunks.push({ type: 'tool_result', id, name, content, isError, providerExecuted: true, call: 0 });
  }
  for (const output of recordsOf(item['outputs'])) chunks.push(...fileAt(output['url']));
  return chunks;
}

/** The input of a tool: its arguments, or the fields of its item that hold them. */
function readInput(item: Json, limits: Limits): ReadArguments {
  const args = item['arguments'];
  if (typeof args === 'string') return readArguments(args, limits);
  if (isRecord(args)) return { arguments: args };
  const { action } = item;
  const { sources: _sources, ...input } = isRecord(action) ? action : {};
  for (const field of INPUT_FIELDS) if (hasValue(item[field])) input[field] = item[field];
  return { arguments: input };
}

/** The result in an item. Undefined if it has none. */
function resultOf(item: Json): string | undefined {
  const { error, output, results, outputs, action } = item;
  if (hasValue(error)) return typeof error === 'string' ? error : JSON.stringify(error);
  if (typeof output === 'string') return output;
  if (Array.isArray(results)) return JSON.stringify(results);
  if (Array.isArray(outputs))
    return recordsOf(outputs)
      .map((each) => text(each['logs']) ?? '')
      .join('');
  const sources = isRecord(action) ? action['sources'] : undefined;
  return Array.isArray(sources) && sources.length > 0 ? JSON.stringify(sources) : undefined;
}

function hasValue(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

/**
 * A generated image. Its block has no `result`, because the file has the data; it is put back when the item is sent. The
 * block also leaves out fields that the API refuses as input, such as `action` and `quality`.
 */
function imageChunks(item: Json, origin: Origin): StreamChunk[] {
  const [file] = imageFile(item['result'], item['output_format']);
  if (file === undefined) return [];
  const id = filled(item['id']);
  if (id === undefined) return [file];
  // Some items stay at `generating` although their image is there.
  const block = blockFrom(origin, { type: item['type'], id, status: 'completed' });
  return [{ ...file, id, block }];
}

/** An image as base64, or at an address. */
export function imageFile(image: unknown, format: unknown): FileChunk[] {
  const data = filled(image);
  if (data === undefined) return [];
  if (/^(?:https?|data):/.test(data)) return fileAt(data);
  const named = filled(format);
  const mediaType = named === undefined ? imageTypeOf(data) : `image/${named === 'jpg' ? 'jpeg' : named}`;
  return [{ type: 'file', mediaType, data, call: 0 }];
}

/** Audio as base64. Its format is the one that was asked for, because some items do not have it. */
export function audioFile(audio: unknown, format: unknown): FileChunk[] {
  const data = filled(audio);
  if (data === undefined) return [];
  const named = filled(format) ?? 'wav';
  const mediaType = `audio/${named === 'mp3' ? 'mpeg' : named === 'pcm16' ? 'pcm' : named}`;
  return [{ type: 'file', mediaType, data, call: 0 }];
}

/** The media type of a base64 image, by its first bytes. */
function imageTypeOf(data: string): string {
  if (data.startsWith('/9j/')) return 'image/jpeg';
  return data.startsWith('UklGR') ? 'image/webp' : 'image/png';
}

/** A file at an address. A `data:` URL becomes its data. */
function fileAt(address: unknown): FileChunk[] {
  const url = filled(address);
  if (url === undefined) return [];
  const [, mediaType, data] = /^data:([^;,]+)[^,]*;base64,(.*)$/s.exec(url) ?? [];
  if (mediaType !== undefined && data !== undefined) return [{ type: 'file', mediaType, data, call: 0 }];
  return [{ type: 'file', mediaType: 'image/png', url, call: 0 }];
}
