import { checkLease, leaseLostError, sessionBusyError } from '../../src/index.ts';
import type { Lease, LeaseOptions, SessionKey } from '../../src/index.ts';
import type { Connection } from './connection.ts';
import { hasEnded, thisProcess } from './holder.ts';
import { timeAfter } from './sessions.ts';
import type { Sessions } from './sessions.ts';
import type { Statements } from './statements.ts';

/** A failure of power that takes a lease away takes its holder, too, and every later token. */
const WRITE = { durable: false };

/** What a session has whose lease was given back. */
export const GIVEN_BACK = { leasedUntil: 0, holder: undefined };

/** Takes a lease. One whose process has ended counts as given back. */
export async function takeLease(
  connection: Connection,
  sessions: Sessions,
  key: SessionKey,
  ttlMs: number,
  { takeOver = false }: LeaseOptions,
): Promise<Lease> {
  const place = checkLease(key, ttlMs);

  function take(sql: Statements): { token: number; leasedUntil: number } {
    const now = Date.now();
    const row = sessions.alive(sql, place, now) ?? sessions.begun(sql, place, now);
    const isTaken = row.leasedUntil > now && !hasEnded(row.holder);
    if (isTaken && !takeOver) throw sessionBusyError(key);
    const lease = { token: sql.nextToken(), leasedUntil: timeAfter(now, ttlMs) };
    sessions.save(sql, { ...row, ...lease, holder: thisProcess() }, now);
    return lease;
  }

  function renew(sql: Statements, ms: number): number {
    const now = Date.now();
    const row = sessions.alive(sql, place, now);
    // Given back with an append, it has no end.
    if (released || row?.token !== token || row.leasedUntil === 0) throw leaseLostError(key);
    const until = timeAfter(now, ms);
    sessions.save(sql, { ...row, leasedUntil: until }, now);
    return until;
  }

  function release(sql: Statements): void {
    const row = sql.session(place);
    if (row?.token === token) sql.updateSession({ ...row, ...GIVEN_BACK });
  }

  const taken = await connection.write('lease', take, WRITE);
  const { token } = taken;
  let expiresAt = taken.leasedUntil;
  let released = false;
  return {
    token,
    get expiresAt() {
      return expiresAt;
    },
    async renew(ms) {
      checkLease(key, ms);
      expiresAt = await connection.write('renew', (sql) => renew(sql, ms), WRITE);
    },
    async release() {
      if (released) return;
      await connection.write('release', release, WRITE);
      released = true;
    },
  };
}
