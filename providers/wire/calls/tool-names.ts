/** The name of a call that came without one. The call is invalid, but it needs a name to be sent back. */
export const UNKNOWN_TOOL = 'unknown';

/** The longest name in characters. A piece that would make a longer one is ignored. */
const MAX_NAME = 1_000;

/**
 * The name of a call after another piece with a name has come. Servers send the name once, repeat it with each piece, send
 * a longer part of it each time, or split it ("get_", "weather"). The tools that the request offers settle most doubts.
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

/**
 * Whether a piece with this name belongs to another call: both names are tools, and they do not join to the name of a tool.
 */
export function isOtherTool(before: string, piece: string, offered: ReadonlySet<string>): boolean {
  if (!offered.has(before) || !offered.has(piece) || piece.startsWith(before)) return false;
  return !begins(before + piece, offered);
}

/** Whether a piece with this name continues the name before: only the two together are the name of a tool. */
export function isRestOfName(before: string, piece: string, offered: ReadonlySet<string>): boolean {
  return !offered.has(before) && offered.has(before + piece);
}

/** Whether the name of a tool is, or begins with, this text. */
function begins(name: string, offered: ReadonlySet<string>): boolean {
  if (offered.has(name)) return true;
  for (const tool of offered) if (tool.startsWith(name)) return true;
  return false;
}
