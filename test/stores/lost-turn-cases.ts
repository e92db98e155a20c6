import { MemoryStore, Pipeline, noUsage } from 'sluice';
import type { Lease, LostTurn, LostTurnEnd, Message, SessionKey, StateStore } from 'sluice';
import { beforeEach, describe, expect, test } from 'vitest';
import { Model, failureOf, says, texts } from '../core/harness.ts';
import { lineOf } from '../session/stage.ts';
import { cut, decide, done, reply } from '../session/steps/steps.ts';

const LEASE_MS = 60_000;

/** A session in which a turn has begun, and the lease of the process that ran it. */
interface Begun {
  readonly key: SessionKey;
  readonly lease: Lease;
}

const said = (text: string): Message => ({ role: 'user', content: text });
const replied = (content: Message['content']): Message => ({ role: 'assistant', content });

/** What is stored of turns whose processes died, over one store. */
export function lostTurns(name: string, open: () => StateStore | Promise<StateStore>): void {
  describe(`the end of a turn whose process died, ${name}`, () => {
    let store: StateStore = new MemoryStore();
    beforeEach(async () => void (store = await open()));

    const begun = async (turnId = 't'): Promise<Begun> => {
      const key = { owner: 'ada', id: crypto.randomUUID() };
      const lease = await store.lease(key, LEASE_MS);
      await store.append(key, [{ message: said('hi') }], {
        ...{ expectedVersion: 0, turnId: `${turnId}.input`, lease },
      });
      return { key, lease };
    };
    const end = (key: SessionKey, lost: Partial<LostTurn> = {}): Promise<LostTurnEnd> =>
      new Pipeline([says('never')], { store }).endLostTurn(key, {
        ...{ turnId: 't', outcome: 'failed', reason: 'owner_lost', messages: [replied('Hel')] },
        ...lost,
      });
    const lines = async (key: SessionKey): Promise<string[]> =>
      ((await store.load(key))?.messages ?? []).map(lineOf);
    const late = ({ key, lease }: Begun, expectedVersion: number): Promise<unknown> =>
      failureOf(
        store.append(key, [{ message: replied('late') }], { expectedVersion, turnId: 'late', lease }),
      );

    test('is its partial reply, once, and its process can store nothing more', async () => {
      const turn = await begun();
      const { key } = turn;
      expect(await Promise.all([end(key), end(key)].map((one) => one.catch(() => 'lost')))).toContain(
        'stored',
      );
      expect(await end(key)).toBe('known');
      expect(await lines(key)).toEqual(['user: hi', 'assistant: Hel *']);
      const { version = 0, turns, usage, cost } = (await store.load(key)) ?? {};
      expect([turns, usage?.estimated, cost]).toEqual([1, true, { status: 'estimated', totalUsd: 0 }]);
      expect(await late(turn, version)).toMatchObject({ code: 'lease_lost' });
      expect((await store.turn(key, 't.reply'))?.end).toMatchObject({
        ...{ outcome: 'failed', reason: 'owner_lost' },
      });
      // The session is free.
      await (await store.lease(key, LEASE_MS)).release();
    });

    test('leaves out what no provider takes, and is nothing if nothing is left', async () => {
      const call = { type: 'tool_call', id: 'c', name: 'sum', arguments: {} } as const;
      const one = await begun();
      expect(await end(one.key, { messages: [replied([{ type: 'text', text: 'Let me' }, call])] })).toBe(
        'stored',
      );
      expect(await lines(one.key)).toEqual(['user: hi', 'assistant: Let me *']);
      const other = await begun();
      expect(await end(other.key, { messages: [replied([call])] })).toBe('known');
      expect(await lines(other.key)).toEqual(['user: hi']);
      expect(await late(other, 1)).toMatchObject({ code: 'lease_lost' });
    });

    test('is nothing if the turn was stored, and if its session or the turn is not there', async () => {
      const { key, lease } = await begun();
      await store.append(key, [{ message: replied('Hello') }], {
        ...{ expectedVersion: 1, turnId: 't.reply', lease },
        end: { outcome: 'completed', usage: noUsage(), cost: { status: 'exact', totalUsd: 0 } },
      });
      expect(await end(key)).toBe('known');
      expect(await lines(key)).toEqual(['user: hi', 'assistant: Hello']);
      expect(await end(key, { turnId: 'other' })).toBe('unknown');
      await store.delete(key);
      expect(await end(key)).toBe('unknown');
      expect(await store.load(key)).toBeUndefined();
    });

    test('is nothing behind another turn that has come since, and that one keeps its session', async () => {
      const { key, lease: dead } = await begun();
      await dead.release();
      const lease = await store.lease(key, LEASE_MS);
      await store.append(key, [{ message: said('ho') }], { expectedVersion: 1, turnId: 'u.input', lease });
      expect(await end(key)).toBe('known');
      expect(await lines(key)).toEqual(['user: hi', 'user: ho']);
      await lease.renew(LEASE_MS);
    });

    test('of a turn that is asked again is stored for each try, and gives way to its reply', async () => {
      const { key } = await begun();
      expect(await end(key)).toBe('stored');
      const again = await store.lease(key, LEASE_MS);
      const { ids = [], version = 0 } = (await store.load(key, { ids: true })) ?? {};
      await store.append(key, [], {
        ...{ expectedVersion: version, turnId: `t.again.${version}`, after: ids[0], lease: again },
      });
      expect(await lines(key)).toEqual(['user: hi']);
      expect(await end(key, { messages: [replied('Hell')], outcome: 'cancelled' })).toBe('stored');
      expect(await lines(key)).toEqual(['user: hi', 'assistant: Hell *']);
      expect((await store.turn(key, 't.reply.2'))?.end?.outcome).toBe('cancelled');
      const pipeline = new Pipeline([says('Hello')], { store });
      await pipeline.executeWithContext(key, 'user', 'hi', { turnId: 't' });
      expect(await lines(key)).toEqual(['user: hi', 'assistant: Hello']);
    });

    test('of a turn that answers a message anew is stored behind that message', async () => {
      const { key, lease } = await begun('before');
      await lease.release();
      const model = new Model().give(texts('Hel'));
      const running = new Pipeline([model.middleware], { store }).regenerate(key, { turnId: 't' });
      await running.next();
      expect(await end(key)).toBe('stored');
      // It is alive, so it has to be refused.
      await running.close();
      expect(await lines(key)).toEqual(['user: hi', 'assistant: Hel *']);
    });

    test('of a turn with steps is the reply that was under way: the turn stays open, and no step is lost', async () => {
      const turn = await begun();
      const { key, lease } = turn;
      await store.record(key, 't', [reply(0, ['a'], { starts: ['a'] }), done('a')], { from: 0, lease });
      const round = [replied('round 0'), { role: 'tool', content: 'result of a' } as const];
      expect(await end(key, { messages: round })).toBe('known');
      expect(await end(key, { messages: [...round, replied('The sum')] })).toBe('stored');
      expect(await end(key, { messages: [...round, replied('The sum')] })).toBe('known');
      const steps = await store.steps(key, 't');
      expect(steps.map(({ step }) => step)).toEqual([
        ...[reply(0, ['a'], { starts: ['a'] }), done('a'), cut('The sum')],
      ]);
      expect((await store.load(key))?.cost.status).toBe('estimated');
      const refused = store.record(key, 't', [done('a', 'late')], { from: 3, lease });
      expect(await failureOf(refused)).toMatchObject({ code: 'lease_lost' });
      await new Pipeline([says('ok')], { store }).executeWithContext(key, 'user', 'next');
      expect(await lines(key)).toEqual([
        ...['user: hi', 'assistant: round 0+tool_call', 'tool: tool_result', 'assistant: The sum *'],
        ...['user: next', 'assistant: ok'],
      ]);
    });

    test('of a turn that went on with decisions is found by the id of the decisions', async () => {
      const { key, lease } = await begun();
      const first = reply(0, ['a'], { waits: ['a'] });
      await store.record(key, 't', [first, decide('a', 'd', { deny: 'no' })], { from: 0, lease });
      expect(await end(key, { turnId: 'e', messages: [replied('round 0'), replied('Well')] })).toBe(
        'unknown',
      );
      const messages = [replied('round 0'), { role: 'tool', content: 'no' } as const, replied('Well')];
      expect(await end(key, { turnId: 'd', messages })).toBe('stored');
      const steps = await store.steps(key, 't');
      expect(steps.at(-1)?.step).toEqual(cut('Well'));
    });
  });
}
