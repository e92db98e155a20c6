import type { FileChunk } from '../../../src/index.ts';
import { isRecord, text } from '../../wire/index.ts';
import { wholeBlock, type OpenBlock } from './blocks.ts';

/**
 * The image, sound or document in a content block. Servers that imitate the API send what their models draw in this form.
 * Undefined for a block that only names a file by its id, because there is nothing to show.
 */
export function fileOf(start: Record<string, unknown>): FileChunk | undefined {
  const { source } = start;
  if (!isRecord(source)) return undefined;
  const mediaType = text(source['media_type']);
  const data = text(source['data']);
  if (source['type'] === 'base64' && data !== undefined && data !== '') {
    return { type: 'file', mediaType: mediaType ?? typeOfKind(start), data, call: 0 };
  }
  const url = text(source['url']);
  if (source['type'] !== 'url' || url === undefined || url === '') return undefined;
  const inline = /^data:([^;,]+);base64,/.exec(url.slice(0, 200));
  if (inline?.[1] !== undefined) {
    return { type: 'file', mediaType: inline[1], data: url.slice(inline[0].length), call: 0 };
  }
  return { type: 'file', mediaType: mediaType ?? typeOfKind(start), url, call: 0 };
}

/** The media type of a file of which only the kind is known. */
function typeOfKind(start: Record<string, unknown>): string {
  return start['type'] === 'image' ? 'image/*' : 'application/octet-stream';
}

/** Opens a block that holds a file. */
export function fileBlock(start: Record<string, unknown>, file: FileChunk): OpenBlock {
  return wholeBlock(start, (_block, out) => void out.push(file));
}
