import assert from 'node:assert/strict';

import { eventually } from '../store/stage.ts';
import type { LogCase } from './contract.ts';
import { LONG_MS, done, own, ownerOf, pageOf, refused, startOf, textOf, texts, written } from './stage.ts';

const TTL_MS = 60;

/** What is listed, for how long something is kept, and how much of it. */
export const keepingCases: readonly LogCase[] = [
  {
    name: 'lists the running streams of a session, the one that was opened first at the front',
    async run({ log, other, key, owner, stranger }) {
      const begin = async (id: string, session: string | { owner: string; id: string }): Promise<void> => {
        ownerOf(await log.open(key(id), startOf(key(id), { session }), { leaseMs: LONG_MS }));
        // Two opens within a millisecond may be listed in any order.
        const from = Date.now();
        await eventually(async () => (Date.now() > from + 1 ? true : undefined));
      };
      const talk = { owner, id: 'talk' };
      for (const id of ['one', 'two', 'three']) await begin(id, talk);
      await begin('elsewhere', { owner, id: 'elsewhere' });
      await begin('strange', { owner: stranger, id: 'talk' });
      await begin('ownerless', owner);
      for (const one of [log, other]) assert.deepEqual(await one.running(talk), ['one', 'two', 'three']);
      assert.deepEqual(await other.running({ owner: stranger, id: 'talk' }), ['strange']);
      assert.deepEqual(await other.running({ owner: '', id: owner }), ['ownerless']);
      await log.forget(stranger);
    },
  },
  {
    name: 'does not list a stream that has ended, and lists it again if it is opened again',
    async run({ log, other, key, owner }) {
      const talk = { owner, id: 'talk' };
      const start = startOf(key(), { session: talk });
      const { held } = ownerOf(await log.open(key(), start, { leaseMs: LONG_MS }));
      await log.append(held, 0, texts(0, 'a'), done);
      assert.deepEqual(await other.running(talk), []);
      ownerOf(await log.open(key(), start, { leaseMs: LONG_MS, again: true }));
      assert.deepEqual(await other.running(talk), ['turn']);
    },
  },
  {
    name: 'lists a stream whose owner is gone until somebody ends it',
    async run({ log, other, key, owner }) {
      const talk = { owner, id: 'talk' };
      ownerOf(await log.open(key(), startOf(key(), { session: talk }), { leaseMs: 1 }));
      await eventually(async () => ((await pageOf(other, key())).leaseLeftMs < 0 ? true : undefined));
      assert.deepEqual(await other.running(talk), ['turn']);
      assert.equal(await other.settle(key(), done, { graceMs: 0 }), true);
      assert.deepEqual(await log.running(talk), []);
    },
  },
  {
    name: 'forgets all streams of an owner, and no others',
    async run({ log, other, key, owner, stranger }) {
      const session = { owner, id: 'talk' };
      const { held } = ownerOf(await log.open(key(), startOf(key(), { session }), { leaseMs: LONG_MS }));
      await log.append(held, 0, texts(0, 'a'));
      await log.append(await written(log, key('ended'), 'b'), 1, [], done);
      const theirs = await written(log, { owner: stranger, id: 'turn' }, 'c');
      await other.forget(owner);
      for (const one of [log, other])
        for (const id of ['turn', 'ended']) assert.equal(await one.read(key(id), { after: 0 }), undefined);
      assert.deepEqual(await log.running(session), []);
      await refused(log.append(held, 1, texts(1, 'late')), 'lease_lost');
      await log.append(theirs, 1, texts(1, 'd'));
      assert.deepEqual(await textOf(other, theirs.key), ['c', 'd']);
      await other.forget(owner);
    },
  },
  {
    name: 'a token is not given a second time if its stream was forgotten and opened anew',
    async run({ log, other, key, owner }) {
      const old = await written(log, key(), 'a');
      await other.forget(owner);
      const { held, next } = await own(other, key());
      assert.deepEqual([next, await textOf(log, key())], [0, []]);
      assert.ok(held.token > old.token, `the token ${held.token} is not above ${old.token}`);
      await refused(log.append(old, 0, texts(0, 'late')), 'lease_lost');
      await refused(log.append(old, 0, [], done), 'lease_lost');
      assert.deepEqual(await textOf(log, key()), []);
    },
  },
  {
    name: 'drops a stream when its time after the end is over, and not while it runs',
    log: { ttlMs: TTL_MS },
    async run({ log, other, key }) {
      const ended = await written(log, key('ended'), 'a');
      const runs = await written(log, key('runs'), 'a');
      const { at } = await log.append(ended, 1, [], done);
      await eventually(async () =>
        (await other.read(key('ended'), { after: 0 })) === undefined ? true : undefined,
      );
      const { at: now } = await log.append(runs, 1, texts(1, 'b'));
      assert.ok(now - at >= TTL_MS - 1, `it was dropped after ${now - at} ms`);
      assert.deepEqual(await textOf(other, key('runs')), ['a', 'b']);
      const opened = await own(other, key('ended'));
      assert.deepEqual([opened.next, await textOf(log, key('ended'))], [0, []]);
    },
  },
];
