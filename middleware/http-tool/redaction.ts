/** What stands in place of a secret, as `scrub()` writes it. */
const HIDDEN = '***';

/** Shorter values are not secrets, and would be found in any text. */
const MIN_SECRET_CHARACTERS = 4;

/** Headers and parameters whose values are secrets whatever the caller says. */
const SECRET_NAME = /auth|cookie|key|password|secret|token/i;

type Field = readonly [name: string, value: unknown];

/** The names of fields whose values nobody may see. */
export class Redaction {
  readonly names: ReadonlySet<string>;

  constructor(names: readonly string[]) {
    this.names = new Set(names.map((name) => name.toLowerCase()));
  }

  /**
   * The values to look for in what comes back: those of fields with these names. `fixed` are headers and parameters that the caller has set: there, those
   * that are named like a key count, too.
   */
  secretsOf({ fixed, input }: { fixed: readonly Field[]; input: readonly Field[] }): string[] {
    const named = [
      ...fixed.filter(([name]) => this.#has(name) || SECRET_NAME.test(name)),
      ...input.filter(([name]) => this.#has(name)),
    ];
    const values = named.flatMap(([, value]) =>
      typeof value === 'string' ? [value, afterScheme(value)] : [],
    );
    return values.filter((value) => value.length >= MIN_SECRET_CHARACTERS);
  }

  /** A copy of JSON data without the values of these fields, at any depth, and without the secrets. */
  data(value: unknown, secrets: readonly string[]): unknown {
    if (typeof value === 'string') return withoutSecrets(value, secrets);
    if (Array.isArray(value)) return value.map((item) => this.data(item, secrets));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    return Object.fromEntries(
      entries.map(([name, item]) => [name, this.#has(name) ? HIDDEN : this.data(item, secrets)]),
    );
  }

  /** A URL without the values of parameters with these names, and without a password. */
  url(given: URL): string {
    const url = new URL(given);
    url.username = '';
    url.password = '';
    for (const name of new Set(url.searchParams.keys()))
      if (this.#has(name)) url.searchParams.set(name, HIDDEN);
    return url.href;
  }

  #has(name: string): boolean {
    return this.names.has(name.toLowerCase());
  }
}

/** A text without the secrets as they were sent. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((clean, secret) => clean.replaceAll(secret, HIDDEN), text);
}

/** The token in `Bearer <token>`. */
function afterScheme(value: string): string {
  return value.slice(value.indexOf(' ') + 1);
}
