import {
  checkSameRun,
  conflictError,
  decodeSession,
  decodeTurn,
  encodeSession,
  encodeTurn,
  leaseLostError,
  mergeMetadata,
  storeFailedError,
} from '../../src/index.ts';
import type { AppendOptions, SessionEntry, SessionKey, ToolCallPart, TurnEnd } from '../../src/index.ts';
import type { Call, Database } from './database.ts';
import { lookRow, noRow, versionRow } from './rows.ts';
import { spendParameter } from './spend-columns.ts';
import type { Statements } from './statements.ts';
import { toText } from './text.ts';

/** How often a write is tried that others are faster than. */
export const TRIES = 10;

/** Most messages of one row: a window reads at most one row more than it needs. */
const PART = 16;

/** A session that has neither metadata nor pending calls. */
export const EMPTY_SESSION = encodeSession({ metadata: {}, pending: [] });

interface Place {
  owner: string;
  id: string;
}

/** What guards a write, and what it merges. */
interface Guard extends Pick<AppendOptions, 'expectedVersion' | 'lease' | 'metadata' | 'pending' | 'end'> {
  doing: string;
  turnId: string | null;
}

/** Appends and updates. */
export class Writer {
  readonly #database: Database;
  readonly #statements: Statements;
  readonly #ttlMs: number | null;

  constructor(database: Database, statements: Statements, ttlMs: number | null) {
    this.#database = database;
    this.#statements = statements;
    this.#ttlMs = ttlMs;
  }

  /** Stores a turn once. Resolves to the new version. */
  append(
    place: Place,
    key: SessionKey,
    entries: readonly SessionEntry[],
    options: AppendOptions,
  ): Promise<number> {
    const { expectedVersion, turnId, lease, release = false, end } = options;
    const text = end === undefined ? this.#statements.append : this.#statements.appendPaid;
    const guards = [toText(place.id), expectedVersion, lease?.token ?? null, toText(turnId), this.#ttlMs];
    const added = [...partsOf(entries, end), release, ...(end === undefined ? [] : [spendParameter(end)])];
    return this.#written(place, key, { ...options, doing: 'append' }, (call, content) =>
      call.rows(versionRow, text, place.owner, [...guards, content ?? null, ...added]),
    );
  }

  /** Merges metadata. Resolves to the new version. */
  update(
    place: Place,
    key: SessionKey,
    metadata: Readonly<Record<string, unknown>>,
    expectedVersion: number,
  ): Promise<number> {
    const guard = { doing: 'update', turnId: null, expectedVersion, metadata };
    return this.#written(place, key, guard, (call, content) =>
      call.rows(versionRow, this.#statements.update, place.owner, [
        toText(place.id),
        expectedVersion,
        content,
        this.#ttlMs,
      ]),
    );
  }

  /**
   * Writes with one statement, and looks only where that changed nothing, or where metadata is to be merged: what is merged belongs to the
   * version that the write expects.
   */
  #written(
    place: Place,
    key: SessionKey,
    guard: Guard,
    write: (call: Call, content: string | undefined) => Promise<{ version: number }[]>,
  ): Promise<number> {
    const merges = guard.metadata !== undefined || guard.pending !== undefined;
    return this.#database.call(guard.doing, async (call) => {
      for (let tries = 1; tries <= TRIES; tries++) {
        let content: string | undefined;
        if (merges || tries > 1) {
          const seen = await this.#found(call, place, key, guard);
          if ('stored' in seen) return seen.stored;
          if (merges) content = merged(seen.content, key, guard);
        }
        const [written] = await write(call, content);
        if (written !== undefined) return written.version;
      }
      throw storeFailedError(guard.doing, new Error('Other writers were faster each time.'));
    });
  }

  /** What a write finds: the version if its turn is stored already, or the content of the session, which is begun if need be. */
  async #found(
    call: Call,
    { owner, id }: Place,
    key: SessionKey,
    { turnId, expectedVersion, lease, end }: Guard,
  ): Promise<{ stored: number } | { content: string }> {
    const rows = (text: string, ...values: unknown[]): Promise<unknown[]> =>
      call.rows(noRow, text, owner, [toText(id), ...values]);
    const values = [toText(id), turnId === null ? null : toText(turnId)];
    const [found] = await call.rows(lookRow, this.#statements.look, owner, values);
    const known = found?.alive === true ? found : undefined;
    if (known !== undefined && known.stored !== null) {
      if (end?.leaseToken !== undefined)
        checkSameRun(key, end, decodeTurn(known.stored, { key, row: 'turn that was appended before' }).end);
      return { stored: known.version };
    }
    if (lease !== undefined && lease.token !== known?.token) throw leaseLostError(key);
    const version = known?.version ?? 0;
    if (version !== expectedVersion) throw conflictError(key, version, expectedVersion);
    if (known !== undefined) return { content: known.content };
    if (found !== undefined) await rows(this.#statements.deleteExpired);
    await rows(this.#statements.begin, EMPTY_SESSION);
    return { content: EMPTY_SESSION };
  }
}

function merged(
  content: string,
  key: SessionKey,
  changes: { metadata?: Guard['metadata']; pending?: readonly ToolCallPart[] | undefined },
): string {
  const { metadata, pending } = decodeSession(content, { key, row: 'metadata' });
  return encodeSession({
    metadata: mergeMetadata(metadata, changes.metadata ?? {}),
    pending: changes.pending ?? pending,
  });
}

/** The contents of the rows of one append, how many messages each has, and how many there are up to and with it. */
function partsOf(entries: readonly SessionEntry[], end: TurnEnd | undefined): [string[], number[], number[]] {
  const contents: string[] = [];
  const messages: number[] = [];
  const upto: number[] = [];
  for (let from = 0; from === 0 || from < entries.length; from += PART) {
    const part = entries.slice(from, from + PART);
    const last = from + PART >= entries.length;
    contents.push(encodeTurn(part, last ? end : undefined));
    messages.push(part.length);
    upto.push(from + part.length);
  }
  return [contents, messages, upto];
}
