import type * as z from 'zod';
import { SluiceError } from '../errors.ts';
import type { Message, ToolCallPart } from '../messages.ts';
import type { SessionEntry, SessionKey, Spend, TurnEnd } from './store.ts';
import { unreadableError } from './store-errors.ts';
import { sessionSchema, spendSchema, turnSchema } from './stored-schema.ts';

/** The version of what is written, as `v` in each stored text. */
const VERSION = 1;

/** A step makes of one version's content the next one's. The first is of version 1. */
export type Migration = (content: unknown) => unknown;

const MIGRATIONS: readonly Migration[] = [];

/** Where a text was read, for the message of an error. */
export interface StoredPlace {
  key: SessionKey;
  /** Which row: `turn 3`, `metadata`, ... */
  row: string;
}

/**
 * The content of one append as JSON text with its schema version: it holds no NUL and no lone surrogate, whatever the messages hold.
 * Throws `invalid_options` for what JSON cannot say.
 */
export function encodeTurn(entries: readonly SessionEntry[], end?: TurnEnd): string {
  return encoded({ messages: entries.map(({ message }) => message), end });
}

/** What {@link encodeTurn} made, checked and migrated. Throws `store`, not retryable, where it cannot be read. */
export function decodeTurn(
  json: string,
  place: StoredPlace,
): { messages: Message[]; end?: TurnEnd | undefined } {
  return decoded(json, place, turnSchema);
}

/** A session's metadata and pending calls as JSON text with its schema version. */
export function encodeSession(session: {
  metadata: Readonly<Record<string, unknown>>;
  pending: readonly ToolCallPart[];
}): string {
  return encoded(session);
}

/** What {@link encodeSession} made, checked and migrated. */
export function decodeSession(
  json: string,
  place: StoredPlace,
): { metadata: Record<string, unknown>; pending: ToolCallPart[] } {
  return decoded(json, place, sessionSchema);
}

/** Sums as JSON text with its schema version. */
export function encodeSpend({ usage, cost, turns }: Spend): string {
  return encoded({ usage, cost, turns });
}

/** What {@link encodeSpend} made, checked and migrated. */
export function decodeSpend(json: string, place: StoredPlace): Spend {
  return decoded(json, place, spendSchema);
}

/** Brings the content of an older version to this one. Exported for its tests. */
export function migrated(
  stored: unknown,
  place: StoredPlace,
  migrations: readonly Migration[] = MIGRATIONS,
): unknown {
  const now = migrations.length + 1;
  const v: unknown = typeof stored === 'object' && stored !== null && 'v' in stored ? stored.v : undefined;
  if (typeof v !== 'number' || !Number.isInteger(v) || v < 1)
    throw unreadableError(place.key, place.row, 'has no schema version');
  if (v > now) {
    const why = `has schema version ${v}, and this release reads up to ${now}: update it`;
    throw unreadableError(place.key, place.row, why);
  }
  return migrations.slice(v - 1).reduce((content, step) => step(content), stored);
}

function encoded(content: object): string {
  try {
    return JSON.stringify({ v: VERSION, ...content });
  } catch (error) {
    throw new SluiceError('invalid_options', 'What is to be stored is no plain data: JSON cannot say it.', {
      cause: error,
    });
  }
}

function decoded<S extends z.ZodType>(json: string, place: StoredPlace, schema: S): z.output<S> {
  const parsed = schema.safeParse(migrated(parseJson(json, place), place));
  if (parsed.success) return parsed.data;
  // Where the fault is, not what is there.
  const paths = parsed.error.issues.map(({ path }) => path.map(String).join('.') || 'content');
  throw unreadableError(place.key, place.row, `is not as it was written at ${paths.join(', ')}`);
}

function parseJson(json: string, place: StoredPlace): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // The parser's error quotes the text.
    throw unreadableError(place.key, place.row, 'is no JSON');
  }
}
