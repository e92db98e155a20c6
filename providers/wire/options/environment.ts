/** The value of an environment variable without the spaces around it; undefined if it is not set or empty. */
export function environmentValue(variable: string): string | undefined {
  const value = typeof process === 'undefined' ? undefined : process.env?.[variable]?.trim();
  return value === '' ? undefined : value;
}

/**
 * Default headers that cancel the ones that an SDK takes from an environment variable (one `name: value` per line): the SDK does not
 * send a header whose value is null. The headers in `kept` are set again later, so they need no such entry.
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
