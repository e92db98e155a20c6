/** Calls `make` again only if the name differs from the last one. Nearly all calls of a provider are to one model. */
export function rememberLast<T>(make: (name: string) => T): (name: string) => T {
  let last: { name: string; made: T } | undefined;
  return function remembered(name) {
    if (last?.name !== name) last = { name, made: make(name) };
    return last.made;
  };
}
