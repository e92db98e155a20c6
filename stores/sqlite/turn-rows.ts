import { decodeTurn, encodeTurn } from '../../src/index.ts';
import type { Message, SessionEntry, SessionKey, TurnEnd } from '../../src/index.ts';
import { MESSAGES_A_ROW } from './schema.ts';
import type { SessionRow, Statements, TurnRow } from './statements.ts';

/** What one row of an append holds. */
type Part = Pick<TurnRow, 'messages' | 'content'>;

/** An append as its rows, at least one. The end of the turn stands in the last. */
export function partsOf(entries: readonly SessionEntry[], end?: TurnEnd): Part[] {
  const parts: Part[] = [];
  let from = 0;
  do {
    const some = entries.slice(from, from + MESSAGES_A_ROW);
    from += some.length;
    const content = encodeTurn(some, from === entries.length ? end : undefined);
    parts.push({ messages: some.length, content });
  } while (from < entries.length);
  return parts;
}

/** Stores the rows of an append behind what a session has. */
export function insertParts(sql: Statements, row: SessionRow, turnId: string, parts: readonly Part[]): void {
  const version = row.version + 1;
  let through = row.messages;
  for (const [part, { messages, content }] of parts.entries()) {
    through += messages;
    sql.insertTurn(row.session, turnId, part, { version, through, messages, content });
  }
}

/** What rows hold, in their order. */
export function joined(
  key: SessionKey,
  rows: readonly TurnRow[],
): { messages: Message[]; end: TurnEnd | undefined } {
  const messages: Message[] = [];
  let end: TurnEnd | undefined;
  for (const row of rows) {
    const part = decodeTurn(row.content, { key, row: `turn at version ${row.version}` });
    for (const message of part.messages) messages.push(message);
    end = part.end;
  }
  return { messages, end };
}

/** Copies the first `count` messages of a session to a new one. */
export function copyTurns(
  sql: Statements,
  key: SessionKey,
  from: SessionRow,
  to: SessionRow,
  count: number,
): void {
  sql.copyTurns(to.session, from.session, count);
  const next = sql.rowBehind(from.session, count);
  if (next === undefined) return;
  const kept = count - (next.through - next.messages);
  if (kept === 0) return;
  const entries = joined(key, [next])
    .messages.slice(0, kept)
    .map((message) => ({ message }));
  const content = encodeTurn(entries);
  sql.insertTurn(to.session, undefined, 0, { version: 1, through: count, messages: kept, content });
}
