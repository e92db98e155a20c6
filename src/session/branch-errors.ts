import { SluiceError } from '../errors.ts';
import type { Role } from '../messages.ts';
import { sessionName } from './store/store-errors.ts';
import type { SessionKey } from './store/store.ts';

/** `not_found`: no message on the loaded way has this id. */
export function noMessageOnWayError(key: SessionKey, id: string): SluiceError {
  return new SluiceError(
    'not_found',
    `The ${sessionName(key)} has no message ${JSON.stringify(id)} on the branch that is loaded: load it with \`ids\`, or select another branch with switchTo().`,
  );
}

/** `invalid_request`: only messages of the user can be edited. */
export function notUsersError(key: SessionKey, id: string, role: Role): SluiceError {
  return new SluiceError(
    'invalid_request',
    `The message ${JSON.stringify(id)} of the ${sessionName(key)} has the role ${role}: edit() takes the id of a message of the user.`,
  );
}

/** `conflict`: a turn is sent again, and its messages are on a branch that is not the loaded one. */
export function otherBranchError(key: SessionKey): SluiceError {
  return new SluiceError(
    'conflict',
    `The turn of this turnId is on another branch of the ${sessionName(key)}: select that with switchTo(), or give another turnId.`,
  );
}

/** `conflict`: a decision is about a call of a turn that is open on a branch that is not the loaded one. */
export function callElsewhereError(key: SessionKey, callId: string): SluiceError {
  return new SluiceError(
    'conflict',
    `The call ${JSON.stringify(callId)} waits on another branch of the ${sessionName(key)}: select that with switchTo(), and decide then.`,
  );
}

/** `conflict`: a regenerated turn is sent again, and others came after it. */
export function laterTurnsError(key: SessionKey): SluiceError {
  return new SluiceError(
    'conflict',
    `Other turns of the ${sessionName(key)} came after the one that this turnId regenerates: give another turnId.`,
  );
}
