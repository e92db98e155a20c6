import type { Place } from '../callers/places.ts';
import type { EncoderOptions, Format } from '../formats/format.ts';
import { RequestError } from '../requests/request-error.ts';
import type { ReadAnswer } from '../resumable/resumable.ts';
import type { Cursor } from '../stream/cursor.ts';
import { EventFold } from '../stream/event-fold.ts';
import type { SentItem, SentStream } from '../stream/sent-stream.ts';
import type { Turns } from './turns.ts';

/** How a stream that was found is sent. */
export interface JoinSettings {
  format: Format;
  encoder: EncoderOptions;
  after: Cursor | undefined;
  /** The reader's place among the open streams of its caller. */
  place: Place;
}

/**
 * What is left of a stream for a reader that comes back, or comes second. Undefined: it has ended, and the reader has all of it, which is known before anything is sent. Throws
 * `not_found` if there is no such stream, `conflict` if it does not have the event that was named, and `not_found` with the status 410 if its beginning is lost.
 */
export async function joinedStream(
  turns: Turns,
  answer: ReadAnswer,
  { format, encoder, after, place }: JoinSettings,
): Promise<SentStream | undefined> {
  const { stream: found, key, hasEnded } = foundIn(answer);
  const stream = turns.joined(found, key, place);
  if (!hasEnded || after === undefined) return stream;
  // All that is left is the end, at most.
  const items = await readAll(stream);
  const fold = new EventFold(format, encoder, after);
  for (const item of items) fold.add(item, () => undefined);
  return fold.given === 0 ? undefined : replayed(items);
}

/** The stream that was found. Throws if it cannot be read from its start. */
export function foundIn(answer: ReadAnswer): Extract<ReadAnswer, { as: 'stream' }> {
  switch (answer.as) {
    case 'stream':
      return answer;
    case 'unknown':
      throw new RequestError('not_found', 'There is no such stream.', { status: 404 });
    case 'gap':
      throw new RequestError(
        'not_found',
        'The stream has become too large: the server does not keep its beginning any more. Read the conversation instead.',
        { status: 410 },
      );
    case 'ahead':
      throw new RequestError('conflict', 'The stream does not have the event that was named.', {
        status: 409,
      });
  }
}

/** The id of an event as it came, without what is not needed. */
export function textOfCursor(after: Cursor | undefined): string | undefined {
  if (after === undefined) return undefined;
  // Without an event within the position, all of them are meant, and no id of an event says so.
  return after.sub === Number.MAX_SAFE_INTEGER ? `${after.position}` : `${after.position}.${after.sub}`;
}

async function readAll(stream: SentStream): Promise<SentItem[]> {
  const all: SentItem[] = [];
  for (;;) {
    const items = await stream.next();
    if (items === undefined) return all;
    all.push(...items);
    if (all.at(-1)?.type === 'end') return all;
  }
}

function replayed(items: SentItem[]): SentStream {
  let rest: SentItem[] | undefined = items;
  return {
    next() {
      const given = rest;
      rest = undefined;
      return Promise.resolve(given);
    },
    close: () => Promise.resolve(),
  };
}
