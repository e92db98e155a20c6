import { holdsKey } from './scrub.ts';

/*
 * Ids and names go into log lines and spans, where no word of the server's belongs. A server can put anything into their places.
 */

const NO_SECRETS: readonly string[] = [];

/** Words of a server that are shaped like what they should be, and hold no key. */
class ServedWord {
  readonly #shape: RegExp;
  /** What was accepted last, and what is known not to be in it: the same word is asked for several times a call. */
  #accepted: string | undefined;
  #without = NO_SECRETS;

  constructor(shape: RegExp) {
    this.#shape = shape;
  }

  accept(value: unknown, secrets: readonly string[]): string | undefined {
    if (typeof value !== 'string') return undefined;
    if (value === this.#accepted && (secrets === this.#without || secrets.length === 0)) return value;
    if (!this.#shape.test(value) || holdsKey(value, secrets)) return undefined;
    this.#accepted = value;
    this.#without = secrets;
    return value;
  }
}

/** Ids of requests are one word. */
const requestIds = new ServedWord(/^[\w.:-]{1,128}$/);

/** Names of models are one word, as in `gpt-5`, `us.anthropic.claude:0`, `org/model@fp8` or the path of a file. */
const models = new ServedWord(/^[\w~@/][\w.:/@+~,()[\]\\-]{0,199}$/);

/** Reasons of a cancel are one short line. */
const reasons = new ServedWord(/^[^\p{C}\p{Zl}\p{Zp}]{1,100}$/u);

/** The value if it is shaped like the id of a request and holds no key, else undefined. */
export function asRequestId(value: unknown, secrets = NO_SECRETS): string | undefined {
  return requestIds.accept(value, secrets);
}

/** The value if it is shaped like the name of a model and holds no key, else undefined. */
export function asModelName(value: unknown, secrets = NO_SECRETS): string | undefined {
  return models.accept(value, secrets);
}

/** The value if it is one line of at most 100 characters and holds no key, else undefined. */
export function asReason(value: unknown): string | undefined {
  return reasons.accept(value, NO_SECRETS);
}
