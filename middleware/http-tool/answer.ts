import { STATUS_CODES } from 'node:http';
import type { ImagePart } from '../../src/index.ts';
import type { Answer } from './exchange.ts';
import { withoutSecrets } from './redaction.ts';
import type { Redaction } from './redaction.ts';

/** How much of the body of an error the model is shown, in characters. */
const MAX_ERROR_CHARACTERS = 2_000;
const MAX_LOCATION_CHARACTERS = 500;

/** The types of images that all providers take. */
const IMAGES: ReadonlySet<string> = new Set(['image/gif', 'image/jpeg', 'image/png', 'image/webp']);

/** What a body holds. */
export type Content = { data: unknown } | { text: string } | { image: ImagePart } | { nothing: true };

/** The body of a response, without secrets. Throws an `Error` that says why it cannot be read. */
export function contentOf(
  { headers, body }: Answer,
  redaction: Redaction,
  secrets: readonly string[],
): Content {
  if (body.length === 0) return { nothing: true };
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity')
    throw new Error('The response is compressed, which was not asked for.');
  const { type, charset } = mediaTypeOf(headers['content-type'] ?? '');
  if (IMAGES.has(type))
    return { image: { type: 'image', mediaType: type, data: Buffer.from(body).toString('base64') } };
  if (!isText(type))
    throw new Error(`The response is of the type ${type}: only JSON, text and images can be read.`);
  const text = decoded(body, charset);
  if (!isJson(type)) return { text: withoutSecrets(text, secrets) };
  return { data: redaction.data(parsed(text, type), secrets) };
}

/** What an error response says, for the model. */
export function problemOf(
  answer: Answer,
  url: URL,
  redaction: Redaction,
  secrets: readonly string[],
): string {
  const { status, headers } = answer;
  const said = `HTTP ${status} ${STATUS_CODES[status] ?? ''}`.trim();
  if (status >= 300 && status < 400)
    return `${said}: the server redirects${targetOf(headers.location, url, redaction)}, and redirects are not followed.`;
  const wait = headers['retry-after'];
  const after = wait === undefined ? '' : ` (Retry-After: ${wait.slice(0, 40)})`;
  const text = explanationOf(answer, redaction, secrets);
  return text === '' ? `${said}${after}.` : `${said}${after}: ${text}`;
}

/** What the headers say about a body that is not sent, for HEAD. */
export function headOf({ status, headers }: Answer): Record<string, unknown> {
  return {
    status,
    contentType: headers['content-type'],
    contentLength: headers['content-length'],
    lastModified: headers['last-modified'],
    etag: headers.etag,
  };
}

function explanationOf(answer: Answer, redaction: Redaction, secrets: readonly string[]): string {
  try {
    const content = contentOf(answer, redaction, secrets);
    if ('data' in content) return shortened(JSON.stringify(content.data));
    return 'text' in content ? shortened(content.text) : '';
  } catch {
    // The status says enough.
    return '';
  }
}

function shortened(text: string): string {
  if (text.length <= MAX_ERROR_CHARACTERS) return text;
  return `${text.slice(0, MAX_ERROR_CHARACTERS).toWellFormed()} (cut off)`;
}

function targetOf(location: string | undefined, from: URL, redaction: Redaction): string {
  const target = location === undefined ? null : URL.parse(location, from.href);
  return target === null ? '' : ` to ${redaction.url(target).slice(0, MAX_LOCATION_CHARACTERS)}`;
}

function mediaTypeOf(header: string): { type: string; charset: string } {
  const [type = '', ...parameters] = header.split(';').map((part) => part.trim().toLowerCase());
  const charset = parameters.find((part) => part.startsWith('charset='))?.slice('charset='.length);
  return {
    type: /^[\w.+-]{1,60}\/[\w.+-]{1,100}$/.test(type) ? type : 'unknown',
    charset: charset?.replaceAll('"', '') ?? 'utf-8',
  };
}

function isJson(type: string): boolean {
  return type === 'application/json' || type.endsWith('+json');
}

function isText(type: string): boolean {
  return isJson(type) || type.startsWith('text/') || type === 'application/xml' || type.endsWith('+xml');
}

function decoded(body: Uint8Array, charset: string): string {
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    throw new Error('The response is text in an encoding that is not known.');
  }
}

function parsed(text: string, type: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`The response is of the type ${type}, but it is not JSON.`);
  }
}
