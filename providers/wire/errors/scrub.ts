import { inspect } from 'node:util';

/** The longest provider message that is kept, in characters. */
const MAX_MESSAGE_CHARACTERS = 300;

/** Shorter strings are not secrets, and would be found in any text. */
const MIN_SECRET_CHARACTERS = 4;

/** What API keys look like, including masked ones. It is linear: no repetition contains another one. */
const KEY_LIKE =
  /\b(?:sk|pk|rk|gsk|xai|pplx|hf|nvapi|r8)[-_][\w*.-]{8,}|\bAIza[\w-]{20,}|\bBearer +[^\s"',]{8,}/gi;

/** A text without the secrets and without anything that looks like an API key. */
export function scrub(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of forms(secrets)) clean = clean.replaceAll(secret, '***');
  return clean.replace(KEY_LIKE, '***');
}

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
 * An error that may be the cause of another one: the error itself or, if printing it would show a secret, a copy of its
 * name, message and causes without secrets.
 */
export function safeCause(error: unknown, secrets: readonly string[]): unknown {
  const shown = inspect(error, { depth: 8, maxStringLength: 100_000, maxArrayLength: 200 });
  if (scrub(shown, secrets) === shown) return error;
  return copied(error, secrets, 0);
}

function copied(error: unknown, secrets: readonly string[], depth: number): unknown {
  if (!(error instanceof Error) || depth > 4) return undefined;
  const cause = copied(error.cause, secrets, depth + 1);
  const copy = new Error(quoted(error.message, secrets), cause === undefined ? undefined : { cause });
  copy.name = error.name;
  // The first line of the stack is the message. If it holds a secret, the trace goes, too.
  if (copy.stack !== undefined) copy.stack = `${copy.name}: ${copy.message}`;
  return copy;
}

/**
 * The forms in which a secret can be printed: as it is, without surrounding spaces, as JSON, and encoded for an address.
 */
function forms(secrets: readonly string[]): Set<string> {
  const all = new Set<string>();
  for (const secret of secrets) {
    const trimmed = secret.trim();
    for (const form of [secret, trimmed, JSON.stringify(secret).slice(1, -1), encodeURIComponent(trimmed)]) {
      if (form.length >= MIN_SECRET_CHARACTERS) all.add(form);
    }
  }
  return all;
}
