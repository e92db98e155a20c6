import * as z from 'zod';
import { UnknownFormError } from '../../../stores/redis/shared.ts';
import type { SentEnd } from '../../stream/parts.ts';
import type { Appended, Entry, OpenedOwner, Page } from '../chunk-log.ts';
import { chunksOfText } from '../chunk-text.ts';
import { resetsOfMarks } from '../marks.ts';
import { endOfText, startOfText } from '../record-text.ts';
import { snapshotOfText } from '../snapshot-text.ts';
import type { KnownStart } from '../watched-starts.ts';

const text = z.string();
const texts = z.array(text);
const opened = z.tuple([text, text, text, text, text, text, text, texts, texts]);

/** What the script `OPEN` answered. */
export type OpenReply =
  | ({ word: 'owner'; token: number } & Omit<OpenedOwner, 'as' | 'held'>)
  | { word: 'ended'; end: SentEnd }
  | { word: 'reader' }
  | { word: 'other' };

/** Members of an index with the times at which they were added. They may be stale. */
export type Members = { member: string; time: string }[];

/** Reads the answer of `OPEN`: also the members of both indexes that may be stale. */
export function openedOf(reply: unknown): { opened: OpenReply; owners: Members; sessions: Members } {
  const none = { owners: [], sessions: [] };
  const word = wordOf(reply);
  if (word === 'reader' || word === 'other') return { opened: { word }, ...none };
  if (word === 'ended') {
    const [, end] = parsed(z.tuple([text, text]), reply);
    return { opened: { word, end: endOfText(end) }, ...none };
  }
  const [, token, next, began, takeovers, released, stop, owners, sessions] = parsed(opened, reply);
  const numbers = { token: Number(token), next: Number(next), startedAt: Number(began) };
  return {
    opened: {
      ...{ word: 'owner', ...numbers, takeovers: Number(takeovers) },
      ...releasedOf(released),
      ...stopOf(stop),
    },
    owners: membersOf(owners),
    sessions: membersOf(sessions),
  };
}

/** What the script `APPEND` answered. */
export type AppendReply =
  | { word: 'kept'; appended: Appended; extended: boolean; isLarge: boolean }
  | { word: 'rest'; next: number }
  | { word: 'gone' }
  | { word: 'owner' }
  | { word: 'ended' };

/** Reads the answer of `APPEND`. */
export function appendedOf(reply: unknown): AppendReply {
  const [word = '', next = '', at = '', unread = '', stop = '', ...flags] = parsed(texts, reply);
  if (word === 'gone' || word === 'owner' || word === 'ended') return { word };
  if (word === 'rest') return { word, next: Number(next) };
  const appended = { next: Number(next), at: Number(at), unreadMs: Number(unread), ...stopOf(stop) };
  return { word: 'kept', appended, extended: flags[0] === '1', isLarge: flags[1] === '1' };
}

/** Reads the answer of `READ`; undefined if there is no stream. The start is in it unless the caller knows it. */
export function pageOf(
  reply: unknown,
  after: number,
  known: KnownStart | undefined,
): { page: Page; known: KnownStart } | undefined {
  if (!Array.isArray(reply)) throw unknownForm();
  if (reply.length === 0) return undefined;
  const rows: unknown = reply[13];
  const fields = parsed(texts, reply.slice(0, 13));
  const [began = '', base = '', next = '', first = '', token = '', takeovers = ''] = fields;
  const [left = '', stop = '', end = '', endedAt = '', marks = '', start = ''] = fields.slice(6);
  const released = fields[12] ?? '';
  const snapshot = parsed(text, reply[14]);
  const now = start === '' ? known : { base, start: startOfText(start) };
  if (now === undefined) throw unknownForm();
  if (!Array.isArray(rows)) throw unknownForm();
  const entries = rows.map((row: unknown) => entryOf(row, Number(began), Number(base)));
  // A server that is short of memory may have dropped the entries and kept the state.
  const lost = Number(next) > after ? (entries[0]?.from ?? Number(next)) : 0;
  const page: Page = {
    start: now.start,
    startedAt: Number(began),
    entries,
    first: lost > after ? lost : Number(first),
    ...(snapshot !== '' && lost <= Number(first) && { snapshot: snapshotOfText(snapshot) }),
    next: Number(next),
    resets: resetsOfMarks(marks),
    token: Number(token),
    takeovers: Number(takeovers),
    leaseLeftMs: Number(left),
    ...(end === '' && releasedOf(released)),
    ...stopOf(stop),
    ...(end !== '' && { end: endOfText(end.slice(1)) }),
    ...(endedAt !== '' && { endedAt: Number(endedAt) }),
  };
  return { page, known: now };
}

/** The members of an index and their times. */
export function membersOf(reply: unknown): Members {
  const flat = parsed(texts, reply);
  const members: Members = [];
  for (let at = 0; at + 1 < flat.length; at += 2)
    members.push({ member: flat[at] ?? '', time: flat[at + 1] ?? '' });
  return members;
}

/** The first word of an answer. */
export function wordOf(reply: unknown): string {
  return parsed(text, Array.isArray(reply) ? reply[0] : undefined);
}

/** An entry. Its time and its epoch are told as differences. Tens of thousands may come at once, so they are checked by hand: a schema takes ten times as long. */
export function entryOf(row: unknown, began: number, base: number): Entry {
  const id: unknown = Array.isArray(row) ? row[0] : undefined;
  const fields: unknown = Array.isArray(row) ? row[1] : undefined;
  if (typeof id !== 'string' || !isTexts(fields)) throw unknownForm();
  const [, at = '', , epoch = '', , content = ''] = fields;
  const { count, chunks } = chunksOfText(content);
  const from = Number.parseInt(id, 10) - count;
  return { from, epoch: base + Number(epoch), at: began + Number(at), chunks: chunks(from) };
}

function releasedOf(flag: string): { released?: true } {
  return flag === '' ? {} : { released: true };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

/** A stop is marked by a plus, because its reason may be empty. */
function stopOf(marked: string): { stop?: string } {
  return marked === '' ? {} : { stop: marked.slice(1) };
}

function parsed<S extends z.ZodType>(schema: S, reply: unknown): z.output<S> {
  const result = schema.safeParse(reply);
  if (result.success) return result.data;
  throw unknownForm();
}

function unknownForm(): UnknownFormError {
  return new UnknownFormError('The answer has an unknown form.');
}
