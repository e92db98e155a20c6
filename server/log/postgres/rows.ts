import * as z from 'zod';
import { MalformedRowError } from '../../../stores/postgres/shared.ts';
import type { SentEnd } from '../../stream/parts.ts';
import type { Appended, Entry, Page } from '../chunk-log.ts';
import { chunksOfText } from '../chunk-text.ts';
import { resetsOfMarks } from '../marks.ts';
import { endOfText, startOfText } from '../record-text.ts';
import { snapshotOfText, snapshotText } from '../snapshot-text.ts';
import type { KnownStart } from '../watched-starts.ts';
import { plainText } from './plain-text.ts';

const text = z.string();

/** What opening a stream returns. */
export const openedRow = z.object({
  token: text,
  next: text,
  started: text,
  takeovers: text,
  stop: text.nullable(),
});

/** A stream before it is opened. */
export const lookRow = z.object({
  token: text,
  print: text,
  finish: text.nullable(),
  left: text,
  kept: text,
  released: text,
});

/** What an append returns. */
export const appendedRow = z.object({
  next: text,
  now: text,
  unread: text,
  stop: text.nullable(),
  bytes: text,
});

/** The state of a stream, or an entry. */
export const pageRow = z.object({
  upto: text.nullable(),
  epoch: text.nullable(),
  at: text.nullable(),
  chunks: text.nullable(),
  stream: text.nullable(),
});

/** The size of what is left of a stream. */
export const leftRow = z.object({ bytes: text });
/** A row that is there, whatever it says. */
export const anyRow = z.object({});
/** The owner and the id of a stream. */
export const keyRow = z.object({ owner: text, id: text });
/** The id of a stream. */
export const idRow = z.object({ id: text });
/** How many there are. */
export const countRow = z.object({ count: text });

const number = z.number();
const state = z.tuple([
  text,
  text.nullable(),
  number,
  number,
  number,
  number,
  number,
  number,
  text.nullable(),
  text.nullable(),
  number.nullable(),
  text,
  z.boolean(),
  text.nullable(),
]);

/** How many chunks of a stream were dropped, and their snapshot. */
const dropped = z.tuple([number, text.nullable()]);

/** What an append answers. */
export function appendedOf({ next, now, unread, stop }: z.output<typeof appendedRow>): Appended {
  return { next: Number(next), at: Number(now), unreadMs: Number(unread), ...stopOf(stop) };
}

/** A stop, if there is one. */
export function stopOf(stop: string | null): { stop?: string } {
  return stop === null ? {} : { stop: plainText(stop) };
}

/** That the owner of a stream has given it up, if that is so. */
export function releasedOf(released: boolean): { released?: true } {
  return released ? { released: true } : {};
}

/** The page in the rows; undefined if there is no stream. The start is in it unless the caller knows it. Throws if the rows are not as they were written. */
export function pageOf(
  rows: readonly z.output<typeof pageRow>[],
  known: KnownStart | undefined,
): { page: Page; known: KnownStart } | undefined {
  const found = rows.find(({ stream }) => stream !== null)?.stream;
  return found === undefined || found === null ? undefined : asWritten(() => read(rows, found, known));
}

/** What is dropped of a stream: up to how many chunks, and the snapshot of it all, or null if its beginning is lost. Undefined: nothing. */
export function droppedOf(
  rows: readonly z.output<typeof pageRow>[],
): { first: number; upTo: number; snapshot: string | null } | undefined {
  const head = rows.find(({ stream }) => stream !== null)?.stream;
  if (head === undefined || head === null || rows.length < 2) return undefined;
  return asWritten(() => {
    const [first, before] = dropped.parse(JSON.parse(head));
    const entries = entriesOf(rows);
    const upTo = entries.reduce((most, { from, chunks }) => Math.max(most, from + chunks.length), 0);
    return { first, upTo, snapshot: snapshotText(first, before ?? '', entries) ?? null };
  });
}

/** An end as it is kept. Throws if it is not as it was written. */
export function endOf(finish: string): SentEnd {
  return asWritten(() => endOfText(finish));
}

function read(
  rows: readonly z.output<typeof pageRow>[],
  found: string,
  known: KnownStart | undefined,
): { page: Page; known: KnownStart } {
  const [key, start, startedAt, first, next, token, takeovers, leaseLeftMs, ...more] = state.parse(
    JSON.parse(found),
  );
  const [stop, finish, finished, marks, released, snapshot] = more;
  const now = start === null ? known : { base: key, start: startOfText(start) };
  if (now === undefined) throw new MalformedRowError();
  const page: Page = {
    start: now.start,
    startedAt,
    entries: entriesOf(rows),
    ...{ first, next, token, takeovers, leaseLeftMs },
    ...(snapshot !== null && { snapshot: snapshotOfText(snapshot) }),
    resets: resetsOfMarks(marks),
    ...(finish === null && releasedOf(released)),
    ...stopOf(stop),
    ...(finish !== null && { end: endOfText(finish) }),
    ...(finished !== null && { endedAt: finished }),
  };
  return { page, known: now };
}

/** Only this library writes the rows. What cannot be read was changed by somebody else. */
function asWritten<T>(read: () => T): T {
  try {
    return read();
  } catch {
    throw new MalformedRowError();
  }
}

function entriesOf(rows: readonly z.output<typeof pageRow>[]): Entry[] {
  const entries = rows.flatMap((row) => (row.stream === null ? [entryOf(row)] : []));
  return entries.sort((a, b) => a.from - b.from);
}

function entryOf({ upto, epoch, at, chunks }: z.output<typeof pageRow>): Entry {
  const content = chunksOfText(chunks ?? '');
  const from = Number(upto) - content.count;
  return { from, epoch: Number(epoch), at: Number(at), chunks: content.chunks(from) };
}
