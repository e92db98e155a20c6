import { SluiceError, kindOf } from '../errors.ts';
import type { SessionKey } from './store.ts';

/** Most UTF-8 bytes of an owner, of a session's id and of a turn's id each. */
const MAX_ID_BYTES = 512;

const encoder = new TextEncoder();

/** A key in its long form, as it is: see {@link checkSessionKey}. */
export function sessionKey(key: SessionKey): { owner: string; id: string } {
  return typeof key === 'string' ? { owner: '', id: key } : { owner: key.owner, id: key.id };
}

/** A key in its long form. Throws `invalid_options` where it is none. */
export function checkSessionKey(key: SessionKey): { owner: string; id: string } {
  const parts: unknown = typeof key === 'string' ? { owner: '', id: key } : key;
  if (
    typeof parts !== 'object' ||
    parts === null ||
    !('id' in parts && typeof parts.id === 'string' && parts.id !== '') ||
    !('owner' in parts && typeof parts.owner === 'string')
  ) {
    throw new SluiceError(
      'invalid_options',
      `sessionId is ${kindOf(key)}: give a string that is not empty, or { owner, id }.`,
    );
  }
  const { owner, id } = parts;
  checkId('owner', owner);
  checkId('sessionId', id);
  return { owner, id };
}

/** Throws `invalid_options` where a text cannot be an id: too long, or not well-formed. `what` names it. */
export function checkId(what: string, id: string, maxBytes = MAX_ID_BYTES): void {
  if (!id.isWellFormed())
    throw new SluiceError('invalid_options', `${what} holds half a surrogate pair: give well-formed text.`);
  // A UTF-16 unit is at most three bytes.
  if (id.length * 3 > maxBytes && encoder.encode(id).length > maxBytes)
    throw new SluiceError('invalid_options', `${what} is too long: give at most ${maxBytes} UTF-8 bytes.`);
}
