import { SluiceError } from '../../src/index.ts';

/**
 * The place of an event in a stream, as its id says it: `position.sub`. One position may be several events of a protocol, which `sub` counts from 0.
 */
export interface Cursor {
  position: number;
  sub: number;
}

/** A whole number, or two with a dot between them; then the stream, if the id names it. */
const SHAPE = /^(\d{1,15})(?:\.(\d{1,9}))?(?:@([\w.!~*'()%-]{1,1800}))?$/;

/** Reads the id of an event, such as the header `Last-Event-ID`. Without a second number, all events of the position are meant. Throws `invalid_request`. */
export function parseCursor(id: string): Cursor {
  const [, position, sub] = SHAPE.exec(id) ?? [];
  if (position === undefined)
    throw new SluiceError(
      'invalid_request',
      'The id of the last event is not one of this server: give it as it came, such as 12.0.',
    );
  return { position: Number(position), sub: sub === undefined ? Number.MAX_SAFE_INTEGER : Number(sub) };
}

/** What the ids of a stream's events end with if they name it. */
export function streamSuffix(id: string): string {
  return `@${encodeURIComponent(id.toWellFormed())}`;
}

/** The stream that the id of an event names. Undefined: it names none. */
export function streamOfCursor(id: string): string | undefined {
  const named = SHAPE.exec(id)?.[3];
  if (named === undefined) return undefined;
  try {
    return decodeURIComponent(named);
  } catch {
    return undefined;
  }
}

/** Whether an event comes after a cursor. */
export function isAfter(cursor: Cursor | undefined, position: number, sub: number): boolean {
  if (cursor === undefined || position > cursor.position) return true;
  return position === cursor.position && sub > cursor.sub;
}
