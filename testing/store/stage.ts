import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

import { isSluiceError, noUsage } from '../../src/index.ts';
import type { Cost, ErrorCode, Message, SessionEntry, StateStore, TurnEnd, Usage } from '../../src/index.ts';
import type { StateStoreContractOptions } from './contract.ts';

/** What a case about stores works with. */
export interface StoreStage {
  readonly store: StateStore;
  /** Another store over the same data, or the same where there is none. */
  readonly other: StateStore;
  /** Nobody else's. */
  readonly owner: string;
  /** A second owner, nobody else's either. */
  readonly stranger: string;
  /** A session of the owner. */
  key(id?: string): { owner: string; id: string };
  /** Overwrites what is stored of the session's newest append. */
  corrupt(key: { owner: string; id: string }, text: string): Promise<void>;
}

/** Plays a case on a fresh store, and cleans up after it. */
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

/** A message of the user's. */
function said(content: string): Message {
  return { role: 'user', content };
}

/** Messages of the user's, to append. */
export function entries(...contents: string[]): SessionEntry[] {
  return contents.map((content) => ({ message: said(content) }));
}

/** The contents of messages. */
export function contentsOf(state: { messages: Message[] } | undefined): unknown[] {
  return state?.messages.map(({ content }) => content) ?? ['no session'];
}

/** Tokens, as a provider reports them. */
export function tokens(inputTokens: number, outputTokens: number): Usage {
  return { ...noUsage(), inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
}

/** How a turn of so many tokens and dollars ended. */
export function ended(usage: Usage, cost: Cost): TurnEnd {
  return { outcome: 'completed', finishReason: 'stop', usage, cost };
}

/** Writes a session of these messages in one append. */
export async function write(
  store: StateStore,
  key: { owner: string; id: string },
  ...contents: string[]
): Promise<number> {
  return store.append(key, entries(...contents), { expectedVersion: 0, turnId: 'first' });
}

/** That a promise rejects with a `SluiceError` of this code; resolves to its message. */
export async function refused(
  promise: Promise<unknown>,
  code: ErrorCode,
  retryable?: boolean,
): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(isSluiceError(error), `expected a SluiceError of code ${code}, got ${String(error)}`);
  assert.equal(error.code, code, `expected ${code}, got ${error.code}: ${error.message}`);
  if (retryable !== undefined) assert.equal(error.retryable, retryable, `${code}.retryable`);
  return error.message;
}

/** Asks again and again, on the real clock, until an answer is there. The limit of the case ends it. */
export async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await delay(5);
  }
}

/** Lets the clock of every store go on by at least some milliseconds. */
export async function clockMoves(): Promise<void> {
  const from = Date.now();
  await eventually(async () => (Date.now() - from >= 10 ? true : undefined));
}
