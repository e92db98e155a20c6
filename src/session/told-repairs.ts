import * as z from 'zod';
import { repairWarning } from './repair.ts';
import type { Fault } from './repair.ts';

/** Set in a session's metadata: which of its messages have been repaired with a warning. */
export const REPAIRED = 'sluice.repaired';

/** Messages of a session by their positions: from one to before another. */
export interface MessageRange {
  from: number;
  to: number;
}

const NOTHING: RepairReport = { warning: undefined, told: undefined };

const position = z.int().min(0);
const schema = z.object({ from: position, to: position });

/** What a turn says of the repair of its session. */
export interface RepairReport {
  /** The warning for what no turn has reported yet; undefined if all was reported. */
  warning: string | undefined;
  /** To be stored as {@link REPAIRED} when the warning has been given; undefined if that stays as it is. */
  told: MessageRange | undefined;
}

/**
 * A fault is told once. It is found again by the position of its message: stored messages are never changed, and new ones come after them.
 * `read` is the part of the session that was repaired, which `faults` count from.
 */
export function reportRepair(
  faults: readonly Fault[],
  read: MessageRange,
  session: { metadata: Readonly<Record<string, unknown>>; messageCount: number },
): RepairReport {
  const { metadata } = session;
  if (faults.length === 0 && !(REPAIRED in metadata)) return NOTHING;
  const stored = schema.safeParse(metadata[REPAIRED]).data;
  // A fork may be shorter than its original was: what comes there now has not been told.
  const isCut = stored !== undefined && stored.to > session.messageCount;
  const told = isCut ? { ...stored, to: session.messageCount } : stored;
  const isTold = ({ at }: Fault): boolean =>
    told !== undefined && read.from + at >= told.from && read.from + at < told.to;
  const warning = repairWarning(faults.filter((fault) => !isTold(fault)));
  if (warning === undefined) return { warning, told: isCut ? told : undefined };
  const { from, to } = told ?? read;
  return { warning, told: { from: Math.min(from, read.from), to: Math.max(to, read.to) } };
}
