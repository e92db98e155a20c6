import { encodeSession, encodeTurn } from '../../src/index.ts';
import type { SessionEntry, TurnEnd } from '../../src/index.ts';

/** Most messages of a row. */
const MOST_MESSAGES = 50;

/** Redis counts whole milliseconds. */
export function milliseconds(ms: number): string {
  return String(Math.ceil(ms));
}

/** A list as arguments of a script: its length, then itself. */
export function listOf(items: readonly string[]): string[] {
  return [String(items.length), ...items];
}

/** Rows of messages, as pairs of text and number, so that a load of the newest ones reads few others. The last one has the end. */
export function rowsOf(entries: readonly SessionEntry[], end?: TurnEnd): string[] {
  const rows: string[] = [];
  for (let from = 0; from < entries.length; from += MOST_MESSAGES) {
    const some = entries.slice(from, from + MOST_MESSAGES);
    const isLast = from + MOST_MESSAGES >= entries.length;
    rows.push(encodeTurn(some, isLast ? end : undefined), String(some.length));
  }
  return rows;
}

/** Changes of metadata: what is set, as pairs, and what is taken out. A name is JSON too: it may hold half a surrogate pair. */
export function changesOf(metadata: Readonly<Record<string, unknown>>): string[] {
  const sets: string[] = [];
  const gone: string[] = [];
  for (const [name, value] of Object.entries(metadata)) {
    const field = JSON.stringify(name);
    if (value === undefined) gone.push(field);
    else sets.push(field, encodeSession({ metadata: Object.fromEntries([[name, value]]), pending: [] }));
  }
  return [...listOf(sets), ...listOf(gone)];
}
