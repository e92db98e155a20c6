import type { FilePart, ImagePart } from '../../../src/index.ts';
import { base64OfBytes, bytesOfBase64, type Unsupported } from '../../wire/index.ts';
import type { Block } from './block.ts';

/** How the base64 text of a file begins, to tell its media type. */
const SIGNATURES: readonly (readonly [start: string, mediaType: string])[] = [
  ['iVBORw0KGgo', 'image/png'],
  ['/9j/', 'image/jpeg'],
  ['R0lGOD', 'image/gif'],
  ['UklGR', 'image/webp'],
  ['JVBERi0', 'application/pdf'],
];

const TEXT_LIKE: ReadonlySet<string> = new Set([
  'application/json',
  'application/xml',
  'application/yaml',
  'application/x-yaml',
  'application/javascript',
]);

/** An image block, by URL or as base64. Source: https://platform.claude.com/docs/en/build-with-claude/vision */
export function imageBlock(part: ImagePart, unsupported: Unsupported): Block | undefined {
  if (part.detail !== undefined && part.detail !== 'auto') {
    unsupported(`images have no detail on this API: '${part.detail}' has no effect`);
  }
  const content = contentOf(part);
  if (content === undefined) {
    unsupported('an image has neither url nor data, it is left out');
    return undefined;
  }
  if ('url' in content) return { type: 'image', source: { type: 'url', url: content.url } };
  if (content.mediaType === undefined) {
    unsupported('an image has no mediaType and its data does not show it, it is left out');
    return undefined;
  }
  return base64Block('image', content.data, content.mediaType);
}

/**
 * A document block: a PDF by URL or as base64, text, or an uploaded file. If the media type says so, an image block.
 * Source: https://platform.claude.com/docs/en/build-with-claude/pdf-support
 */
export function documentBlock(part: FilePart, unsupported: Unsupported): Block | undefined {
  const isImage = part.mediaType?.startsWith('image/') === true;
  if (part.fileId) {
    const source = { type: 'file', file_id: part.fileId };
    return isImage ? { type: 'image', source } : titled({ type: 'document', source }, part);
  }
  const content = contentOf(part);
  if (content === undefined) {
    unsupported('a file has neither url, data nor fileId, it is left out');
    return undefined;
  }
  if ('url' in content) {
    const source = { type: 'url', url: content.url };
    return isImage ? { type: 'image', source } : titled({ type: 'document', source }, part);
  }
  const mediaType = content.mediaType;
  if (mediaType?.startsWith('image/') === true) return base64Block('image', content.data, mediaType);
  if (mediaType === 'application/pdf') {
    return titled(base64Block('document', content.data, mediaType), part);
  }
  if (mediaType !== undefined && (mediaType.startsWith('text/') || TEXT_LIKE.has(mediaType))) {
    const data = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytesOfBase64(content.data));
    return titled({ type: 'document', source: { type: 'text', media_type: 'text/plain', data } }, part);
  }
  unsupported(`a file of type ${mediaType ?? 'unknown'} cannot be sent, it is left out`);
  return undefined;
}

function base64Block(type: 'image' | 'document', data: string, mediaType: string): Block {
  return { type, source: { type: 'base64', media_type: mediaType, data } };
}

function titled(block: Block, part: FilePart): Block {
  return part.filename === undefined ? block : { ...block, title: part.filename };
}

type Content = { url: string } | { data: string; mediaType: string | undefined };

/** The data or the URL of a part. A data URL counts as data. */
function contentOf(part: ImagePart | FilePart): Content | undefined {
  if (part.data) return { data: part.data, mediaType: mediaTypeOf(part.mediaType, part.data) };
  if (!part.url) return undefined;
  const comma = part.url.indexOf(',');
  if (!part.url.startsWith('data:') || comma < 0) return { url: part.url };
  const [type = '', ...attributes] = part.url.slice('data:'.length, comma).split(';');
  const body = part.url.slice(comma + 1);
  const data = attributes.includes('base64')
    ? body
    : base64OfBytes([new TextEncoder().encode(unescaped(body))]);
  return { data, mediaType: mediaTypeOf(part.mediaType ?? (type === '' ? undefined : type), data) };
}

/** The text of a data URL. If its escapes are not valid, it stays as it is. */
function unescaped(body: string): string {
  try {
    return decodeURIComponent(body);
  } catch {
    return body;
  }
}

function mediaTypeOf(named: string | undefined, data: string): string | undefined {
  // The parameters of the type are not needed: `text/plain; charset=utf-8` is text/plain.
  if (named !== undefined) return named.split(';')[0]?.trim().toLowerCase();
  return SIGNATURES.find(([start]) => data.startsWith(start))?.[1];
}
