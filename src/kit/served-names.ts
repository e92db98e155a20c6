import { holdsKey } from './scrub.ts';

/** What ids of requests look like: one word. */
const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** What names of models look like: one word, as in `gpt-5`, `us.anthropic.claude:0`, `org/model@fp8` or the path of a file. */
const MODEL = /^[\w~@/][\w.:/@+~,()[\]\\-]{0,199}$/;

/*
 * Ids and names go into log lines and spans, where no word of the server's belongs. A server can put anything into their places.
 */

/** The value if it is shaped like the id of a request and holds no key, else undefined. */
export function asRequestId(value: unknown, secrets: readonly string[] = []): string | undefined {
  return shaped(value, REQUEST_ID, secrets);
}

/** The value if it is shaped like the name of a model and holds no key, else undefined. */
export function asModelName(value: unknown, secrets: readonly string[] = []): string | undefined {
  return shaped(value, MODEL, secrets);
}

function shaped(value: unknown, shape: RegExp, secrets: readonly string[]): string | undefined {
  return typeof value === 'string' && shape.test(value) && !holdsKey(value, secrets) ? value : undefined;
}
