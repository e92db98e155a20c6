import type { EncoderOptions, Format } from '../formats/format.ts';
import { RequestError } from '../requests/request-error.ts';
import type { ReadAnswer } from '../resumable/resumable.ts';
import { parseCursor } from '../stream/cursor.ts';
import type { Cursor } from '../stream/cursor.ts';
import { foundIn, joinedStream, textOfCursor } from './joined-stream.ts';
import { answerStream } from './respond.ts';
import type { ServerContext, Service } from './service.ts';

/** Where the client goes on: the header that an `EventSource` sends by itself, or the query. */
export function cursorOf(c: ServerContext): Cursor | undefined {
  return cursorIn(c.req.header('last-event-id') ?? c.req.query('last_event_id'), 'last-event-id');
}

/** Where the client goes on, from the id of an event. Throws `invalid_request` with the name of the field. */
export function cursorIn(id: string | undefined, field: string): Cursor | undefined {
  if (id === undefined || id === '') return undefined;
  try {
    return parseCursor(id);
  } catch {
    throw new RequestError('invalid_request', `${field}: give the id of an event of this stream.`, { field });
  }
}

/** How a stream that was found is answered. */
export interface ReadSettings {
  format: Format;
  include: ReadonlySet<string>;
  /** What else the encoder has to know. */
  encoder?: EncoderOptions;
  after: Cursor | undefined;
  /** The status if there is no such stream. */
  none: 204 | 404;
  /** What the ids of events end with: see `idSuffix` of `StreamAnswer`. */
  idSuffix?: string | undefined;
}

/** Answers with what reading a stream gave. */
export async function answerRead(
  c: ServerContext,
  service: Service,
  answer: ReadAnswer,
  { format, include, encoder: more, after, none, idSuffix }: ReadSettings,
): Promise<Response> {
  if (answer.as === 'unknown' && none === 204) return new Response(null, { status: 204 });
  const { key } = foundIn(answer);
  const encoder = { include, ...more };
  const place = await service.counts.enter(c.var.caller);
  try {
    const stream = await joinedStream(service.turns, answer, { format, encoder, after, place });
    if (stream === undefined) return new Response(null, { status: 204 });
    const lastEventId = textOfCursor(after);
    return await answerStream(c, service, stream, { format, encoder, id: key.id, lastEventId, idSuffix });
  } finally {
    place.end();
  }
}
