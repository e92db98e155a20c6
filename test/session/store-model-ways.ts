/** What a model of a session knows of its messages. */
export interface Ways {
  /** Those on the way to the head. */
  messages: string[];
  /** Which message each one follows; `''` for none. */
  parents: Map<string, string>;
  /** The ids that the store has given to them. */
  ids: Map<string, string>;
}

/** The messages on the way to one, with it. */
export function wayTo({ parents }: Ways, text: string): string[] {
  const way: string[] = [];
  for (let at = text; at !== ''; at = parents.get(at) ?? '') way.unshift(at);
  return way;
}

/** The ways to the messages that nothing follows, and to the head. */
export function branchesOf(session: Ways): { id: string; messageCount: number; isHead: boolean }[] {
  const { messages, parents, ids } = session;
  const followed = new Set(parents.values());
  const head = messages.at(-1);
  const ends = [...parents.keys()].filter((text) => text === head || !followed.has(text));
  return ends.map((text) => ({
    id: ids.get(text) ?? '',
    messageCount: wayTo(session, text).length,
    isHead: text === head,
  }));
}

/** Compares by id. */
export function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : 1;
}
