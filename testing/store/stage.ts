import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

import { isSluiceError, noUsage } from '../../src/index.ts';
import type { Cost, ErrorCode, Message, SessionEntry, StateStore, TurnEnd, Usage } from '../../src/index.ts';
import type { StateStoreContractOptions } from './contract.ts';

/** What a case about stores works with. */
export interface StoreStage {
  readonly store: StateStore;
  /** A second store over the same data; the same store if there is none. */
  readonly other: StateStore;
  /** An owner that no other case uses. */
  readonly owner: string;
  /** A second owner that no other case uses. */
  readonly stranger: string;
  /** A session of the owner. */
  key(id?: string): { owner: string; id: string };
  /** Overwrites the stored data of the session's newest append. */
  corrupt(key: { owner: string; id: string }, text: string): Promise<void>;
}

/** Runs a case on a new store, and cleans up after it. */
export async function onStore(
  options: Omit<StateStoreContractOptions, 'test'>,
  ttlMs: number | undefined,
  act: (stage: StoreStage) => Promise<void>,
): Promise<void> {
  const store = await options.makeStore(ttlMs === undefined ? {} : { ttlMs });
  const other = (await options.another?.(store)) ?? store;
  const owner = `owner-${crypto.randomUUID()}`;
  const stranger = `stranger-${crypto.randomUUID()}`;
  try {
    await act({
      store,
      other,
      owner,
      stranger,
      key: (id = 'talk') => ({ owner, id }),
      corrupt: async (key, text) => options.corrupt?.(key, text, store),
    });
    await store.forget(owner);
    await store.forget(stranger);
  } finally {
    if (other !== store) await other.close();
    await store.close();
  }
}

/** A message from the user. */
function userMessage(content: string): Message {
  return { role: 'user', content };
}

/** Messages from the user, to append. */
export function entries(...contents: string[]): SessionEntry[] {
  return contents.map((content) => ({ message: userMessage(content) }));
}

/** The contents of a session's messages. */
export function contentsOf(state: { messages: Message[] } | undefined): unknown[] {
  return state?.messages.map(({ content }) => content) ?? ['no session'];
}

/** Tokens, as a provider reports them. */
export function tokens(inputTokens: number, outputTokens: number): Usage {
  return { ...noUsage(), inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
}

/** The end of a turn with this usage and cost. */
export function ended(usage: Usage, cost: Cost): TurnEnd {
  return { outcome: 'completed', finishReason: 'stop', usage, cost };
}

/** Creates a session with these messages in one append. */
export async function write(
  store: StateStore,
  key: { owner: string; id: string },
  ...contents: string[]
): Promise<number> {
  return store.append(key, entries(...contents), { expectedVersion: 0, turnId: 'first' });
}

/** Asserts that a promise rejects with a `SluiceError` of this code. Resolves to its message. */
export async function refused(
  promise: Promise<unknown>,
  code: ErrorCode,
  retryable?: boolean,
): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(isSluiceError(error), `expected a SluiceError with code ${code}, got ${String(error)}`);
  assert.equal(error.code, code, `expected ${code}, got ${error.code}: ${error.message}`);
  if (retryable !== undefined) assert.equal(error.retryable, retryable, `${code}.retryable`);
  return error.message;
}

/** Asks again and again, in real time, until there is an answer. The timeout of the case ends it. */
export async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await delay(5);
  }
}

/** Waits until the clock of every store has moved on by some milliseconds. */
export async function clockMoves(): Promise<void> {
  const from = Date.now();
  await eventually(async () => (Date.now() - from >= 10 ? true : undefined));
}
