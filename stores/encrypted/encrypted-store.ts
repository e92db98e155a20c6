import * as z from 'zod';

import { SluiceError, checkSessionKey, sessionName, storedText } from '../../src/index.ts';
import type {
  AppendOptions,
  Branch,
  Lease,
  LeaseOptions,
  ListOptions,
  LoadOptions,
  RecordOptions,
  SessionEntry,
  SessionKey,
  SessionPage,
  SessionState,
  Spend,
  SpendScope,
  StateStore,
  Step,
  StoredStep,
  StoredTurn,
} from '../../src/index.ts';
import { parseOptions } from '../../src/kit/index.ts';
import { keysSchema } from './keyring.ts';
import type { EncryptionKey, MasterKey } from './keyring.ts';
import { cutAt, openedMessages, sealedEntries } from './sealed-messages.ts';
import { openedSteps, sealedSteps } from './sealed-steps.ts';
import { SessionCipher } from './session-cipher.ts';

const metadataSchema = z.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'give an object of plain data, as JSON has it',
);
/** The fields that are needed to encrypt an append. The store below checks the rest. */
const appendSchema = z.looseObject({
  turnId: z.string(),
  expectedVersion: z.number(),
  entries: z.array(z.looseObject({ message: z.unknown() })),
});
/** The fields that are needed to encrypt steps. */
const recordSchema = z.looseObject({ turnId: z.string(), from: z.number(), steps: z.array(z.unknown()) });
const forkSchema = z.object({ at: z.int().min(0).optional() });

const METHODS = [
  ...[
    'load',
    'turn',
    'append',
    'record',
    'steps',
    'branches',
    'update',
    'spend',
    'list',
    'delete',
    'forget',
    'lease',
    'close',
  ],
];

const schema = z.object({
  store: z.custom<StateStore>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      METHODS.every((name) => typeof Reflect.get(value, name) === 'function'),
    'give a session store, such as sqliteStore({ path })',
  ),
  key: keysSchema,
});

/**
 * A store over another one, which never sees the content: messages, metadata (including the names of its keys), steps and the reasons of interruptions are
 * encrypted with AES-256-GCM, each bound to its session and turn. Owners, ids, versions, times, usage, costs, models and how turns ended are not.
 *
 * Data that was encrypted with an unknown key, was changed, or was moved to another place is a `store` error, not retryable. So is data that was stored
 * without encryption.
 *
 * Throws `invalid_options` for a wrong key. `close()` closes the store below.
 *
 * @example
 * const store = encrypted(sqliteStore({ path: 'data/sessions.db' }), Buffer.from(process.env.SESSION_KEY ?? '', 'base64'));
 */
export function encrypted(store: StateStore, key: EncryptionKey): StateStore {
  const parsed = parseOptions('encrypted()', schema, { store, key });
  return new EncryptedStore(parsed.store, parsed.key);
}

/** Metadata key for the places at which appends are cut, because other messages follow there. */
const CUTS = 'sluice.cuts';

const cutsSchema = z.array(z.string()).catch([]);

function cutsOf(value: unknown): ReadonlySet<string> {
  return new Set(cutsSchema.parse(value));
}

class EncryptedStore implements StateStore {
  readonly #store: StateStore;
  readonly #keys: readonly MasterKey[];

  constructor(store: StateStore, keys: readonly MasterKey[]) {
    this.#store = store;
    this.#keys = keys;
  }

  async load(key: SessionKey, options: LoadOptions = {}): Promise<SessionState | undefined> {
    const state = await this.#store.load(key, options);
    if (state === undefined) return undefined;
    const cipher = this.#cipher(state);
    const isAll = state.messages.length < (options.last ?? Number.POSITIVE_INFINITY);
    const { [CUTS]: cuts, ...metadata } = openedMetadata(cipher, key, state.metadata);
    const way = { isAll, cuts: cutsOf(cuts), endsAnywhere: options.leaf !== undefined };
    return { ...state, messages: openedMessages(cipher, key, state.messages, way), metadata };
  }

  async turn(key: SessionKey, turnId: string): Promise<StoredTurn | undefined> {
    const stored = await this.#store.turn(key, turnId);
    if (stored === undefined) return undefined;
    const cipher = this.#cipher(checkSessionKey(key));
    const messages = openedMessages(cipher, key, stored.messages, { isAll: true, turnId });
    const { end } = stored;
    if (end?.reason === undefined) return { ...stored, messages };
    const reason = cipher.open(
      end.reason,
      ['reason', turnId],
      `end of the turn at version ${stored.version}`,
    );
    return { ...stored, messages, end: { ...end, reason } };
  }

  async append(key: SessionKey, entries: readonly SessionEntry[], options: AppendOptions): Promise<number> {
    const cipher = this.#cipher(checkSessionKey(key));
    parseOptions('append()', appendSchema, { ...options, entries });
    const { turnId, expectedVersion, end } = options;
    const metadata = await this.#withCut(cipher, key, options);
    // The append is stored at this version, or not at all.
    const version = expectedVersion + 1;
    const reason =
      typeof end?.reason === 'string' ? cipher.seal(end.reason, ['reason', turnId]) : end?.reason;
    return this.#store.append(key, sealedEntries(cipher, entries, { turnId, version }), {
      ...options,
      ...(metadata !== undefined && { metadata: sealedMetadata(cipher, metadata) }),
      ...(end !== undefined && { end: { ...end, reason } }),
    });
  }

  async record(
    key: SessionKey,
    turnId: string,
    steps: readonly Step[],
    options: RecordOptions,
  ): Promise<number> {
    const cipher = this.#cipher(checkSessionKey(key));
    const { from } = parseOptions('record()', recordSchema, { ...options, steps, turnId });
    const { metadata } = options;
    return this.#store.record(key, turnId, sealedSteps(cipher, steps, { turnId, from }), {
      ...options,
      ...(metadata !== undefined && { metadata: sealedMetadata(cipher, metadata) }),
    });
  }

  async steps(key: SessionKey, turnId: string): Promise<StoredStep[]> {
    const steps = await this.#store.steps(key, turnId);
    return openedSteps(this.#cipher(checkSessionKey(key)), key, turnId, steps);
  }

  branches(key: SessionKey): Promise<Branch[]> {
    return this.#store.branches(key);
  }

  async update(
    key: SessionKey,
    metadata: Readonly<Record<string, unknown>>,
    options: { expectedVersion: number },
  ): Promise<number> {
    const cipher = this.#cipher(checkSessionKey(key));
    return this.#store.update(key, sealedMetadata(cipher, metadata), options);
  }

  /** Data that is encrypted for one session cannot be decrypted in another, so a copy is encrypted again. */
  async fork(key: SessionKey, at?: number): Promise<{ owner: string; id: string }> {
    const { owner } = checkSessionKey(key);
    parseOptions('fork()', forkSchema, { at });
    const state = await this.load(key);
    if (state === undefined) throw new SluiceError('not_found', `There is no ${sessionName(key)}.`);
    const { messages, metadata } = state;
    const copy = { owner, id: crypto.randomUUID() };
    const kept = messages.slice(0, at);
    await this.append(
      copy,
      kept.map((message) => ({ message })),
      {
        expectedVersion: 0,
        turnId: `fork-${crypto.randomUUID()}`,
        metadata,
      },
    );
    return copy;
  }

  spend(scope: SpendScope): Promise<Spend> {
    return this.#store.spend(scope);
  }

  list(options: ListOptions): Promise<SessionPage> {
    return this.#store.list(options);
  }

  delete(key: SessionKey): Promise<void> {
    return this.#store.delete(key);
  }

  forget(owner: string): Promise<number> {
    return this.#store.forget(owner);
  }

  lease(key: SessionKey, ttlMs: number, options?: LeaseOptions): Promise<Lease> {
    return this.#store.lease(key, ttlMs, options);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * The metadata of an append. If it follows a message in the middle of another append, it notes that: only there may an append be found cut, so that nobody else can cut
   * one.
   */
  async #withCut(
    cipher: SessionCipher,
    key: SessionKey,
    { after, metadata }: AppendOptions,
  ): Promise<AppendOptions['metadata']> {
    if (typeof after !== 'string' || after === '') return metadata;
    const state = await this.#store.load(key, { leaf: after, last: 1 });
    if (state === undefined) return metadata;
    openedMessages(cipher, key, state.messages, { isAll: false, endsAnywhere: true });
    const cut = cutAt(cipher, state.messages);
    if (cut === undefined) return metadata;
    const cuts = cutsOf(openedMetadata(cipher, key, state.metadata)[CUTS]);
    return cuts.has(cut) ? metadata : { ...metadata, [CUTS]: [...cuts, cut] };
  }

  #cipher({ owner, id }: { owner: string; id: string }): SessionCipher {
    return new SessionCipher(this.#keys, { owner, id });
  }
}

/**
 * Stores each value under an alias of its key, so that the store below can merge changes. The value under the alias of an earlier encryption key
 * is removed.
 */
function sealedMetadata(
  cipher: SessionCipher,
  metadata: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const sealed: [string, string | undefined][] = [];
  for (const [name, value] of Object.entries(parseOptions('metadata', metadataSchema, metadata))) {
    const [alias = '', ...earlier] = cipher.aliases(name);
    for (const old of earlier) sealed.push([old, undefined]);
    const text = storedText.session.write({ metadata: Object.fromEntries([[name, value]]) });
    sealed.push([alias, value === undefined ? undefined : cipher.seal(text, ['metadata', alias])]);
  }
  return Object.fromEntries(sealed);
}

function openedMetadata(
  cipher: SessionCipher,
  key: SessionKey,
  metadata: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const row = 'metadata';
  const opened = Object.entries(metadata).flatMap(([alias, sealed]) => {
    const text = cipher.open(sealed, ['metadata', alias], row);
    return Object.entries(storedText.session.read(text, { key, row }).metadata);
  });
  return Object.fromEntries(opened);
}
