import { noMessageOnWayError, notUsersError } from './branch-errors.ts';
import { isCut } from './loaded-way.ts';
import type { SessionState } from './store/store.ts';
import { noSessionError } from './store/store-errors.ts';
import type { TurnRequest } from './turn-request.ts';

/** What comes before a message that is edited. */
export interface EditedWay {
  /** The session as if the message before it were the newest one. */
  readonly before: SessionState;
  /** The id of that message; `''` if there is none. */
  readonly parent: string;
}

/** Finds a message of the user on the loaded way, and what comes before it. */
export async function editedWay(
  { store, key, historyLimit }: TurnRequest,
  id: string,
  loaded: SessionState | undefined,
): Promise<EditedWay> {
  // The one before it is needed, too.
  const isThere = (loaded?.ids?.indexOf(id) ?? -1) > 0;
  const state = isThere || !isCut(loaded) ? loaded : await store.load(key, { ids: true });
  if (state === undefined) throw noSessionError(key);
  const at = state.ids?.indexOf(id) ?? -1;
  const message = state.messages[at];
  if (message === undefined) throw noMessageOnWayError(key, id);
  if (message.role !== 'user') throw notUsersError(key, id, message.role);
  const parent = state.ids?.[at - 1] ?? '';
  if (parent === '' || (!isCut(state) && historyLimit === undefined))
    return { before: { ...state, messages: state.messages.slice(0, at), messageCount: at }, parent };
  const before = await store.load(key, { leaf: parent, last: historyLimit });
  if (before === undefined) throw noSessionError(key);
  return { before, parent };
}
