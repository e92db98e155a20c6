import type { StopAnswer } from '../resumable/resumable.ts';
import type { Service } from './service.ts';

/** Ends a turn of an owner, wherever it runs. */
export async function stopTurn(
  { turns, runs }: Service,
  owner: string,
  turnId: string,
  reason: string,
): Promise<StopAnswer> {
  const isHere = turns.stop(owner, (turn) => turn.turnId === turnId, reason);
  return isHere ? { status: 'pending', turnId } : runs.stop({ owner, id: turnId }, reason);
}

/** Ends the turn of a conversation that a client names, or the one that runs. */
export async function stopConversation(
  { turns, runs }: Service,
  session: { owner: string; id: string },
  turnId: string | undefined,
  reason: string,
): Promise<StopAnswer> {
  let stopped: string | undefined;
  const isHere = turns.stop(
    session.owner,
    (turn) => {
      const isIt = turn.session?.id === session.id && (turnId === undefined || turn.turnId === turnId);
      if (isIt) stopped = turn.turnId;
      return isIt;
    },
    reason,
  );
  if (isHere) return { status: 'pending', ...(stopped !== undefined && { turnId: stopped }) };
  return runs.stopTurn(session, { turnId, reason });
}
