import type { SessionView } from '../context.ts';
import { SluiceError, isSluiceError } from '../errors.ts';
import type { ContextKey } from '../keys.ts';
import type { Message } from '../messages.ts';
import type { Outcome } from '../result.ts';
import type { Slots } from '../execution/slots.ts';
import { sessionKey } from './store.ts';
import type { Lease, SessionEntry, SessionKey, SessionState, StateStore } from './store.ts';
import type { Cost, Usage } from '../usage.ts';

/** How a turn ended, for the session. */
export interface TurnEnd {
  outcome: Outcome;
  /** The reply's messages. */
  messages: Message[];
  usage: Usage;
  cost: Cost;
}

/** One turn of a session: nobody else writes to it until `release()`. */
export interface Turn {
  /** The messages of the session before this turn. */
  readonly history: Message[];
  readonly view: SessionView;
  finish(end: TurnEnd): Promise<void>;
  release(): void;
}

/** A lease outlives any turn that still renews it, and ends soon after a crash. */
const LEASE_MS = 60_000;

/**
 * Waits for the session, loads it and stores the caller's messages, so that they outlive whatever comes next.
 * `line` admits one turn of this session at a time, first come first served.
 */
export async function openTurn(
  store: StateStore,
  key: SessionKey,
  input: readonly Message[],
  line: Slots,
  signal: AbortSignal,
): Promise<Turn> {
  const leave = await line.acquire(signal);
  try {
    const lease = await store.lease(key, LEASE_MS);
    return await openLeased(store, key, input, lease, leave);
  } catch (error) {
    leave();
    throw asStoreError(error);
  }
}

async function openLeased(
  store: StateStore,
  key: SessionKey,
  input: readonly Message[],
  lease: Lease,
  leave: () => void,
): Promise<Turn> {
  const renewal = setInterval(() => {
    lease.renew(LEASE_MS).catch(() => clearInterval(renewal));
  }, LEASE_MS / 3);
  const release = (): void => {
    clearInterval(renewal);
    lease.release().catch(() => undefined); // it ends by itself
    leave();
  };
  try {
    const state = await store.load(key);
    const turnId = crypto.randomUUID();
    let version = state?.version ?? 0;
    const entries: SessionEntry[] = input.map((message) => ({ message }));
    if (entries.length > 0) {
      version = await store.append(key, entries, {
        expectedVersion: version,
        turnId: `${turnId}.input`,
        lease,
      });
    }
    const { view, changes } = sessionView(key, state);
    return {
      history: state?.messages ?? [],
      view,
      async finish(end) {
        const reply = replyEntries(end);
        if (reply.length > 0) {
          version = await store.append(key, reply, {
            expectedVersion: version,
            turnId: `${turnId}.reply`,
            lease,
          });
        }
        if (changes.size > 0)
          await store.update(key, Object.fromEntries(changes), { expectedVersion: version });
      },
      release,
    };
  } catch (error) {
    clearInterval(renewal);
    await lease.release();
    throw error;
  }
}

/** What is stored of a reply: whole, or as a partial without dangling tool calls. */
function replyEntries({ outcome, messages, usage, cost }: TurnEnd): SessionEntry[] {
  const kept = outcome === 'completed' ? messages : messages.flatMap(withoutToolCalls);
  return kept.map((message, index) =>
    index === kept.length - 1 ? { message, usage, cost, outcome } : { message },
  );
}

function withoutToolCalls(message: Message): Message[] {
  if (typeof message.content === 'string') return message.content === '' ? [] : [message];
  if (message.role === 'tool') return [];
  const content = message.content.filter((part) => part.type === 'text');
  return content.length === 0 ? [] : [{ ...message, content }];
}

function sessionView(
  key: SessionKey,
  state: SessionState | undefined,
): { view: SessionView; changes: Map<string, unknown> } {
  const saved = new Map(Object.entries(state?.metadata ?? {}));
  const changes = new Map<string, unknown>();
  const { owner, id } = sessionKey(key);
  function get<T>(name: ContextKey<T>): T | undefined;
  function get(name: ContextKey<unknown>): unknown {
    return saved.get(name.name);
  }
  const view: SessionView = {
    id,
    owner,
    get,
    set: (name, value) => {
      saved.set(name.name, value);
      changes.set(name.name, value);
    },
  };
  return { view, changes };
}

function asStoreError(error: unknown): SluiceError {
  if (isSluiceError(error)) return error;
  return new SluiceError('store', 'The session store failed (see the cause).', { cause: error });
}
