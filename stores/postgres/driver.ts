import type * as z from 'zod';
import { refusal } from '../../src/index.ts';
import type { Copy, Loaded, Place, StoreDriver, StoredRow, Sums, Write, Written } from '../../src/index.ts';
import { Database } from './database.ts';
import type { Call } from './database.ts';
import { migrate } from './migrate.ts';
import { namesOf } from './options.ts';
import type { Names, PostgresStoreSettings } from './options.ts';
import { placeAt, positionOf } from './position.ts';
import * as row from './rows.ts';
import { statementsOf } from './statements.ts';
import type { Statements } from './statements.ts';
import { WriteStatements } from './write-statement.ts';

/** The minimum time limit of a migration. */
const MIGRATE_MS = 60_000;

/** The minimum time between deletions of expired sessions, and the maximum number per deletion. */
const SWEEP_MS = 60_000;
const SWEEP_LIMIT = 100;

/** How often a write is tried if other writers are faster. */
const TRIES = 10;

/** Sessions in PostgreSQL. The clock is the server's. */
export class PostgresDriver implements StoreDriver {
  readonly #settings: PostgresStoreSettings;
  readonly #names: Names;
  readonly #statements: Statements;
  readonly #writes: WriteStatements;
  readonly #database: Database;
  readonly #ttlMs: number | null;
  #sweptAt = performance.now();
  #sweeping: Promise<unknown> | undefined;

  constructor(settings: PostgresStoreSettings) {
    this.#settings = settings;
    this.#names = namesOf(settings);
    this.#statements = statementsOf(this.#names);
    this.#database = new Database(settings);
    this.#ttlMs = settings.ttlMs ?? null;
    this.#writes = new WriteStatements(this.#names, this.#ttlMs);
    // An idle connection has broken. The pool opens another one, and if it cannot, the next statement reports it.
    if (settings.own) settings.pool.on('error', () => undefined);
  }

  async migrate(): Promise<void> {
    const ms = Math.max(MIGRATE_MS, this.#settings.timeoutMs);
    await this.#database.call((call) => migrate(call, this.#names, this.#settings), ms);
  }

  async load({ owner, id }: Place, last: number, from?: number): Promise<Loaded | undefined> {
    return this.#database.call(async (call) => {
      const most = from === undefined ? last : 0;
      const values = [id, most === Infinity ? null : most];
      const found = await call.rows(row.loadRow, this.#statements.load, owner, values);
      const session = found.find((one) => one.upto === null);
      if (session === undefined) return undefined;
      const { line, updated, expires, sums } = session.session;
      const head = from ?? positionOf(line, session.messages);
      const to = placeAt(head);
      const skip = Math.max(0, to.upto - last);
      let rows: StoredRow[] = [];
      for (const one of found) if (one.upto !== null) rows.push(storedRow(one, line));
      rows.sort((a, b) => a.position - b.position);
      const [first] = rows;
      // The rest of the window lies on other lines: the session has branches.
      if (
        last > 0 &&
        to.upto > 0 &&
        (first === undefined || placeAt(first.position).upto - first.weight > skip)
      )
        rows = (await call.rows(row.turnRow, this.#statements.way, owner, [id, to.line, to.upto, skip])).map(
          turnOf,
        );
      return {
        version: session.version,
        messages: to.upto,
        head,
        fields: session.content,
        sums,
        createdAt: session.at,
        updatedAt: updated,
        expiresAt: expires ?? undefined,
        rows,
      };
    });
  }

  async group({ owner, id }: Place, group: string): Promise<StoredRow[]> {
    return (await this.#rows(row.turnRow, 'group', owner, [id, group])).map(turnOf);
  }

  /** Writes with one statement, and looks for the reason only if the statement changed nothing. */
  async write({ owner, id }: Place, write: Write): Promise<Written> {
    const { text, values } = this.#writes.of(id, write);
    return this.#database.call(async (call) => {
      for (let tries = 1; tries <= TRIES; tries++) {
        const [written] = await call.rows(row.writtenRow, text, owner, values);
        if (written !== undefined) {
          if (write.rows.length > 0) this.#sweepNow(owner);
          return written;
        }
        const group = write.group?.id ?? null;
        const [found] = await call.rows(row.lookRow, this.#statements.look, owner, [id, group]);
        const known = found?.alive === true ? found : undefined;
        const { version = 0, token = 0, held = false, size = 0, now = 0 } = known ?? {};
        const refused = refusal(write, { version, token, held, size, now });
        if (refused !== undefined) return { refused, version, token };
        if (known !== undefined) continue;
        if (found !== undefined) await call.rows(row.noRow, this.#statements.deleteExpired, owner, [id]);
        await call.rows(row.noRow, this.#statements.begin, owner, [id]);
      }
      throw new Error('Other writers were faster each time.');
    });
  }

  async lease(
    { owner, id }: Place,
    ms: number,
    takeOver: boolean,
  ): Promise<{ token: number; until: number } | undefined> {
    const { lease, look, deleteExpired } = this.#statements;
    const values = [id, ms, takeOver, this.#ttlMs, this.#settings.timeoutMs];
    return this.#database.call(async (call) => {
      for (let tries = 1; tries <= TRIES; tries++) {
        const [leased] = await call.rows(row.leaseRow, lease, owner, values);
        if (leased !== undefined) return leased;
        const [known] = await call.rows(row.lookRow, look, owner, [id, null]);
        if (known?.alive === true) return undefined;
        await call.rows(row.noRow, deleteExpired, owner, [id]);
      }
      throw new Error('The session began and expired again each time.');
    });
  }

  async hold({ owner, id }: Place, token: number, ms: number): Promise<number | undefined> {
    if (ms > 0) {
      const [renewed] = await this.#rows(row.untilRow, 'renew', owner, [id, token, ms, this.#ttlMs]);
      return renewed?.until;
    }
    await this.#rows(row.noRow, 'release', owner, [id, token]);
    return 0;
  }

  async spent(owner: string): Promise<Sums> {
    return (await this.#rows(row.sumsRow, 'spent', owner))[0]?.sums ?? {};
  }

  async list(
    owner: string,
    after: string,
    limit: number,
  ): Promise<{ id: string; version: number; updatedAt: number }[]> {
    const rows = await this.#rows(row.listRow, 'list', owner, [after, limit]);
    return rows.map(({ id, version, updated }) => ({ id, version, updatedAt: updated }));
  }

  async delete({ owner, id }: Place): Promise<void> {
    await this.#rows(row.noRow, 'delete', owner, [id]);
  }

  async forget(owner: string): Promise<number> {
    return this.#database.call(async (call) => {
      const [gone] = await call.rows(row.countRow, this.#statements.forget, owner);
      // In a second step, when a concurrent append has already added its spend.
      await call.rows(row.noRow, this.#statements.forgetSums, owner);
      return gone?.count ?? 0;
    });
  }

  async copy({ owner, id }: Place, to: Place, copy: Copy): Promise<boolean> {
    const at = Number.isFinite(copy.messages) ? copy.messages : null;
    return this.#database.call(async (call) => {
      const statements = this.#statements;
      let [origin] = await call.rows(row.originRow, statements.origin, owner, [id, at]);
      // Mostly all rows are on the first line, and are found without a walk.
      const branched = origin !== undefined && origin.line > 0;
      if (branched) [origin] = await call.rows(row.originRow, statements.branchedOrigin, owner, [id, at]);
      if (origin === undefined) return false;
      const values = [to.id, ...copyValues(origin, copy, this.#ttlMs)];
      const text = branched ? statements.branchedCopy : statements.copy;
      return (await call.rows(row.keyRow, text, owner, values)).length > 0;
    });
  }

  /** Deletes expired sessions: of one owner, or of all. */
  async sweep(owner: string | undefined, limit: number): Promise<number> {
    const { sweep } = this.#statements;
    const [gone] = await this.#database.call((call) =>
      owner === undefined
        ? call.anyones(row.countRow, sweep, [null, limit])
        : call.rows(row.countRow, sweep, owner, [limit]),
    );
    return gone?.count ?? 0;
  }

  async close(): Promise<void> {
    await this.#sweeping;
    if (this.#settings.own) await this.#database.end();
  }

  /** Deletes expired sessions in the background. If it fails, it is tried again after a minute. */
  #sweepNow(owner: string): void {
    if (this.#ttlMs === null || performance.now() - this.#sweptAt <= SWEEP_MS) return;
    this.#sweptAt = performance.now();
    this.#sweeping = this.sweep(owner, SWEEP_LIMIT).catch(() => undefined);
  }

  /** Makes a call that consists of one statement. */
  #rows<R extends z.ZodType>(
    rowSchema: R,
    statement: keyof Statements,
    owner: string,
    values: readonly unknown[] = [],
  ): Promise<z.output<R>[]> {
    return this.#database.call((call: Call) =>
      call.rows(rowSchema, this.#statements[statement], owner, values),
    );
  }
}

function turnOf(turn: z.output<typeof row.turnRow>): StoredRow {
  return storedRow(turn, Number(turn.line));
}

function storedRow(
  { version, messages, content, upto, at }: z.output<typeof row.windowRow>,
  line: number,
): StoredRow {
  const weight = Number(messages);
  const position = weight === 0 ? 0 : positionOf(line, Number(upto));
  return { position, weight, version: Number(version), at: Number(at), content };
}

/** The parameters of a copy after its id. The server copies whole rows. A row of which only a part is copied is written again. */
function copyValues(
  origin: z.output<typeof row.originRow>,
  { messages: most, without, cut }: Copy,
  ttlMs: number | null,
): unknown[] {
  const messages = Math.min(most, origin.messages);
  const { content, version, upto, row_messages: weight } = origin;
  const from = (upto ?? messages) - (weight ?? 0);
  if (content === null || version === null || weight === null || from >= messages)
    return [origin.key, without, messages, ttlMs, messages, 0, null];
  const kept = messages - from;
  const text = cut({ position: 0, at: 0, weight, version, content }, kept);
  return [origin.key, without, messages, ttlMs, from, kept, text];
}
