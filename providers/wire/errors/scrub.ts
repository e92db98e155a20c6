import { inspect } from 'node:util';

/** Longest message of a provider that is passed on, in characters. */
const MAX_MESSAGE_CHARACTERS = 300;

/** Shorter strings are no secrets, and would be found in any text. */
const MIN_SECRET_CHARACTERS = 4;

/** What API keys look like, masked ones too. Linear: no repetition inside another. */
const KEY_LIKE =
  /\b(?:sk|pk|rk|gsk|xai|pplx|hf|nvapi|r8)[-_][\w*.-]{8,}|\bAIza[\w-]{20,}|\bBearer +[^\s"',]{8,}/gi;

/** A text without the secrets and without anything that looks like an API key. */
export function scrub(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of forms(secrets)) clean = clean.replaceAll(secret, '***');
  return clean.replace(KEY_LIKE, '***');
}

/** A provider's message as part of ours: scrubbed, on one line, at most 300 characters. */
export function quoted(message: string, secrets: readonly string[]): string {
  // Scrubbed before it is cut: half a key would not be found.
  const head = scrub(message.slice(0, 20 * MAX_MESSAGE_CHARACTERS), secrets);
  // eslint-disable-next-line no-control-regex -- a terminal would obey them
  const line = head.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
  return line.length <= MAX_MESSAGE_CHARACTERS
    ? line
    : `${line.slice(0, MAX_MESSAGE_CHARACTERS).toWellFormed()}…`;
}

/**
 * An error that may stand as the cause of ours: itself, or, where anything that a print of it would show holds a secret, a scrubbed
 * copy of name, message and causes.
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
  // Its first line is the message; where the secret stands in it, the trace goes with it.
  if (copy.stack !== undefined) copy.stack = `${copy.name}: ${copy.message}`;
  return copy;
}

/** Each secret as it is, without blanks round it, and as JSON and inspect() would print it. */
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
