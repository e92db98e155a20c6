import { wellFormed } from '../../src/index.ts';
import type { FilePart, ImagePart, TextPart } from '../../src/index.ts';
import { kindOf } from '../../src/kit/index.ts';
import { isRecord, messageOf } from './values.ts';

/** The parts that a result may have. */
export type ResultPart = TextPart | ImagePart | FilePart;

/** A result in the form in which it is recorded and sent. */
export interface NormalResult {
  content: string | ResultPart[];
  isError: boolean;
}

/**
 * What a tool returned, in its normal form: text as it is, parts as they are, bytes as a file, nothing as `null`, and anything else as JSON, in which a Date
 * is ISO text and `undefined` is left out. What JSON cannot hold, such as a BigInt, a cycle or a function, gives an error result that names the path.
 */
export function normalResult(returned: unknown, maxCharacters: number): NormalResult {
  try {
    const parts = partsOf(returned);
    return { content: capped(wellFormed(parts ?? textOf(returned)), maxCharacters), isError: false };
  } catch (thrown) {
    const why = thrown instanceof Unsendable ? thrown.message : `reading it failed: ${messageOf(thrown)}`;
    return errorResult(`The tool returned what cannot be sent: ${why}.`, maxCharacters);
  }
}

/** An error in words, as a result. */
export function errorResult(text: string, maxCharacters: number): NormalResult {
  return { content: capped(text.toWellFormed(), maxCharacters), isError: true };
}

/** A result with a note before it. */
export function noted(
  note: string,
  content: NormalResult['content'],
  maxCharacters: number,
): NormalResult['content'] {
  if (typeof content === 'string') return cut(`${note}\n${content}`, maxCharacters);
  return capped([{ type: 'text', text: note }, ...content], maxCharacters);
}

/** A copy of a value that JSON can hold. Throws if it cannot. */
export function plainCopy(value: unknown): unknown {
  return wellFormed(plain(value, [], new Set()) ?? null);
}

class Unsendable extends Error {}

function textOf(returned: unknown): string {
  if (typeof returned === 'string') return returned;
  return JSON.stringify(plain(returned, [], new Set()) ?? null);
}

function partsOf(returned: unknown): ResultPart[] | undefined {
  const bytes = bytesOf(returned);
  if (bytes !== undefined) return [filePart(bytes)];
  const list: readonly unknown[] = Array.isArray(returned) ? returned : [returned];
  return list.length > 0 && list.every(isPart) ? list.map((part) => ({ ...part })) : undefined;
}

function isPart(value: unknown): value is ResultPart {
  if (!isRecord(value)) return false;
  if (value['type'] === 'text') return typeof value['text'] === 'string';
  if (value['type'] !== 'image' && value['type'] !== 'file') return false;
  const { data, url, mediaType, fileId } = value;
  return (
    (typeof data === 'string' && typeof mediaType === 'string') ||
    typeof url === 'string' ||
    typeof fileId === 'string'
  );
}

function filePart(bytes: Uint8Array): FilePart {
  return { type: 'file', data: base64(bytes), mediaType: 'application/octet-stream' };
}

function bytesOf(value: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined;
}

/** By pieces, since a call takes only so many arguments. */
function base64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += 8_192)
    binary += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return btoa(binary);
}

/** A copy that JSON can hold. Throws `Unsendable`, with the path, for what it cannot. */
function plain(value: unknown, path: readonly string[], above: Set<object>): unknown {
  const fail = (why: string): never => {
    throw new Unsendable(`${['result', ...path].join('.')} ${why}`);
  };
  if (value === null || value === undefined) return value;
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value !== 'object') return fail(`is ${kindOf(value)}`);
  if (value instanceof Date && Number.isNaN(value.getTime())) return fail('is an invalid Date');
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    const said: unknown = Reflect.apply(value.toJSON, value, [path.at(-1) ?? '']);
    return said === value ? fail('is given by its toJSON() again') : plain(said, path, above);
  }
  if (above.has(value)) return fail('contains itself');
  if (value instanceof Map || value instanceof Set)
    return fail(`is a ${value instanceof Map ? 'Map' : 'Set'}`);
  if (value instanceof Error) return fail('is an Error: throw it instead');
  if (value instanceof Promise) return fail('is a promise: await it');
  if (bytesOf(value) !== undefined) return fail('is bytes: return them alone, or as a file part');
  above.add(value);
  const copy = Array.isArray(value) ? copyOfList(value, path, above) : copyOfObject(value, path, above);
  above.delete(value);
  return copy;
}

function copyOfList(list: readonly unknown[], path: readonly string[], above: Set<object>): unknown[] {
  return Array.from(list, (one, at) => plain(one, [...path, String(at)], above) ?? null);
}

function copyOfObject(value: object, path: readonly string[], above: Set<object>): Record<string, unknown> {
  const entries: [string, unknown][] = [];
  for (const [key, one] of Object.entries(value)) {
    const copied = plain(one, [...path, key], above);
    if (copied !== undefined) entries.push([key, copied]);
  }
  return Object.fromEntries(entries);
}

/** Only text counts. Its middle is left out, because the beginning and the end say most. */
function capped(content: NormalResult['content'], maxCharacters: number): NormalResult['content'] {
  if (typeof content === 'string') return cut(content, maxCharacters);
  let left = maxCharacters;
  return content.map((part) => {
    if (part.type !== 'text') return part;
    const text = cut(part.text, left);
    left = Math.max(0, left - part.text.length);
    return { ...part, text };
  });
}

function cut(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const head = whole(text.slice(0, Math.ceil(maxCharacters / 2)), 'end');
  const tail = maxCharacters < 2 ? '' : whole(text.slice(-Math.floor(maxCharacters / 2)), 'start');
  return `${head}\n(${text.length - head.length - tail.length} characters left out)\n${tail}`;
}

/** Without half a character at one end. */
function whole(text: string, at: 'start' | 'end'): string {
  if (text.isWellFormed()) return text;
  return at === 'end' ? text.slice(0, -1) : text.slice(1);
}
