import { hashOf } from '../../src/kit/index.ts';

/** The names that every wire takes. */
const NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const LONGEST = 64;
const HASH_LENGTH = 8;

/**
 * The name under which a tool of a server is offered: the prefix and its own name, if every wire takes that. If not, other characters become `_`, and a hash of the whole name
 * follows, so that the name depends on nothing but the server's own name of the tool.
 */
export function offeredName(prefix: string, name: string): string {
  const whole = prefix + name;
  if (NAME.test(whole)) return whole;
  const kept = whole.replace(/[^a-zA-Z0-9_-]+/g, '_').slice(0, LONGEST - HASH_LENGTH - 1);
  return `${kept}_${hashOf(whole).slice(-HASH_LENGTH).padStart(HASH_LENGTH, '0')}`;
}
