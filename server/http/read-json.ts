import { withDeadline } from '../../src/kit/index.ts';
import { RequestError } from '../requests/request-error.ts';

/** Limits of a body. */
export interface BodyLimits {
  maxBytes: number;
  /** How deep arrays and objects may be inside each other. */
  maxDepth: number;
  /** How long the body may take, in milliseconds. */
  timeoutMs: number;
}

/** The types of JSON. A page cannot send them to another origin without being asked first. */
const JSON_TYPE = /^application\/(?:json|[\w.-]+\+json)\s*(?:;|$)/i;

const CHARSET = /;\s*charset\s*=\s*"?([^\s";]+)/i;
const UTF_8 = /^(?:utf-?8|us-ascii)$/i;

/** Reads a body of JSON, and counts while it reads. Throws a `RequestError`: 400, 408, 413 or 415. */
export async function readJson(request: Request, limits: BodyLimits): Promise<unknown> {
  checkType(request);
  return parseJson(await readText(request, limits), limits.maxDepth);
}

/** The same for a body that may be left out. Returns undefined if it is. Whether there is one is known when it is read: a client that sends none need not say so. */
export async function readOptionalJson(request: Request, limits: BodyLimits): Promise<unknown> {
  const text = await readText(request, limits);
  if (text === '') return undefined;
  checkType(request);
  return parseJson(text, limits.maxDepth);
}

function checkType({ headers }: Request): void {
  const type = headers.get('content-type') ?? '';
  if (!JSON_TYPE.test(type)) throw unsupported('The body must be JSON: send content-type: application/json.');
  if (type.includes(';') && !UTF_8.test(CHARSET.exec(type)?.[1] ?? 'utf-8'))
    throw unsupported('The body must be in UTF-8: send it without another charset.');
  // A small body could become a large one.
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (encoding.toLowerCase() !== 'identity')
    throw unsupported('The body is compressed: send it without content-encoding.');
}

function unsupported(message: string): RequestError {
  return new RequestError('invalid_request', message, { status: 415 });
}

/** Parses JSON that is at most so deep. Throws a `RequestError`. */
export function parseJson(text: string, maxDepth: number): unknown {
  checkDepth(text, maxDepth);
  try {
    return JSON.parse(text);
  } catch {
    throw new RequestError('invalid_request', 'The body is not JSON.');
  }
}

function readText(request: Request, limits: BodyLimits): Promise<string> {
  const announced = request.headers.get('content-length');
  return announced === null
    ? countedText(request, limits)
    : announcedText(request, limits, Number(announced));
}

/** A connection delivers no more than was announced. On Node the body comes from the socket, without a web stream, which costs more than all other checks of a request. */
async function announcedText(
  request: Request,
  { maxBytes, timeoutMs }: BodyLimits,
  announced: number,
): Promise<string> {
  if (announced > maxBytes) throw tooLarge(maxBytes);
  const bytes = await withDeadline(request.arrayBuffer(), timeoutMs, { error: tooLate });
  // A request that was made in this process may announce anything.
  if (bytes.byteLength > maxBytes) throw tooLarge(maxBytes);
  return decoded(() => new TextDecoder('utf-8', { fatal: true }).decode(bytes));
}

/** A body of unknown length is counted while it is read. */
async function countedText(request: Request, { maxBytes, timeoutMs }: BodyLimits): Promise<string> {
  const body: ReadableStream<Uint8Array> | null = request.body;
  const reader = body?.getReader();
  if (reader === undefined) return '';
  try {
    return await withDeadline(readAll(reader, maxBytes), timeoutMs, { error: tooLate });
  } catch (error) {
    void reader.cancel().catch(() => undefined);
    throw error;
  }
}

async function readAll(reader: ReadableStreamDefaultReader<Uint8Array>, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoded(() => decoder.decode());
    bytes += value.byteLength;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    text += decoded(() => decoder.decode(value, { stream: true }));
  }
}

/** Bytes that are not UTF-8 would become other characters, which nobody has said. */
function decoded(decode: () => string): string {
  try {
    return decode();
  } catch {
    throw new RequestError('invalid_request', 'The body is not UTF-8.');
  }
}

function tooLate(): RequestError {
  return new RequestError('timeout', 'The body took too long.', { status: 408 });
}

function tooLarge(maxBytes: number): RequestError {
  return new RequestError('invalid_request', `The body is larger than ${maxBytes} bytes.`, { status: 413 });
}

/** Characters that matter to the depth of JSON. */
const QUOTE = 34;
const BACKSLASH = 92;
const OPENING: ReadonlySet<number> = new Set([91, 123]);
const CLOSING: ReadonlySet<number> = new Set([93, 125]);

/** Throws if arrays and objects are deeper inside each other than allowed. One pass, before anything is parsed. */
function checkDepth(text: string, maxDepth: number): void {
  let depth = 0;
  let isInText = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (isInText) {
      if (code === BACKSLASH) at++;
      else if (code === QUOTE) isInText = false;
    } else if (code === QUOTE) isInText = true;
    else if (OPENING.has(code)) {
      if (++depth > maxDepth)
        throw new RequestError('invalid_request', `The body is deeper than ${maxDepth} levels.`);
    } else if (CLOSING.has(code)) depth--;
  }
}
