import type { ResultPart } from '../../middleware/tools.ts';
import { SluiceError } from '../../src/index.ts';
import { textOfResult } from '../../src/kit/index.ts';
import type { Complaint } from './schema.ts';
import { isRecord, isSame, shown } from './values.ts';

/** How results are read. */
export interface ResultLimits {
  /** The longest text of a result that failed. */
  readonly maxErrorCharacters: number;
  /** The most that the images and files of a result may be, in characters of base64. */
  readonly maxFileCharacters: number;
}

/** Images that models take. Others are files. */
const IMAGES: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * What a call of a server's tool gives: text, or parts. The data beside the parts (`structuredContent`) is checked, and follows as JSON if the parts do not say the same.
 *
 * Throws `tool` if the server says that the call failed, or if its result is not what it has declared.
 */
export function resultOf(
  given: unknown,
  check: Complaint | undefined,
  limits: ResultLimits,
): string | ResultPart[] {
  if (!isRecord(given)) throw new SluiceError('tool', 'The server gave a result that is not an object.');
  const { content, structuredContent, isError } = given;
  const blocks: readonly unknown[] = Array.isArray(content) ? content : [];
  const parts = partsOf(blocks, limits);
  if (isError === true)
    throw new SluiceError(
      'tool',
      shown(reasonIn(parts, structuredContent), limits.maxErrorCharacters) || 'the server gave no reason',
    );
  const data = checkedData(structuredContent, check);
  if (data !== undefined && !says(data, blocks, parts))
    parts.push({ type: 'text', text: JSON.stringify(data) });
  const [first] = parts;
  if (first === undefined) return '';
  return parts.length === 1 && first.type === 'text' ? first.text : parts;
}

/** An error is text: Anthropic's API takes nothing else in a result that is an error. Other parts are named. */
function reasonIn(parts: ResultPart[], data: unknown): string {
  const said = textOfResult(parts);
  return said === '' && data !== undefined ? JSON.stringify(data) : said;
}

function checkedData(data: unknown, check: Complaint | undefined): unknown {
  if (check === undefined) return data;
  const problem = data === undefined ? 'it has no structuredContent' : check(data);
  if (problem === undefined) return data;
  throw new SluiceError(
    'tool',
    `The result does not match the output schema that the server has declared: ${shown(problem, 300)}.`,
  );
}

/** Whether the parts say the same as the data: as JSON, or as the only property of it. */
function says(data: unknown, blocks: readonly unknown[], parts: readonly ResultPart[]): boolean {
  const text = textIn(parts);
  const values = isRecord(data) ? Object.values(data) : [];
  const forms = values.length === 1 ? [data, values[0]] : [data];
  return forms.some((form) => form === text || isSame(form, blocks) || isSame(form, parsed(text)));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function textIn(parts: readonly ResultPart[]): string {
  return parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}

function partsOf(blocks: readonly unknown[], limits: ResultLimits): ResultPart[] {
  let left = limits.maxFileCharacters;
  return blocks.map((block) => {
    const part = partOf(block);
    if (part.type === 'text') return { ...part, text: part.text.toWellFormed() };
    const size = part.data?.length ?? 0;
    left -= size;
    if (left >= 0) return part;
    left += size;
    return text(`(${part.type}, ${part.mediaType}: left out, it is too large)`);
  });
}

function partOf(block: unknown): ResultPart {
  if (!isRecord(block)) return text('(a part that is not an object was left out)');
  const { type, mimeType, data, resource } = block;
  if (type === 'text' && typeof block['text'] === 'string') return text(block['text']);
  if ((type === 'image' || type === 'audio') && typeof data === 'string') return filePart(data, mimeType);
  if (type === 'resource' && isRecord(resource)) return resourcePart(resource);
  if (type === 'resource_link') return linkPart(block);
  return text(`(a part of type ${shown(JSON.stringify(type) ?? 'unknown', 60)} was left out)`);
}

function text(said: string): ResultPart {
  return { type: 'text', text: said };
}

function filePart(data: string, mimeType: unknown, filename?: string): ResultPart {
  const mediaType = typeof mimeType === 'string' ? shown(mimeType, 200) : 'application/octet-stream';
  if (!BASE64.test(data)) return text(`(${mediaType}: left out, its data is not base64)`);
  if (IMAGES.has(mediaType)) return { type: 'image', data, mediaType };
  return { type: 'file', data, mediaType, ...(filename !== undefined && { filename }) };
}

/** The content of a resource. Text has the address before it, so that the model can name it. */
function resourcePart({ uri, mimeType, text: content, blob }: Record<string, unknown>): ResultPart {
  const address = typeof uri === 'string' ? shown(uri, 2_000) : 'a resource without an address';
  if (typeof content === 'string') return text(`${address}\n${content}`);
  if (typeof blob === 'string') return filePart(blob, mimeType, address.split('/').at(-1));
  return text(`(${address}: it has no content)`);
}

/** Only named: nothing is loaded that nobody asked for. */
function linkPart({ uri, name, description }: Record<string, unknown>): ResultPart {
  const said = [name, uri, description]
    .filter((one) => typeof one === 'string')
    .map((one) => shown(one, 2_000));
  return text(`(a link to a resource: ${said.join(', ')})`);
}
