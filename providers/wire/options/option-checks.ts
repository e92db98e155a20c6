const HEADER_VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** Whether a text can be the name of a header (RFC 9110, section 5.1). */
export function isHeaderName(name: string): boolean {
  return HEADER_NAME.test(name);
}

/** Whether a text can be the value of a header: one line (RFC 9110, section 5.5). */
export function isHeaderValue(value: string): boolean {
  return HEADER_VALUE.test(value);
}

/** Whether a text is a header's value with something in it and no spaces around it, as a key is. */
export function isHeaderLine(value: string): boolean {
  return value !== '' && value === value.trim() && isHeaderValue(value);
}

/** Whether a text is an address of http or https. */
export function isHttpUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}

/** A variable of the environment, without spaces around it; an empty one counts as none. */
export function environmentValue(variable: string): string | undefined {
  const value = typeof process === 'undefined' ? undefined : process.env[variable]?.trim();
  return value === '' ? undefined : value;
}

/**
 * Takes back the headers that an SDK adds by itself from a variable of the environment (a line each, `name: value`): a header of null is not
 * sent. Those in `kept` are set behind the environment's anyway.
 */
export function withoutEnvironmentHeaders(variable: string, kept: ReadonlySet<string>): Record<string, null> {
  const removed: Record<string, null> = {};
  for (const line of environmentValue(variable)?.split('\n') ?? []) {
    const name = line
      .slice(0, Math.max(line.indexOf(':'), 0))
      .trim()
      .toLowerCase();
    if (name !== '' && !kept.has(name)) removed[name] = null;
  }
  return removed;
}
