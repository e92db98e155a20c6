import type { Row, Write } from '../../src/index.ts';
import type { PlaceOfRow, SessionRow, Statements, TurnRow } from './statements.ts';

/** Stores the rows of a write and moves the head of the session. The session itself is saved by the caller. */
export function addRows(
  sql: Statements,
  row: SessionRow,
  { group, rows, after, head }: Pick<Write, 'group' | 'rows' | 'after' | 'head'>,
  at: number,
): void {
  if (after !== undefined && after !== row.head) moveTo(sql, row, after);
  const first = group?.from ?? 0;
  for (const [number, one] of rows.entries()) {
    if (one.weight === 0) insert(sql, row, one, { group: group?.id, part: first + number, at });
    else append(sql, row, one, { group: group?.id, part: first + number, at });
  }
  if (head !== undefined && head !== row.head && !rows.some(({ weight }) => weight > 0))
    moveTo(sql, row, head);
}

/** The rows on the way to a row, in order, without those that hold only the first `skip` messages. Usually they are on one line. */
export function wayTo(sql: Statements, session: number, to: PlaceOfRow, skip: number): TurnRow[] {
  let rows = sql.line(session, to, skip);
  for (let [first] = rows; first !== undefined && first.through - first.weight > skip; [first] = rows) {
    const before = sql.placeBefore(session, first.position);
    if (before === undefined) break;
    rows = [...sql.line(session, before, skip), ...rows];
  }
  return rows;
}

interface NewRow {
  readonly group: string | undefined;
  readonly part: number;
  readonly at: number;
}

/** Stores a row of messages after the head. It begins a line if the line of the head goes on with another row. */
function append(sql: Statements, row: SessionRow, one: Row, place: NewRow): void {
  const from = { line: row.line, through: row.messages };
  if (row.branched && sql.goesOn(row.session, from)) row.line = sql.nextPosition();
  row.messages += one.weight;
  row.head = insert(sql, row, one, place);
}

function insert(sql: Statements, row: SessionRow, { weight, content }: Row, place: NewRow): number {
  const { session, version, line, head, messages } = row;
  return sql.insertTurn({
    ...place,
    session,
    version,
    line,
    parent: weight === 0 ? 0 : head,
    through: messages,
    weight,
    content,
  });
}

function moveTo(sql: Statements, row: SessionRow, position: number): void {
  const { line = 0, through = 0 } = sql.placeOfRow(row.session, position) ?? {};
  row.head = position;
  row.line = line;
  row.messages = through;
  row.branched = true;
}
