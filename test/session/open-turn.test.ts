import { randomBytes } from 'node:crypto';
import { MemoryStore, Pipeline } from 'sluice';
import type { PipelineStore, SessionKey, SessionState, StateStore, Step } from 'sluice';
import { provider } from 'sluice/middleware';
import { encrypted } from 'sluice/stores/encrypted';
import { sqliteStore } from 'sluice/stores/sqlite';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { ForwardingStore } from '../support/forwarding-store.ts';
import { newPath } from '../stores/sqlite/stage.ts';
import { cut, done, reply, wait, waiting } from './steps/steps.ts';

const KEY: SessionKey = { owner: 'alice', id: 's' };

/** The store as a pipeline gives it. */
const inPipeline = (store: StateStore): PipelineStore =>
  new Pipeline([provider(scripted([]))], { store }).store;

/** Stores a turn with two calls, one of which waits. */
async function openTurn(store: StateStore, ...more: Step[]): Promise<void> {
  await using lease = await store.lease(KEY, 10_000);
  const entries = [{ message: { role: 'user' as const, content: 'Pay.' } }];
  await store.append(KEY, entries, { expectedVersion: 0, turnId: 't.input', lease });
  const steps = [reply(0, ['a', 'b'], { starts: ['a'], waits: ['b'] }), done('a'), ...more];
  await store.record(KEY, 't', steps, { from: 0, lease });
}

const stores: [string, () => StateStore][] = [
  ['in memory', () => new MemoryStore()],
  ['SQLite', () => sqliteStore({ path: newPath() })],
  ['encrypted', () => encrypted(sqliteStore({ path: newPath() }), randomBytes(32))],
];

describe.each(stores)('a session with an open turn, %s', (_name, make) => {
  test('is loaded with what the turn has so far, on request', async () => {
    const store = inPipeline(make());
    expect(await store.load(KEY, { open: true })).toBeUndefined();
    await openTurn(store, wait(waiting('b')));
    expect(await store.load(KEY)).not.toHaveProperty('openTurn');
    const state = await store.load(KEY, { open: true, last: 1 });
    expect(state?.messages.map(({ role }) => role)).toEqual(['user']);
    expect(state?.openTurn).toEqual({
      turnId: 't',
      messages: [
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'round 0' },
            { type: 'tool_call', id: 'a', name: 'tool-a', arguments: {} },
            { type: 'tool_call', id: 'b', name: 'tool-b', arguments: {} },
          ],
        },
        { role: 'tool', content: [{ type: 'tool_result', id: 'a', name: 'tool-a', content: 'result of a' }] },
      ],
      pending: [waiting('b')],
    });
    await store.close();
  });
});

describe('a session with an open turn', () => {
  test('shows the text of a reply that was cut short, as partial', async () => {
    const store = inPipeline(new MemoryStore());
    await openTurn(store, cut('Hel'));
    const state = await store.load(KEY, { open: true });
    expect(state?.openTurn?.messages.at(-1)).toEqual({ role: 'assistant', content: 'Hel', partial: true });
  });

  test('is loaded again if the turn has ended in between', async () => {
    const below = new MemoryStore();
    await openTurn(below);
    class Ends extends ForwardingStore {
      override async load(...given: Parameters<StateStore['load']>): Promise<SessionState | undefined> {
        const state = await super.load(...given);
        if (state?.open === undefined) return state;
        await using lease = await below.lease(KEY, 10_000);
        const entries = [{ message: { role: 'assistant' as const, content: 'Done.' } }];
        const options = { expectedVersion: state.version, turnId: 't.reply', lease, closes: 't' };
        await below.append(KEY, entries, options);
        return state;
      }
    }
    const state = await inPipeline(new Ends(below)).load(KEY, { open: true });
    expect(state?.messages.map(({ content }) => content)).toEqual(['Pay.', 'Done.']);
    expect(state).not.toHaveProperty('openTurn');
  });

  test('is loaded without the turn if a store says that it is open and has no steps of it', async () => {
    class Lost extends ForwardingStore {
      loads = 0;
      override steps(): Promise<[]> {
        this.loads++;
        return Promise.resolve([]);
      }
    }
    const store = new Lost(new MemoryStore());
    await openTurn(store);
    expect(await inPipeline(store).load(KEY, { open: true })).not.toHaveProperty('openTurn');
    expect(store.loads).toBe(5);
  });
});
