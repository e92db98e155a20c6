import { Readable, pipeline } from 'node:stream';
// A namespace, because an older Node without zstd could not even say that it is too old.
import * as zlib from 'node:zlib';
import { SluiceError } from '../../../src/index.ts';
import { PulledBody, readyOf, type RawBody } from './raw-body.ts';

/** Makes a stream that decodes one coding. `first` holds the first bytes, but only for the outermost coding. */
type Decompressor = (first: Uint8Array | undefined) => NodeJS.ReadWriteStream;

/** No server needs to combine more codings than this. More are an attack. */
const MAX_CODINGS = 3;

/** Values that servers and proxies send although the body is not encoded: nothing, its charset, or its framing. */
const PLAIN: ReadonlySet<string> = new Set([
  '',
  'identity',
  'none',
  'utf-8',
  'utf8',
  'chunked',
  'binary',
  '8bit',
  '7bit',
]);

const DECOMPRESSORS: ReadonlyMap<string, Decompressor> = new Map<string, Decompressor>([
  ['gzip', () => zlib.createGunzip()],
  ['x-gzip', () => zlib.createGunzip()],
  ['deflate', inflate],
  ['br', () => zlib.createBrotliDecompress()],
  ['zstd', () => zlib.createZstdDecompress()],
]);

/**
 * The decoded body, or the body itself if it has no encoding. Throws `protocol` for an unknown encoding, unless the status
 * is an error, which says more than the body.
 */
export function decodedBody(body: RawBody, status: number, header: string | string[] | undefined): RawBody {
  if (header === undefined) return body;
  const codings = String(header)
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => !PLAIN.has(coding));
  if (codings.length === 0) return body;
  const known = codings.map((coding) => DECOMPRESSORS.get(coding)).filter((one) => one !== undefined);
  if (known.length < codings.length || known.length > MAX_CODINGS) {
    if (status >= 400) return body;
    throw unsupported(codings);
  }
  const parts = decoded(body, known.reverse());
  return new PulledBody(
    async function next() {
      const result = await parts.next();
      return result.done === true ? undefined : result.value;
    },
    function cancel(reason) {
      // This ends the decoding, too. Nobody waits for it.
      body.cancel(reason);
      parts.return().catch(ignore);
    },
  );
}

async function* decoded(body: RawBody, codings: readonly Decompressor[]): AsyncGenerator<Uint8Array, void> {
  const bytes = bytesOf(body);
  const first = await bytes.next();
  // An empty body is empty in every encoding.
  if (first.done === true) return;
  const source = Readable.from(chained(first.value, bytes), { objectMode: false });
  const steps = codings.map((decompressor, step) => decompressor(step === 0 ? first.value : undefined));
  // The error reaches the reader through the last stream, because pipeline() destroys it with that error.
  const last = pipeline([source, ...steps], function onEnd() {
    body.cancel();
  });
  if (!(last instanceof Readable)) throw new TypeError('A decompressor is not a stream.');
  const read: AsyncIterable<unknown> = last;
  for await (const part of read) if (part instanceof Uint8Array) yield part;
}

async function* chained(
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  yield first;
  yield* rest;
}

async function* bytesOf(body: RawBody): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const parts = body.take();
    if (parts === undefined) return;
    yield* parts;
    if (parts.length === 0) await readyOf(body);
  }
}

/** The specification requires a header (RFC 1950), but some servers send none. */
function inflate(first: Uint8Array | undefined): NodeJS.ReadWriteStream {
  const hasHead = first === undefined || ((first[0] ?? 0) & 0x0f) === 0x08;
  return hasHead ? zlib.createInflate() : zlib.createInflateRaw();
}

function ignore(): void {
  return undefined;
}

function unsupported(codings: readonly string[]): SluiceError {
  return new SluiceError(
    'protocol',
    `The response has the content encoding ${codings.join(', ').slice(0, 60)}, which is not supported.`,
  );
}
