import type { Message, StateStore, StoredTurn } from '../../src/index.ts';

/** Every append of a session that these turns and moves can have made. `version`: that of the session. */
export async function keptTurns(
  store: StateStore,
  key: { owner: string; id: string },
  names: Iterable<string>,
  version: number,
  moves: Iterable<string> = [],
): Promise<StoredTurn[]> {
  const turns: StoredTurn[] = [];
  const add = async (id: string): Promise<boolean> => {
    const turn = await store.turn(key, id);
    if (turn !== undefined) turns.push(turn);
    return turn !== undefined;
  };
  const all = [...names];
  for (const name of all) {
    await add(`${name}.input`);
    for (let number = 1; await add(`${name}.reply${number === 1 ? '' : `.${number}`}`); number++);
  }
  for (const id of moves) await add(id);
  // The rest are moves of the head back to the input of a turn that had failed.
  const found = new Set(turns.map((turn) => turn.version));
  for (let missing = 1; missing <= version; missing++)
    if (!found.has(missing)) for (const name of all) if (await add(`${name}.again.${missing - 1}`)) break;
  return turns;
}

/** The messages on the way to the head after each append, in the order of the appends. */
export function waysOf(ordered: readonly StoredTurn[]): Message[][] {
  return treeOf(ordered).ways;
}

/** The same, and the way to each message by its id. */
export function treeOf(ordered: readonly StoredTurn[]): {
  ways: Message[][];
  to: ReadonlyMap<string, readonly Message[]>;
} {
  const to = new Map<string, Message[]>();
  let way: Message[] = [];
  const ways = ordered.map(({ after, ids, messages }) => {
    if (after !== undefined) way = to.get(after) ?? [];
    for (const [at, message] of messages.entries()) {
      way = [...way, message];
      to.set(ids[at] ?? '', way);
    }
    return way;
  });
  return { ways, to };
}
