import { describe, expect, test as testOf } from 'vitest';
import type { CallerCounter, CountedLimits } from 'sluice/server';
import { inOneMinute } from './one-minute.ts';

/** What the suite needs of a counter. */
export interface CounterStage {
  name: string;
  /** A counter; each call gives one that counts with the others, as that of another process. */
  open(): CallerCounter;
  /** Lets the leases of all places of a caller end, as if their processes had died. */
  expire(caller: string): Promise<void>;
}

const LEASE_MS = 60_000;

const limits = (given: Partial<CountedLimits> = {}): CountedLimits => ({
  ...{ requestsPerMinute: 100, concurrentStreams: 100, unknownCost: 'refuse' },
  ...given,
});
const test = (title: string, body: () => Promise<void>): void => testOf(title, inOneMinute(body));
const anId = (): string => crypto.randomUUID();

/** What every counter of callers does. */
export function counterContract({ name, open, expire }: CounterStage): void {
  describe(name, () => {
    const begin = async (caller: string, given?: Partial<CountedLimits>, place = anId(), of = open()) =>
      of.begin(caller, place, limits(given), LEASE_MS);

    test('counts requests up to the limit, and says when the next minute begins', async () => {
      const caller = anId();
      for (const requests of [1, 2])
        expect(await begin(caller, { requestsPerMinute: 2 })).toMatchObject({ as: 'begun', requests });
      const refused = await begin(caller, { requestsPerMinute: 2 });
      if (refused.as !== 'refused') throw new Error('It was not refused.');
      expect(refused.limit).toBe('requests');
      expect(refused.retryAfterMs).toBeGreaterThan(0);
      expect(refused.retryAfterMs).toBeLessThanOrEqual(60_000);
      expect(await begin(`${caller}-other`, { requestsPerMinute: 2 })).toMatchObject({ requests: 1 });
    });

    test('checks and counts in one step, whoever asks at the same time', async () => {
      const caller = anId();
      const counters = [open(), open()];
      const all = await Promise.all(
        Array.from({ length: 40 }, (_, at) =>
          begin(caller, { concurrentStreams: 7 }, anId(), counters[at % 2]),
        ),
      );
      expect(all.filter(({ as }) => as === 'begun')).toHaveLength(7);
      expect(all.filter((one) => one.as === 'refused' && one.limit === 'streams')).toHaveLength(33);
      // What was refused was not counted.
      expect(await begin(caller)).toMatchObject({ requests: 8 });
    });

    test('R43 counts a command that was sent twice once', async () => {
      const caller = anId();
      const place = anId();
      for (let time = 0; time < 2; time++)
        expect(await begin(caller, { concurrentStreams: 1 }, place)).toMatchObject({ requests: 1 });
    });

    test('gives a place to the next one when it is given back', async () => {
      const caller = anId();
      const place = anId();
      await begin(caller, { concurrentStreams: 1 }, place);
      expect(await begin(caller, { concurrentStreams: 1 })).toMatchObject({ limit: 'streams' });
      await open().leave(caller, place);
      expect(await begin(caller, { concurrentStreams: 1 })).toMatchObject({ as: 'begun' });
      // A second time it is nobody's.
      await open().leave(caller, place);
      expect(await begin(caller, { concurrentStreams: 1 })).toMatchObject({ limit: 'streams' });
    });

    test('gives back the places of a process that has died', async () => {
      const caller = anId();
      await begin(caller, { concurrentStreams: 2 });
      await begin(caller, { concurrentStreams: 2 });
      await expire(caller);
      expect(await begin(caller, { concurrentStreams: 2 })).toMatchObject({ as: 'begun' });
      expect(await open().hold(caller, anId(), { concurrentStreams: 2 }, LEASE_MS)).toBe(true);
      expect(await open().hold(caller, anId(), { concurrentStreams: 2 }, LEASE_MS)).toBe(false);
    });

    test('holds a place again and again, and takes one without a request', async () => {
      const caller = anId();
      const place = anId();
      const hold = async (id: string) => open().hold(caller, id, { concurrentStreams: 1 }, LEASE_MS);
      expect(await hold(place)).toBe(true);
      expect(await hold(place)).toBe(true);
      expect(await hold(anId())).toBe(false);
      expect(await begin(caller)).toMatchObject({ requests: 1 });
    });

    test('refuses a caller whose tokens or dollars are used up', async () => {
      const caller = anId();
      const counter = open();
      await counter.spend(caller, anId(), { tokens: 5, usd: 0.1, isUnknown: false });
      await counter.spend(caller, anId(), { tokens: 5, usd: 0.2, isUnknown: false });
      expect(await begin(caller, { tokensPerMinute: 11, usdPerDay: 0.31 })).toMatchObject({ as: 'begun' });
      expect(await begin(caller, { tokensPerMinute: 10 })).toMatchObject({ limit: 'tokens' });
      const refused = await begin(caller, { usdPerDay: 0.3 });
      expect(refused).toMatchObject({ limit: 'usd' });
      // The day is not over within the minute, or it is just about to end.
      expect(refused.as === 'refused' && refused.retryAfterMs).toBeLessThanOrEqual(86_400_000);
    });

    test('refuses a caller of whose costs one is not known, unless that counts as nothing', async () => {
      const caller = anId();
      await open().spend(caller, anId(), { tokens: 1, usd: 0, isUnknown: true });
      await open().spend(caller, anId(), { tokens: 1, usd: 0.1, isUnknown: false });
      expect(await begin(caller, { usdPerDay: 1 })).toMatchObject({ as: 'refused', limit: 'cost' });
      expect(await begin(caller, { usdPerDay: 1, unknownCost: 'allow' })).toMatchObject({ as: 'begun' });
      expect(await begin(caller)).toMatchObject({ as: 'begun' });
    });

    test('takes any text for the id of a caller', async () => {
      for (const caller of ['', '{', '}:{', 'a:b', '*', '\r\n', '日本', '__proto__', 'x'.repeat(5_000)]) {
        const other = `${caller}~${anId()}`;
        expect(await begin(other)).toMatchObject({ requests: 1 });
        expect(await begin(other)).toMatchObject({ requests: 2 });
      }
    });
  });
}
