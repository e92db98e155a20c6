/** The name of a call that came without one. The call is invalid, but it needs a name to be sent back. */
export const UNKNOWN_TOOL = 'unknown';

/** No tool has a longer name: what would make one so is left out. */
const MAX_NAME = 1_000;

/**
 * The name of a call after another piece of it came with a name. Servers send the name once, repeat it whole on each piece,
 * send more of it each time, or split it ("get_", "weather"); the tools that the request offers settle most doubts.
 */
export function joinedName(before: string, piece: string, offered: ReadonlySet<string>): string {
  const joined = before + piece;
  if (joined.length > MAX_NAME) return before;
  if (piece === before) return !offered.has(before) && offered.has(joined) ? joined : before;
  if (begins(joined, offered)) return joined;
  if (piece.startsWith(before)) return piece;
  if (offered.has(piece)) return piece;
  return offered.has(before) ? before : joined;
}

/** Whether a piece with this name is surely of another call: both names are tools, and they do not join to one. */
export function isOtherTool(before: string, piece: string, offered: ReadonlySet<string>): boolean {
  if (piece === before || !offered.has(before) || !offered.has(piece)) return false;
  return !begins(before + piece, offered) && !piece.startsWith(before);
}

/** Whether a piece with this name surely goes on with the name before: only the two together are a tool. */
export function isRestOfName(before: string, piece: string, offered: ReadonlySet<string>): boolean {
  return !offered.has(before) && offered.has(before + piece);
}

/** Whether a tool has this name, or one that begins so. */
function begins(name: string, offered: ReadonlySet<string>): boolean {
  if (offered.has(name)) return true;
  for (const tool of offered) if (tool.startsWith(name)) return true;
  return false;
}
