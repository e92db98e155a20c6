import { Timer } from '../../src/kit/index.ts';
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

/** Reads a body of JSON, and counts while it reads. Throws a `RequestError`: 400, 408, 413 or 415. */
export async function readJson(request: Request, limits: BodyLimits): Promise<unknown> {
  if (!JSON_TYPE.test(request.headers.get('content-type') ?? ''))
    throw new RequestError('invalid_request', 'The body must be JSON: send content-type: application/json.', {
      status: 415,
    });
  return parseJson(await readText(request, limits), limits.maxDepth);
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

async function readText(request: Request, { maxBytes, timeoutMs }: BodyLimits): Promise<string> {
  const announced = Number(request.headers.get('content-length') ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  const body: ReadableStream<Uint8Array> | null = request.body;
  const reader = body?.getReader();
  if (reader === undefined) return '';
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  let isLate = false;
  using timer = new Timer(() => {
    isLate = true;
    void reader.cancel().catch(() => undefined);
  });
  timer.start(timeoutMs);
  for (;;) {
    const { done, value } = await reader.read();
    if (isLate) throw new RequestError('timeout', 'The body took too long.', { status: 408 });
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > maxBytes) {
      void reader.cancel().catch(() => undefined);
      throw tooLarge(maxBytes);
    }
    text += decoder.decode(value, { stream: true });
  }
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
