import { scrub } from '../../../src/kit/index.ts';

/** The longest provider message that is kept, in characters. */
const MAX_MESSAGE_CHARACTERS = 300;

/** How deep, and how many values of an error, are searched for secrets. */
const MAX_DEPTH = 8;
const MAX_VALUES = 5_000;

/** How much of each text in an error is searched. */
const MAX_TEXT_CHARACTERS = 100_000;

/** A provider's message as part of an error of ours: without secrets, on one line, at most 300 characters. */
export function quoted(message: string, secrets: readonly string[]): string {
  // The secrets are removed before the text is cut: half a key would not be found.
  const head = scrub(message.slice(0, 20 * MAX_MESSAGE_CHARACTERS), secrets);
  // eslint-disable-next-line no-control-regex -- a terminal would obey them
  const line = head.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
  return line.length <= MAX_MESSAGE_CHARACTERS
    ? line
    : `${line.slice(0, MAX_MESSAGE_CHARACTERS).toWellFormed()}…`;
}

/**
 * An error that may be the cause of another one: the error itself or, if anything in it holds a secret, a copy of its name, message, code and
 * causes without secrets.
 */
export function safeCause(error: unknown, secrets: readonly string[]): unknown {
  return new Search(secrets).isClean(error, 0) ? error : copied(error, secrets, 0);
}

/** Looks for secrets in all that an error holds: fields, headers, lists, causes. */
class Search {
  readonly #secrets: readonly string[];
  readonly #seen = new Set<object>();

  constructor(secrets: readonly string[]) {
    this.#secrets = secrets;
  }

  /** Whether there is no secret in a value. What is too large or too deep to be searched counts as one. */
  isClean(value: unknown, depth: number): boolean {
    if (typeof value === 'string') return this.#isCleanText(value);
    if (typeof value !== 'object' || value === null || this.#seen.has(value)) return true;
    if (depth > MAX_DEPTH || this.#seen.size > MAX_VALUES) return false;
    this.#seen.add(value);
    if (value instanceof Uint8Array) return this.#isCleanText(new TextDecoder().decode(value));
    return partsOf(value).every((part) => this.isClean(part, depth + 1));
  }

  #isCleanText(text: string): boolean {
    const head = text.slice(0, MAX_TEXT_CHARACTERS);
    return head.length === text.length && scrub(head, this.#secrets) === head;
  }
}

/** The values of an object, without calling its getters; of headers, maps and sets what they hold. */
function partsOf(value: object): unknown[] {
  try {
    const fields = Object.values(Object.getOwnPropertyDescriptors(value)).map(
      (field): unknown => field.value,
    );
    const holds = value instanceof Headers || value instanceof Map || value instanceof Set;
    return holds ? [...fields, ...value] : fields;
  } catch {
    return [];
  }
}

function copied(error: unknown, secrets: readonly string[], depth: number): unknown {
  if (!(error instanceof Error) || depth > 4) return undefined;
  const cause = copied(error.cause, secrets, depth + 1);
  const copy = new Error(quoted(error.message, secrets), cause === undefined ? undefined : { cause });
  copy.name = quoted(error.name, secrets);
  // The first line of the stack is the message. If it holds a secret, the trace goes, too.
  copy.stack = `${copy.name}: ${copy.message}`;
  if ('code' in error && typeof error.code === 'string') {
    Object.assign(copy, { code: quoted(error.code, secrets) });
  }
  return copy;
}
