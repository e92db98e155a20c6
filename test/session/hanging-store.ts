import { MemoryStore } from 'sluice';
import type { Lease, StateStore } from 'sluice';

/** Every method of a store. */
export const VERBS = [
  'load',
  'turn',
  'append',
  'record',
  'steps',
  'branches',
  'update',
  'spend',
  'list',
  'fork',
  'delete',
  'forget',
  'lease',
  'close',
] as const satisfies readonly (keyof StateStore)[];
export type Verb = (typeof VERBS)[number];

/** A third-party store of which one method does what the test says. */
export function storeWith(
  verb: Verb,
  does: () => unknown,
  store: StateStore = new MemoryStore(),
): StateStore {
  return new Proxy(store, {
    get(target, name): unknown {
      if (name === verb) return does;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

/** Calls a method with arguments that any store accepts. */
export function callVerb(store: StateStore, verb: Verb): Promise<unknown> {
  const append = { expectedVersion: 0, turnId: 't' };
  switch (verb) {
    case 'load':
      return store.load('s');
    case 'turn':
      return store.turn('s', 't');
    case 'append':
      return store.append('s', [{ message: { role: 'user', content: 'hi' } }], append);
    case 'record': {
      const lease: Lease = Object.assign(new AsyncDisposableStack(), {
        token: 1,
        expiresAt: 0,
        renew: () => Promise.resolve(),
        release: () => Promise.resolve(),
      });
      return store.record('s', 't', [{ kind: 'started', callId: 'c' }], { from: 0, lease });
    }
    case 'steps':
      return store.steps('s', 't');
    case 'branches':
      return store.branches('s');
    case 'update':
      return store.update('s', { x: 1 }, { expectedVersion: 1 });
    case 'spend':
      return store.spend({ owner: '' });
    case 'list':
      return store.list({ owner: '' });
    case 'fork':
      return store.fork('s');
    case 'delete':
      return store.delete('s');
    case 'forget':
      return store.forget('o');
    case 'lease':
      return store.lease('s', 1_000);
    case 'close':
      return store.close();
  }
}
