// Where a row lies: on which line, and how many messages there are up to and with it. Rows that follow one another lie on one line, so that a window
// is found by an index. A row that follows one which has another row after it begins a line, whose number is the version of its write. The
// position of a row is both as one number that JavaScript can hold: 2^30 messages on each of 2^23 lines.

/** How many positions a line has. */
export const LINE = 2 ** 30;

/** Splits a position into line and number of messages. */
export function placeAt(position: number): { line: number; upto: number } {
  return { line: Math.floor(position / LINE), upto: position % LINE };
}

/** The position of a row. */
export function positionOf(line: number, upto: number): number {
  return line * LINE + upto;
}
