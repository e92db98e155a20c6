import { MemoryStore, Pipeline } from 'sluice';
import type { Message } from 'sluice';
import { provider } from 'sluice/middleware';
import { logger } from '../../contestants/the-five.ts';
import { source } from '../source.ts';

/** Turns of sessions that end in a row of replies, all of which are read, checked and sent. Each session has one turn. */
export async function sessionTurns(length: number, times: number): Promise<() => Promise<void>> {
  const store = new MemoryStore();
  const pipeline = new Pipeline([provider(source(1, 1))], { store, historyLimit: length, logger });
  const keys = Array.from({ length: times }, (_, at) => ({ owner: 'bench', id: `session-${at}` }));
  const entries = Array.from({ length }, (_, at) => ({ message: at === 0 ? QUESTION : REPLY }));
  for (const key of keys) await store.append(key, entries, { expectedVersion: 0, turnId: 'before' });
  return async function turns() {
    for (const key of keys) {
      const { warnings } = await pipeline.executeWithContext(key, 'user', 'And now?');
      if (warnings.length > 0) throw new Error(`A turn ended with a warning: ${warnings.join(' ')}`);
    }
  };
}

const QUESTION: Message = { role: 'user', content: 'Go on.' };

const REPLY: Message = {
  role: 'assistant',
  content: [
    { type: 'thinking', text: 'What comes next?' },
    { type: 'text', text: 'This was said before.' },
  ],
};
