import * as z from 'zod';
import { decodeSession, decodeTurn, unreadableError } from '../../src/index.ts';
import type { Message, SessionState, StoredTurn } from '../../src/index.ts';
import { unknownFormError } from './failures.ts';
import type { Place } from './keys.ts';
import { spendOf } from './sums.ts';

const texts = z.array(z.string());
const loaded = z.union([z.tuple([]), z.tuple([texts, texts, texts])]);
const page = z.tuple([texts, texts, z.string()]);

/** A reply as an array of texts; `doing` says of what. */
export function textsOf(doing: string, reply: unknown): string[] {
  return parsed(doing, texts, reply);
}

/** How a write answers. */
export interface Answer {
  /** Such as `stored`, or what it was refused for. */
  word: string;
  values: string[];
  /** Ids of the index that may be stale. */
  others: string[];
}

/** A reply as the answer of a write. */
export function answerOf(doing: string, reply: unknown): Answer {
  const items = parsed(doing, z.array(z.union([z.string(), texts])), reply);
  const values = items.filter((item) => typeof item === 'string');
  const others = items.filter((item) => typeof item !== 'string').flat();
  return { word: values[0] ?? '', values: values.slice(1), others };
}

/** Sums, old tickets and the server's time in microseconds. */
export function spentOf(
  doing: string,
  reply: unknown,
): { fields: Map<string, string>; old: string[]; micros: number } {
  const [fields, old, micros] = parsed(doing, page, reply);
  return { fields: pairsOf(fields), old, micros: Number(micros) };
}

/** The ticket, ids that may be stale, and old tickets. */
export function registeredOf(
  doing: string,
  reply: unknown,
): { ticket: string; others: string[]; old: string[] } {
  const [ticket, others, old] = parsed(doing, z.tuple([z.string(), texts, texts]), reply);
  return { ticket, others, old };
}

/** A session with the rows of its messages, the oldest first. */
export interface ReadSession extends Omit<SessionState, 'messages'> {
  rows: Message[][];
}

/** A session as the script `LOAD` answers with it; undefined if there is none. `last` is how many messages were asked for. */
export function sessionOf(
  doing: string,
  place: Place,
  reply: unknown,
  last = Infinity,
): ReadSession | undefined {
  const [names, stored, newest] = parsed(doing, loaded, reply);
  if (names === undefined) return undefined;
  const fields = pairsOf(names);
  const count = (name: string): number => Number(fields.get(name) ?? '0');
  const metadata: [string, unknown][] = [];
  for (const text of stored ?? [])
    metadata.push(...Object.entries(decodeSession(text, { key: place, row: 'metadata' }).metadata));
  const pending = fields.get('pending');
  const messageCount = count('messages');
  let before = messageCount;
  const rows = (newest ?? []).map((row, at) => {
    const where = at === 0 ? 'newest row of messages' : `row of messages ${at} before the newest`;
    const { messages } = decodeTurn(jsonOf(place, row, where), { key: place, row: where });
    before -= messages.length;
    if (Number.parseInt(row) !== before) throw unreadableError(place, where, 'does not follow on the others');
    return messages;
  });
  // Never a shorter history in silence.
  if (before > Math.max(0, messageCount - last))
    throw unreadableError(place, 'oldest row of messages', 'is missing');
  const expiresAt = fields.get('expiresAt');
  return {
    ...place,
    rows: rows.reverse(),
    messageCount,
    pending:
      pending === undefined ? [] : decodeSession(pending, { key: place, row: 'pending calls' }).pending,
    metadata: Object.fromEntries(metadata),
    ...spendOf(fields, place, 'sum:'),
    version: count('version'),
    createdAt: count('createdAt'),
    updatedAt: count('updatedAt'),
    ...(expiresAt !== undefined && { expiresAt: Number(expiresAt) }),
  };
}

/** One append as the script `TURN` answers with it; undefined where there is none. */
export function turnOf(doing: string, place: Place, turnId: string, reply: unknown): StoredTurn | undefined {
  const [version, ...rows] = textsOf(doing, reply);
  if (version === undefined) return undefined;
  const where = `turn ${JSON.stringify(turnId)}`;
  const parts = rows.map((row) => decodeTurn(jsonOf(place, row, where), { key: place, row: where }));
  const end = parts.at(-1)?.end;
  const messages = parts.flatMap((part) => part.messages);
  return { turnId, messages, ...(end !== undefined && { end }), version: Number(version) };
}

/** Fields and values, as a hash answers with them. */
function pairsOf(flat: readonly string[]): Map<string, string> {
  const pairs = new Map<string, string>();
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.set(flat[at] ?? '', flat[at + 1] ?? '');
  return pairs;
}

/** A row without the number before it. */
function jsonOf(place: Place, row: string, where: string): string {
  const space = row.indexOf(' ');
  if (space > 0) return row.slice(space + 1);
  throw unreadableError(place, where, 'is not as it was written');
}

function parsed<S extends z.ZodType>(doing: string, schema: S, reply: unknown): z.output<S> {
  const result = schema.safeParse(reply);
  if (result.success) return result.data;
  throw unknownFormError(doing);
}
