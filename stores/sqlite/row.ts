import type { SQLOutputValue } from 'node:sqlite';

/** A row as Node gives it. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** A column of numbers. The tables are strict, so another type is a mistake in a statement. */
export function numberIn(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new TypeError(`The column ${column} is not a number.`);
  return value;
}

/** A column of numbers that may be null. */
export function numberOrNoneIn(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : numberIn(row, column);
}

/** A column of texts. */
export function textIn(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new TypeError(`The column ${column} is not text.`);
  return value;
}

/** A column of texts that may be null. */
export function textOrNoneIn(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : textIn(row, column);
}
