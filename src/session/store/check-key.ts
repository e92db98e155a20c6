import { SluiceError, kindOf } from '../../errors.ts';
import type { SessionKey } from './store.ts';

/** Most UTF-8 bytes of an owner, of a session's id and of a turn's id each. */
const MAX_ID_BYTES = 512;

const encoder = new TextEncoder();

/** A key in its long form, without a check: see {@link checkSessionKey}. */
export function sessionKey(key: SessionKey): { owner: string; id: string } {
  return typeof key === 'string' ? { owner: '', id: key } : { owner: key.owner, id: key.id };
}

/** A key in its long form. Throws `invalid_options` if it is not a key. */
export function checkSessionKey(key: SessionKey): { owner: string; id: string } {
  if (typeof key !== 'string' && (typeof key !== 'object' || key === null))
    throw notAnId('sessionId', key, 'a string that is not empty, or { owner, id }');
  const { owner, id } = sessionKey(key);
  if (typeof owner !== 'string') throw notAnId('sessionId.owner', owner, "a string, '' where there is none");
  const name = typeof key === 'string' ? 'sessionId' : 'sessionId.id';
  if (typeof id !== 'string' || id === '') throw notAnId(name, id, 'a string that is not empty');
  checkId('owner', owner);
  checkId('sessionId', id);
  return { owner, id };
}

function notAnId(name: string, found: unknown, advice: string): SluiceError {
  const kind = found === '' ? 'empty' : kindOf(found);
  return new SluiceError('invalid_options', `${name} is ${kind}: give ${advice}.`);
}

/** Throws `invalid_options` if a text cannot be an id: too long, or not well-formed. `what` names it. */
export function checkId(what: string, id: string, maxBytes = MAX_ID_BYTES): void {
  if (!id.isWellFormed())
    throw new SluiceError('invalid_options', `${what} holds half a surrogate pair: give well-formed text.`);
  // A UTF-16 unit is at most three bytes.
  if (id.length * 3 > maxBytes && encoder.encode(id).length > maxBytes)
    throw new SluiceError('invalid_options', `${what} is too long: give at most ${maxBytes} UTF-8 bytes.`);
}
