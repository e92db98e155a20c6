import assert from 'node:assert/strict';

import type { StoreCase } from './contract.ts';
import { contentsOf, entries, refused, write } from './stage.ts';

const CANARY = 'canary-4711';

const ROTTEN = {
  'no JSON': `{"v":1,"messages":[{"role":"user","content":"${CANARY}`,
  'another shape': JSON.stringify({ v: 1, messages: [{ role: 'user', content: { text: CANARY } }] }),
  'an unknown kind of part': JSON.stringify({
    v: 1,
    messages: [{ role: 'user', content: [{ type: CANARY, text: CANARY }] }],
  }),
  'no schema version': JSON.stringify({ messages: [{ role: 'user', content: CANARY }] }),
  'a schema version to come': JSON.stringify({ v: 4711, messages: [{ role: 'user', content: CANARY }] }),
  'no object': JSON.stringify(CANARY),
};

/** What is stored and cannot be read is told of, in words that give nothing away. */
export const corruptionCases: readonly StoreCase[] = Object.entries(ROTTEN).map(([what, text]) => ({
  name: `names the session of which a turn cannot be read, not what it holds: ${what}`,
  corrupts: true,
  async run({ store, key, corrupt }) {
    await write(store, key('sound'), 'a');
    await write(store, key('rotten'), 'a');
    await store.append(key('rotten'), entries('b'), { expectedVersion: 1, turnId: 't2' });
    await corrupt(key('rotten'), text);
    const messages = [
      await refused(store.load(key('rotten')), 'store', false),
      await refused(store.load(key('rotten'), { last: 1 }), 'store', false),
      await refused(store.turn(key('rotten'), 't2'), 'store', false),
    ];
    for (const message of messages) {
      assert.ok(message.includes('rotten'), `the error names no session: ${message}`);
      assert.ok(!message.includes(CANARY), 'the error holds what was stored');
    }
    assert.deepEqual(contentsOf(await store.load(key('sound'))), ['a']);
    await store.delete(key('rotten'));
    assert.equal(await write(store, key('rotten'), 'anew'), 1);
  },
}));
