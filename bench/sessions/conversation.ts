import { MemoryStore, Pipeline, encodeTurn } from 'sluice';
import type { Message, StateStore } from 'sluice';
import { provider } from 'sluice/middleware';
import { source } from '../in-memory/source.ts';
import { answerOf } from '../upstream/text.ts';

/** How many messages of its session a turn reads. */
export const WINDOW = 20;
/** Pieces of a reply. They come in one read: what the model takes is not what is measured. */
const PIECES = 120;

const QUESTION =
  'And what became of the café by the river, the one with the green door, where Zoë used to wait for the last ferry?';

/** Messages that were said before, so many. */
export function said(count: number): Message[] {
  return Array.from({ length: count }, (_, index) =>
    index % 2 === 0 ? { role: 'user', content: QUESTION } : { role: 'assistant', content: answerOf(PIECES) },
  );
}

/** Runs one turn of a session. */
export type RunTurn = (id: string) => Promise<void>;

/** Turns through a pipeline whose provider is in memory. One that is not stored fails the bench. */
export function turnsOn(store: StateStore): RunTurn {
  const pipeline = new Pipeline([provider(source(PIECES, PIECES))], { store, historyLimit: WINDOW });
  return async function turn(id) {
    const { warnings } = await pipeline.executeWithContext({ owner: 'bench', id }, 'user', QUESTION);
    if (warnings.length > 0) throw new Error(`A turn ended with a warning: ${warnings.join(' ')}`);
  };
}

/** The same execution without a session: the window's messages are given to it. */
export function executions(): RunTurn {
  const pipeline = new Pipeline([provider(source(PIECES, PIECES))]);
  const messages: Message[] = [...said(WINDOW), { role: 'user', content: QUESTION }];
  return async function execute() {
    await pipeline.execute(messages);
  };
}

/** What a turn asks of its store, and the texts that it has it write: the messages as every store writes them. */
export interface RecordedTurn {
  calls: string[];
  texts: string[];
}

/** Records a turn. */
export async function recordedTurn(): Promise<RecordedTurn> {
  const recorded: RecordedTurn = { calls: [], texts: [] };
  const store = new MemoryStore();
  const append = store.append.bind(store);
  store.append = (key, entries, options) => {
    recorded.texts.push(encodeTurn(entries, options.end));
    return append(key, entries, options);
  };
  const watched = new Proxy<StateStore>(store, {
    get(_target, name) {
      const value: unknown = Reflect.get(store, name);
      if (typeof value !== 'function') return value;
      return (...values: unknown[]): unknown => {
        recorded.calls.push(String(name));
        return Reflect.apply(value, store, values);
      };
    },
  });
  await turnsOn(watched)('recorded');
  return recorded;
}

/** Begins a session of so many messages, one an append, as turns leave it. */
export async function begin(store: StateStore, id: string, count: number): Promise<void> {
  const key = { owner: 'bench', id };
  for (const [version, message] of said(count).entries())
    await store.append(key, [{ message }], { expectedVersion: version, turnId: `said-${version}` });
}
