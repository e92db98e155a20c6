import type { FileChunk } from '../../src/index.ts';
import { RequestError } from '../requests/request-error.ts';
import type { Resumable } from '../resumable/resumable.ts';
import type { StreamKey } from '../log/chunk-log.ts';

/** Kinds of files that a browser may show on the server's own origin. A model may make any: others are for the disk. */
const SHOWN = /^(?:image\/(?:png|jpeg|gif|webp|avif)|audio\/[\w.+-]+|video\/[\w.+-]+)$/;

/** The file that a stream has at a position, as long as its log is kept. Throws `not_found` if there is none, or if the stream is somebody else's. */
export async function streamFile(runs: Resumable, key: StreamKey, position: number): Promise<Response> {
  const file = await fileIn(runs, key, position);
  if (file?.data === undefined)
    throw new RequestError('not_found', 'There is no such file, or it is not kept any more.', {
      status: 404,
    });
  const { data, mediaType } = file;
  const isShown = SHOWN.test(mediaType);
  return new Response(
    Uint8Array.from(atob(data), (character) => character.charCodeAt(0)),
    {
      headers: {
        'content-type': isShown ? mediaType : 'application/octet-stream',
        'content-disposition': isShown ? 'inline' : 'attachment',
        'content-security-policy': "default-src 'none'; sandbox",
        'cache-control': 'private, max-age=3600, immutable',
      },
    },
  );
}

async function fileIn(runs: Resumable, key: StreamKey, position: number): Promise<FileChunk | undefined> {
  // A position that is not there yet is waited for no longer than a cursor is.
  const answer = await runs.read(key, { after: { position, sub: 0 } });
  if (answer.as !== 'stream') return undefined;
  const { stream } = answer;
  try {
    for (let items = await stream.next(); items !== undefined; items = await stream.next())
      for (const item of items) {
        if (item.type === 'start' || item.position < position) continue;
        return item.type === 'chunk' && item.chunk.type === 'file' ? item.chunk : undefined;
      }
    return undefined;
  } finally {
    await stream.close().catch(() => undefined);
  }
}
