import type * as z from 'zod';
import type { Call } from '../../../stores/postgres/shared.ts';
import type { Opened, OpenOptions, StreamKey } from '../chunk-log.ts';
import { otherFingerprint } from '../refusals.ts';
import { anyRow, endOf, lookRow, openedRow, releasedOf, stopOf } from './rows.ts';
import type { LogStatements } from './statements.ts';

/** How often it is tried if others are faster each time. */
const TRIES = 10;

/** What opening a stream needs. */
interface OpenValues {
  options: OpenOptions;
  /** Owner and id as the database holds them. */
  place: [owner: string, id: string];
  /** The fingerprint as the database holds it. */
  print: string;
  /** The values of the statement `begin`. */
  begin: unknown[];
  /** Those of the statement `take`, without place and token. */
  take: unknown[];
}

/** Opens a stream: mostly with one statement, because there is no such stream yet. */
export async function openStream(
  call: Call,
  statements: LogStatements,
  key: StreamKey,
  { options, place, print, begin, take }: OpenValues,
): Promise<Opened> {
  for (let tries = 0; tries < TRIES; tries++) {
    const [begun] = await call.anyones(openedRow, statements.begin, begin);
    if (begun !== undefined) return ownerOf(key, options, begun);
    const [is] = await call.anyones(lookRow, statements.look, place);
    if (is === undefined) continue;
    if (Number(is.kept) <= 0) {
      await call.anyones(anyRow, statements.expire, place);
      continue;
    }
    // A stop came in between.
    if (is.token === '0') continue;
    if (is.print !== print) throw otherFingerprint();
    const refused = refusalOf(is, options);
    if (refused !== undefined) return refused;
    const [taken] = await call.anyones(openedRow, statements.take, [...place, is.token, ...take]);
    // A release raises the token, so what was looked at is what was taken.
    if (taken !== undefined)
      return {
        ...ownerOf(key, options, taken),
        ...(is.finish === null && releasedOf(is.released === 'true')),
      };
  }
  return { as: 'reader' };
}

function ownerOf(
  key: StreamKey,
  { leaseMs }: OpenOptions,
  { token, next, started, takeovers, stop }: z.output<typeof openedRow>,
): Opened {
  return {
    as: 'owner',
    held: { key, token: Number(token), leaseMs },
    next: Number(next),
    startedAt: Number(started),
    takeovers: Number(takeovers),
    ...stopOf(stop),
  };
}

/** Why a stream that is there cannot be taken; undefined if it can. */
function refusalOf(
  { finish, left }: z.output<typeof lookRow>,
  { takeOver = false, graceMs = 0, again = false }: OpenOptions,
): Opened | undefined {
  if (finish !== null) return again ? undefined : { as: 'ended', end: endOf(finish) };
  return takeOver && Number(left) + graceMs <= 0 ? undefined : { as: 'reader' };
}
