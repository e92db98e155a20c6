import { Readable, pipeline } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { SluiceError } from '../../src/index.ts';
import { PulledBody, readyOf, type RawBody } from './raw-body.ts';

/** As many codings as a server can reasonably stack; more are an attack. */
const MAX_CODINGS = 3;

/** The body behind its `content-encoding`; the body itself where it has none. Throws `protocol` for an unknown one. */
export function decodedBody(body: RawBody, header: string | string[] | undefined): RawBody {
  if (header === undefined) return body;
  const codings = String(header)
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings.length === 0) return body;
  if (codings.length > MAX_CODINGS) throw unsupported(codings);
  const streams = [
    Readable.from(bytesOf(body), { objectMode: false }),
    ...codings.reverse().map(decompressor),
  ];
  // The error reaches the reader through the last stream, which pipeline() destroys with it.
  const last = pipeline(streams, function onEnd() {
    body.cancel();
  });
  if (!(last instanceof Readable)) throw unsupported(codings);
  const iterator: AsyncIterator<unknown> = last[Symbol.asyncIterator]();
  return new PulledBody(
    async function next() {
      const result = await iterator.next();
      return result.done !== true && result.value instanceof Uint8Array ? result.value : undefined;
    },
    function cancel(reason) {
      body.cancel(reason);
      last.destroy();
    },
  );
}

async function* bytesOf(body: RawBody): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const parts = body.take();
    if (parts === undefined) return;
    yield* parts;
    if (parts.length === 0) await readyOf(body);
  }
}

function decompressor(coding: string): NodeJS.ReadWriteStream {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    case 'zstd':
      return createZstdDecompress();
    default:
      throw unsupported([coding]);
  }
}

function unsupported(codings: readonly string[]): SluiceError {
  return new SluiceError(
    'protocol',
    `The response has the content encoding ${codings.join(', ').slice(0, 60)}, which is not supported.`,
  );
}
