import assert from 'node:assert/strict';

import type { StoreCase } from './contract.ts';
import { contentsOf, entries, refused, write } from './stage.ts';

const CANARY = 'canary-4711';

const CORRUPT = {
  'text that is not JSON': `{"v":1,"messages":[{"role":"user","content":"${CANARY}`,
  'an object of the wrong shape': JSON.stringify({
    v: 1,
    messages: [{ role: 'user', content: { text: CANARY } }],
  }),
  'an unknown kind of message part': JSON.stringify({
    v: 1,
    messages: [{ role: 'user', content: [{ type: CANARY, text: CANARY }] }],
  }),
  'no schema version': JSON.stringify({ messages: [{ role: 'user', content: CANARY }] }),
  'a schema version of a later release': JSON.stringify({
    v: 4711,
    messages: [{ role: 'user', content: CANARY }],
  }),
  'a value that is not an object': JSON.stringify(CANARY),
};

/** Corrupt data causes an error that does not reveal the data. */
export const corruptionCases: readonly StoreCase[] = Object.entries(CORRUPT).map(([what, text]) => ({
  name: `fails on corrupt data with an error that names the session but not the data: ${what}`,
  corrupts: true,
  async run({ store, key, corrupt }) {
    await write(store, key('sound'), 'a');
    await write(store, key('corrupt'), 'a');
    await store.append(key('corrupt'), entries('b'), { expectedVersion: 1, turnId: 't2' });
    await corrupt(key('corrupt'), text);
    const messages = [
      await refused(store.load(key('corrupt')), 'store', false),
      await refused(store.load(key('corrupt'), { last: 1 }), 'store', false),
      await refused(store.turn(key('corrupt'), 't2'), 'store', false),
    ];
    for (const message of messages) {
      assert.ok(message.includes('corrupt'), `the error does not name the session: ${message}`);
      assert.ok(!message.includes(CANARY), 'the error contains stored data');
    }
    assert.deepEqual(contentsOf(await store.load(key('sound'))), ['a']);
    await store.delete(key('corrupt'));
    assert.equal(await write(store, key('corrupt'), 'anew'), 1);
  },
}));
