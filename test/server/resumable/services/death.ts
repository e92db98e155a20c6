import { describe, expect, test } from 'vitest';
import type { SessionKey } from 'sluice';
import { lineOf } from '../../../session/stage.ts';
import type { ServiceSpec } from './service.ts';
import {
  ENDLESS,
  GRACE_MS,
  LEASE_MS,
  OWNER,
  delay,
  expectDense,
  ownerProcess,
  readingOf,
  resetsOf,
  saidBy,
  server,
  until,
  words,
} from './stage.ts';
import type { Server } from './stage.ts';

/** A lease so long that nothing of a test waits for its renewal or its end. */
const LONG_MS = 60_000;
/** "At once", on a machine that may be very busy: long before a lease of {@link LONG_MS} is renewed. */
const AT_ONCE_MS = LONG_MS / 4;

const newSession = (): SessionKey => ({ owner: OWNER, id: crypto.randomUUID() });

async function historyOf({ store }: Server, session: SessionKey): Promise<string[]> {
  return ((await store.load(session))?.messages ?? []).map(lineOf);
}

/** What becomes of turns whose processes are killed or stopped, over one service. `twice`: how often the same is tried. */
export function deaths(service: () => ServiceSpec, rounds: number): void {
  const some = Array.from({ length: rounds }, (_, round) => round + 1);

  describe('R40 a process that is killed', () => {
    test.each(some)('without a session: every reader gets lease_lost (round %d)', async () => {
      const servers = [await server(service(), 'b'), await server(service(), 'c')];
      const owner = await ownerProcess({ service: service() });
      const readers = await Promise.all([...servers, ...servers].map((one) => readingOf(one, owner.key)));
      await words(readers);
      owner.kill('SIGKILL');
      await Promise.all(readers.map(({ done }) => done));
      for (const reader of readers) {
        expect([reader.end?.error?.code, reader.end?.reason, reader.end?.by]).toEqual([
          ...['lease_lost', 'owner_lost', 'finder'],
        ]);
        expect(saidBy('a', ENDLESS).startsWith(reader.text)).toBe(true);
        expectDense(reader);
      }
      expect(new Set(readers.map(({ text }) => text)).size).toBe(1);
    });

    test('before its first token: found at once by whoever comes after the lease', async () => {
      const one = await server(service(), 'b');
      const owner = await ownerProcess({ service: service(), firstMs: 60_000 });
      owner.kill('SIGKILL');
      await owner.gone();
      await delay(LEASE_MS + GRACE_MS + 50);
      const reader = await readingOf(one, owner.key);
      await reader.done;
      expect([reader.text, reader.end?.error?.code]).toEqual(['', 'lease_lost']);
    });

    test.each(some)(
      'with a session: one of two servers takes over, and all is there once (round %d)',
      async () => {
        const servers = [await server(service(), 'b'), await server(service(), 'b')];
        const [first] = servers;
        const session = newSession();
        const owner = await ownerProcess({ service: service(), session });
        const readers = await Promise.all([...servers, ...servers].map((one) => readingOf(one, owner.key)));
        await words(readers);
        owner.kill('SIGKILL');
        await Promise.all(readers.map(({ done }) => done));
        for (const reader of readers) {
          expect([reader.text, reader.end?.outcome, resetsOf(reader)]).toEqual([
            saidBy('b', 20),
            'completed',
            1,
          ]);
          expectDense(reader);
        }
        if (first === undefined) return;
        expect(await historyOf(first, session)).toEqual(['user: hi', `assistant: ${saidBy('b', 20)}`]);
      },
    );

    test('after it was asked to stop: not run again, and nothing is void', async () => {
      const one = await server(service(), 'b');
      const session = newSession();
      const owner = await ownerProcess({ service: service(), session });
      const reader = await readingOf(one, owner.key);
      await words([reader]);
      owner.kill('SIGSTOP');
      expect((await one.runs.stop(owner.key)).status).toBe('pending');
      owner.kill('SIGKILL');
      await reader.done;
      expect([reader.end?.outcome, reader.end?.reason, resetsOf(reader)]).toEqual([
        'cancelled',
        'stopped',
        0,
      ]);
      expect(await historyOf(one, session)).toEqual(['user: hi', `assistant: ${reader.text} *`]);
    });
  });

  describe('R40 a process that dies, and whose turns nobody runs again', () => {
    const ends = { onOwnerLost: 'end' } as const;

    test.each(some)('by a kill: the session has what every reader saw, once (round %d)', async () => {
      const servers = [await server(service(), 'b', ends), await server(service(), 'b', ends)];
      const [first] = servers;
      const session = newSession();
      const owner = await ownerProcess({ service: service(), session });
      const readers = await Promise.all([...servers, ...servers].map((one) => readingOf(one, owner.key)));
      await words(readers);
      owner.kill('SIGKILL');
      await Promise.all(readers.map(({ done }) => done));
      if (first === undefined) return;
      for (const reader of readers) {
        expect([reader.end?.error?.code, resetsOf(reader)]).toEqual(['lease_lost', 0]);
        expect(await historyOf(first, session)).toEqual(['user: hi', `assistant: ${reader.text} *`]);
      }
    });

    test('by a pause beyond its lease: it is refused when it wakes up, by the log and by the session', async () => {
      const one = await server(service(), 'b', ends);
      const session = newSession();
      const owner = await ownerProcess({ service: service(), session });
      const reader = await readingOf(one, owner.key);
      await words([reader]);
      owner.kill('SIGSTOP');
      await reader.done;
      owner.kill('SIGCONT');
      await until(async () => owner.end !== undefined);
      await delay(200);
      expect([reader.end?.error?.code, owner.end?.by]).toEqual(['lease_lost', 'finder']);
      expect(await historyOf(one, session)).toEqual(['user: hi', `assistant: ${reader.text} *`]);
    });
  });

  describe('R40 a process that shuts down', () => {
    test('with a session: another one goes on at once, long before the lease is over', async () => {
      const long = { leaseMs: LONG_MS };
      const servers = [await server(service(), 'b', long), await server(service(), 'b', long)];
      const session = newSession();
      const owner = await ownerProcess({ service: service(), session, ...long });
      const readers = await Promise.all(servers.map((one) => readingOf(one, owner.key)));
      await words(readers);
      owner.kill('SIGTERM');
      const told = performance.now();
      await Promise.all(readers.map(({ done }) => done));
      expect(performance.now() - told).toBeLessThan(AT_ONCE_MS);
      for (const reader of readers) {
        expect([reader.text, reader.end?.outcome, resetsOf(reader)]).toEqual([
          saidBy('b', 20),
          'completed',
          1,
        ]);
        expectDense(reader);
      }
      const [first] = servers;
      if (first === undefined) return;
      expect(await historyOf(first, session)).toEqual(['user: hi', `assistant: ${saidBy('b', 20)}`]);
      await owner.gone();
    });

    test('and has no reader elsewhere: a sweep of any other process goes on', async () => {
      const one = await server(service(), 'b', { sweepMs: 0 });
      const session = newSession();
      const owner = await ownerProcess({ service: service(), session });
      await until(async () => owner.got > 5);
      owner.kill('SIGTERM');
      await owner.gone();
      await until(async () => {
        await one.runs.sweep();
        return (await one.log.read(owner.key, { after: 0 }))?.end !== undefined;
      });
      expect(await historyOf(one, session)).toEqual(['user: hi', `assistant: ${saidBy('b', 20)}`]);
    });
  });

  describe('R40 a dead turn that nobody reads', () => {
    test('is ended, or gone on with, by one of two processes that sweep', async () => {
      const servers = [
        await server(service(), 'b', { sweepMs: 0 }),
        await server(service(), 'b', { sweepMs: 0 }),
      ];
      const [one] = servers;
      if (one === undefined) return;
      const session = newSession();
      const owners = await Promise.all([
        ownerProcess({ service: service() }),
        ownerProcess({ service: service(), session }),
      ]);
      await until(async () => owners.every(({ got }) => got > 5));
      for (const owner of owners) owner.kill('SIGKILL');
      const ends = (): Promise<(string | undefined)[]> =>
        Promise.all(owners.map(async ({ key }) => (await one.log.read(key, { after: 0 }))?.end?.outcome));
      await until(async () => {
        await Promise.all(servers.map(({ runs }) => runs.sweep()));
        return !(await ends()).includes(undefined);
      });
      expect(await ends()).toEqual(['failed', 'completed']);
      expect(await historyOf(one, session)).toEqual(['user: hi', `assistant: ${saidBy('b', 20)}`]);
    });
  });

  describe('R40 a process that is paused', () => {
    test('beyond its lease, while another takes over: it is refused when it wakes up, and stores nothing', async () => {
      const one = await server(service(), 'b');
      const session = newSession();
      const owner = await ownerProcess({ service: service(), session });
      const reader = await readingOf(one, owner.key);
      await words([reader]);
      owner.kill('SIGSTOP');
      await until(async () => resetsOf(reader) === 1);
      owner.kill('SIGCONT');
      await reader.done;
      // Its own reader goes on with the new run.
      await until(async () => owner.end !== undefined);
      expect([reader.text, owner.end?.outcome]).toEqual([saidBy('b', 20), 'completed']);
      expectDense(reader);
      await delay(200);
      expect(await historyOf(one, session)).toEqual(['user: hi', `assistant: ${saidBy('b', 20)}`]);
    });

    test('beyond its lease, while nobody looks: it goes on as if nothing had been', async () => {
      const one = await server(service(), 'b', { sweepMs: 0 });
      const session = newSession();
      const owner = await ownerProcess({ service: service(), session, words: 40 });
      await until(async () => owner.got > 5);
      owner.kill('SIGSTOP');
      await delay(LEASE_MS + GRACE_MS + 300);
      owner.kill('SIGCONT');
      await until(async () => owner.end !== undefined);
      const reader = await readingOf(one, owner.key);
      await reader.done;
      expect([reader.text, reader.end?.outcome, resetsOf(reader)]).toEqual([saidBy('a', 40), 'completed', 0]);
      expect(await historyOf(one, session)).toEqual(['user: hi', `assistant: ${saidBy('a', 40)}`]);
    });
  });

  describe('R62 a stop from another process', () => {
    test.each([
      ['before the first token', { firstMs: 60_000 }, 0],
      ['in the middle', {}, 5],
    ])(
      '%s: the reader learns it at once, and log and session end on the same word',
      async (_when, given, count) => {
        const one = await server(service(), 'b', { leaseMs: LONG_MS });
        const session = newSession();
        const owner = await ownerProcess({ service: service(), session, leaseMs: LONG_MS, ...given });
        const reader = await readingOf(one, owner.key);
        if (count > 0) await words([reader], count);
        else await until(async () => (await historyOf(one, session)).length > 0);
        const stopped = performance.now();
        await one.runs.stopTurn(session, { reason: 'changed my mind' });
        await reader.done;
        expect(performance.now() - stopped).toBeLessThan(AT_ONCE_MS);
        expect([reader.end?.outcome, reader.end?.reason, reader.end?.by]).toEqual([
          ...['cancelled', 'changed my mind', 'owner'],
        ]);
        const history = ['user: hi', ...(reader.text === '' ? [] : [`assistant: ${reader.text} *`])];
        expect(await historyOf(one, session)).toEqual(history);
        expect((await one.runs.stop(owner.key)).status).toBe('stopped');
      },
    );

    test('while the turn waits for its session: only that one ends', async () => {
      const long = { leaseMs: LONG_MS };
      const one = await server(service(), 'b', long);
      const session = newSession();
      const first = await ownerProcess({ service: service(), session, ...long });
      await until(async () => first.got > 3);
      const second = await ownerProcess({ service: service(), session, name: 'c', ...long });
      expect(await one.runs.running(session)).toEqual([first.key.id, second.key.id]);
      const reader = await readingOf(one, second.key);
      await one.runs.stop(second.key);
      await reader.done;
      expect([reader.text, reader.end?.reason]).toEqual(['', 'stopped']);
      expect(await one.runs.running(session)).toEqual([first.key.id]);
      await one.runs.stopTurn(session);
      await until(async () => first.end !== undefined);
      const whole = await readingOf(one, first.key);
      await whole.done;
      expect(await historyOf(one, session)).toEqual(['user: hi', `assistant: ${whole.text} *`]);
    });
  });

  test('R63 nobody reads, on any process: the run ends as orphaned', async () => {
    const one = await server(service(), 'b');
    const owner = await ownerProcess({ service: service(), leaves: true, orphanMs: 300 });
    await until(
      async () => owner.end !== undefined || (await one.log.read(owner.key, { after: 0 }))?.end !== undefined,
    );
    const reader = await readingOf(one, owner.key);
    await reader.done;
    expect([reader.end?.outcome, reader.end?.reason]).toEqual(['cancelled', 'orphaned']);
  });
}
