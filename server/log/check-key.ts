import { SluiceError } from '../../src/index.ts';
import { kindOf } from '../../src/kit/index.ts';
import type { StreamKey } from './chunk-log.ts';

/** The maximum length of an owner and of an id. */
const MAX_LENGTH = 512;

/** Checks a key before it becomes part of a name. Throws `invalid_options`. */
export function checkStreamKey({ owner, id }: StreamKey): void {
  checkPart('owner', owner);
  checkPart('id', id);
  if (id === '') refuse('id is an empty string');
}

function checkPart(name: string, value: unknown): void {
  if (typeof value !== 'string') refuse(`${name} is ${kindOf(value)}`);
  else if (value.length > MAX_LENGTH) refuse(`${name} has ${value.length} characters`);
  else if (!value.isWellFormed()) refuse(`${name} has half a character`);
}

function refuse(what: string): never {
  const fix = `give a well-formed string of at most ${MAX_LENGTH} characters, and an id that is not empty`;
  throw new SluiceError('invalid_options', `The key of a stream: ${what}: ${fix}.`);
}
