import { SluiceError } from '../../../src/index.ts';
import type { Call } from '../../../stores/postgres/shared.ts';
import { anyRow, lookRow } from './rows.ts';
import type { LogStatements } from './statements.ts';

/** How often it is tried if others are faster each time. */
const TRIES = 10;

/** What a stop needs: the values of its statements. */
interface StopValues {
  place: [owner: string, id: string];
  stop: unknown[];
  bury: unknown[];
}

/** Records a stop: mostly with one statement, because the stream runs. */
export async function stopStream(
  call: Call,
  statements: LogStatements,
  { place, stop, bury }: StopValues,
): Promise<'pending' | 'stopped' | 'unknown'> {
  for (let tries = 0; tries < TRIES; tries++) {
    const [stopped] = await call.anyones(anyRow, statements.stop, stop);
    if (stopped !== undefined) return 'pending';
    const [is] = await call.anyones(lookRow, statements.look, place);
    if (is === undefined) {
      const [buried] = await call.anyones(anyRow, statements.bury, bury);
      if (buried !== undefined) return 'unknown';
      continue;
    }
    if (Number(is.kept) <= 0) await call.anyones(anyRow, statements.expire, place);
    else if (is.token === '0') return 'unknown';
    else if (is.finish !== null) return 'stopped';
  }
  throw new SluiceError('store', 'The chunk log failed at stop: the stream changed each time.');
}
