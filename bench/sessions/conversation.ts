import { MemoryStore, Pipeline, storedText } from 'sluice';
import type { Message, StateStore } from 'sluice';
import { provider } from 'sluice/middleware';
import { source } from '../in-memory/source.ts';
import { answerOf } from '../upstream/text.ts';

/** How many messages of its session a turn reads. */
export const WINDOW = 20;
/** The pieces of a reply. They come in one read, because the model's time is not measured. */
const PIECES = 120;

const QUESTION =
  'And what became of the café by the river, the one with the green door, where Zoë used to wait for the last ferry?';

/** Makes the messages of earlier turns. */
export function said(count: number): Message[] {
  return Array.from({ length: count }, (_, index) =>
    index % 2 === 0 ? { role: 'user', content: QUESTION } : { role: 'assistant', content: answerOf(PIECES) },
  );
}

/** Runs one turn of a session. */
export type RunTurn = (id: string) => Promise<void>;

/** Runs turns in a pipeline with a provider in memory. Throws if a turn is not stored. */
export function turnsOn(store: StateStore): RunTurn {
  const pipeline = new Pipeline([provider(source(PIECES, PIECES))], { store, historyLimit: WINDOW });
  return async function turn(id) {
    const { warnings } = await pipeline.executeWithContext({ owner: 'bench', id }, 'user', QUESTION);
    if (warnings.length > 0) throw new Error(`A turn ended with a warning: ${warnings.join(' ')}`);
  };
}

/** Runs the same execution without a session, with the messages of the window as input. */
export function executions(): RunTurn {
  const pipeline = new Pipeline([provider(source(PIECES, PIECES))]);
  const messages: Message[] = [...said(WINDOW), { role: 'user', content: QUESTION }];
  return async function execute() {
    await pipeline.execute(messages);
  };
}

/** The calls that a turn makes to its store, and the texts that the store writes. */
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
    recorded.texts.push(storedText.messages.write(entries.map(({ message }) => message)));
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

/** Creates a session with this many messages, one per append, as turns do. */
export async function begin(store: StateStore, id: string, count: number): Promise<void> {
  const key = { owner: 'bench', id };
  for (const [version, message] of said(count).entries())
    await store.append(key, [{ message }], { expectedVersion: version, turnId: `said-${version}` });
}
