/**
 * What a reference of a schema refers to: `#`, or a path such as `#/$defs/node`. Undefined for anything else (an anchor, another document), if it cannot be decoded, or if it
 * leads nowhere.
 */
export function targetOf(root: unknown, reference: string): unknown {
  const [start, ...steps] = reference.split('/');
  if (start !== '#') return undefined;
  let at = root;
  for (const step of steps) {
    const key = decoded(step)?.replaceAll('~1', '/').replaceAll('~0', '~');
    if (key === undefined || typeof at !== 'object' || at === null || !Object.hasOwn(at, key))
      return undefined;
    at = Reflect.get(at, key);
  }
  return at;
}

function decoded(step: string): string | undefined {
  try {
    return decodeURIComponent(step);
  } catch {
    return undefined;
  }
}
