import * as z from 'zod';
import { repairWarning } from './repair.ts';
import type { Fault } from './repair.ts';

/** Metadata key for the range of messages whose repair has been reported. */
export const REPAIRED = 'sluice.repaired';

/** A range of messages by their positions in the session. `to` is exclusive. */
export interface MessageRange {
  from: number;
  to: number;
}

const NOTHING: RepairReport = { warning: undefined, reported: undefined };

const position = z.int().min(0);
const schema = z.object({ from: position, to: position });

/** What a turn reports about the repair of its session. */
export interface RepairReport {
  /** The warning for faults that no turn has reported yet; undefined if there are none. */
  warning: string | undefined;
  /** The new value of {@link REPAIRED}, to be stored after the warning was given; undefined if it does not change. */
  reported: MessageRange | undefined;
}

/**
 * Reports each fault once. A fault is recognized by the position of its message: stored messages never change, and new ones come after them.
 * `read` is the part of the session that was repaired. The positions in `faults` count from its start.
 */
export function reportRepair(
  faults: readonly Fault[],
  read: MessageRange,
  session: { metadata: Readonly<Record<string, unknown>>; messageCount: number },
): RepairReport {
  const { metadata } = session;
  if (faults.length === 0 && !(REPAIRED in metadata)) return NOTHING;
  const stored = schema.safeParse(metadata[REPAIRED]).data;
  // A fork may be shorter than the original. Messages that it gets later have not been reported.
  const isCut = stored !== undefined && stored.to > session.messageCount;
  const reported = isCut ? { ...stored, to: session.messageCount } : stored;
  const isReported = ({ at }: Fault): boolean =>
    reported !== undefined && read.from + at >= reported.from && read.from + at < reported.to;
  const warning = repairWarning(faults.filter((fault) => !isReported(fault)));
  if (warning === undefined) return { warning, reported: isCut ? reported : undefined };
  const { from, to } = reported ?? read;
  return { warning, reported: { from: Math.min(from, read.from), to: Math.max(to, read.to) } };
}
