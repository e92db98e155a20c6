/** Makes something of a name once, as long as the same name is asked for: nearly all calls of a provider are to one model. */
export function rememberLast<T>(make: (name: string) => T): (name: string) => T {
  let last: { name: string; made: T } | undefined;
  return function remembered(name) {
    if (last?.name !== name) last = { name, made: make(name) };
    return last.made;
  };
}
