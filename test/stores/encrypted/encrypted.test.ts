import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MemoryStore, noUsage } from 'sluice';
import type { StateStore, Step } from 'sluice';
import { encrypted } from 'sluice/stores/encrypted';
import { sqliteStore } from 'sluice/stores/sqlite';
import { failureOf } from '../../core/harness.ts';
import { around, contents, end, entries, entry, newPath } from '../sqlite/stage.ts';

const SECRET = 'canary-4711';
const place = { owner: 'ada', id: 'talk' };

describe('what is stored', () => {
  test('contains no messages, metadata, calls or reasons in plain text', async () => {
    const path = newPath();
    const store = encrypted(sqliteStore({ path }), randomBytes(32));
    const call = { type: 'tool_call', id: SECRET, name: SECRET, arguments: { SECRET } } as const;
    await store.append(
      place,
      [
        { message: { role: 'assistant', content: [{ type: 'text', text: SECRET }, call], partial: true } },
        { message: { role: 'tool', name: SECRET, content: SECRET } },
      ],
      {
        expectedVersion: 0,
        turnId: 'turn-1',
        metadata: { [`key ${SECRET}`]: SECRET },
        end: { ...end, outcome: 'interrupted', reason: SECRET },
      },
    );
    await store.update(place, { [`more ${SECRET}`]: SECRET }, { expectedVersion: 1 });
    const lease = await store.lease(place, 60_000);
    const message = { role: 'assistant', content: [call] } as const;
    const reply = { finishReason: 'tool_calls', model: SECRET } as const;
    const pending = { callId: SECRET, name: SECRET, arguments: { SECRET }, waitsFor: 'approval' } as const;
    const steps: Step[] = [
      { kind: 'reply', round: 0, message: { ...message, content: [call] }, reply, starts: [SECRET] },
      { kind: 'result', callId: SECRET, content: SECRET, isError: false, outcome: 'done' },
      { kind: 'wait', pending: [pending] },
    ];
    await store.record(place, 'turn-2', steps, { from: 0, lease, metadata: { [`last ${SECRET}`]: SECRET } });
    expect((await store.steps(place, 'turn-2')).map(({ step }) => step)).toEqual(steps);
    const fork = await store.fork(place);
    await store.close();
    const bytes = readFileSync(path, 'latin1');
    for (const plain of ['ada', 'talk', 'turn-1', 'turn-2', fork.id, '"totalUsd":0.5'])
      expect(bytes).toContain(plain);
    for (const sealed of [
      SECRET,
      '4711',
      'assistant',
      'tool"',
      'partial',
      'key ',
      'SECRET',
      'approval',
      'tool_calls',
    ])
      expect(bytes).not.toContain(sealed);
  });

  test('no nonce is used twice', async () => {
    const below = new MemoryStore();
    const store = encrypted(below, randomBytes(32));
    for (let turn = 0; turn < 5; turn++)
      await store.append('s', [entry('x'), entry('x')], {
        expectedVersion: turn,
        turnId: `t${turn}`,
        metadata: { [`mood${turn}`]: 1 },
        end: { ...end, reason: 'r' },
      });
    const stored = JSON.stringify([await below.load('s'), await below.turn('s', 't4')]);
    // What is sealed begins with its nonce of 12 bytes, 16 characters of base64.
    const sealed = new Set(
      Array.from(stored.matchAll(/sluice-sealed-1\.[^."]+\.([\w-]+)/g), ([, data = '']) => data),
    );
    expect(sealed.size).toBe(10 + 5 + 1);
    expect(new Set(Array.from(sealed, (data) => data.slice(0, 16))).size).toBe(sealed.size);
  });

  test('the same text is encrypted differently each time, and a metadata key has one alias per session', async () => {
    const below = new MemoryStore();
    const store = encrypted(below, randomBytes(32));
    for (const id of ['a', 'b'])
      await store.append(id, [entry('x'), entry('x')], {
        expectedVersion: 0,
        turnId: 't',
        metadata: { mood: 1 },
      });
    const [a, b] = [await below.load('a'), await below.load('b')];
    expect(new Set([...contents(a), ...contents(b)]).size).toBe(4);
    await store.update('a', { mood: 1 }, { expectedVersion: 1 });
    const again = await below.load('a');
    expect(Object.keys(again?.metadata ?? {})).toEqual(Object.keys(a?.metadata ?? {}));
    expect(Object.keys(again?.metadata ?? {})).not.toEqual(Object.keys(b?.metadata ?? {}));
  });
});

describe('keys', () => {
  const written = async (store: StateStore, key: Uint8Array): Promise<void> => {
    const options = { expectedVersion: 0, turnId: 't', metadata: { mood: SECRET } };
    await encrypted(store, key).append(place, [entry(SECRET)], { ...options, end: { ...end, reason: 'r' } });
  };

  test('with a wrong key reading is a store error that is not retryable, and everything else works', async () => {
    const below = new MemoryStore();
    const key = randomBytes(32);
    await written(below, key);
    const wrong = encrypted(below, randomBytes(32));
    for (const read of [
      () => wrong.load(place),
      () => wrong.load(place, { last: 1 }),
      () => wrong.load(place, { last: 0 }),
      () => wrong.turn(place, 't'),
      () => wrong.fork(place),
    ]) {
      const error = await failureOf(read());
      expect(error).toMatchObject({ code: 'store', retryable: false });
      expect(error.message).toMatch(/^The session "talk" cannot be read: .* with another key\.$/);
      expect(JSON.stringify(error)).not.toContain(key.toString('base64').slice(0, 8));
    }
    expect((await wrong.list({ owner: 'ada' })).sessions).toHaveLength(1);
    expect((await wrong.spend(place)).turns).toBe(1);
    await wrong.delete(place);
    expect(await below.load(place)).toBe(undefined);
  });

  test('a ring decrypts with earlier keys, and encrypts with the current one', async () => {
    const below = new MemoryStore();
    const [first, second, third] = [randomBytes(32), randomBytes(32), randomBytes(32)];
    await written(below, first);
    const ring = encrypted(below, { current: third, previous: [second, first] });
    expect(contents(await ring.load(place))).toEqual([SECRET]);
    expect(contents(await ring.turn(place, 't'))).toEqual([SECRET]);
    await ring.append(place, [entry('new')], {
      expectedVersion: 1,
      turnId: 't2',
      metadata: { mood: 'changed' },
    });
    const state = await ring.load(place);
    expect([contents(state), state?.metadata]).toEqual([[SECRET, 'new'], { mood: 'changed' }]);
    expect(Object.keys((await below.load(place))?.metadata ?? {})).toHaveLength(1);
    expect(contents(await encrypted(below, third).load(place, { last: 1 }))).toEqual(['new']);
    expect(await failureOf(encrypted(below, third).load(place))).toMatchObject({ code: 'store' });

    const fork = await ring.fork(place);
    expect(contents(await encrypted(below, third).load(fork))).toEqual([SECRET, 'new']);
  });

  test('a metadata key that was set under an earlier encryption key can be removed', async () => {
    const below = new MemoryStore();
    const [old, current] = [randomBytes(32), randomBytes(32)];
    await written(below, old);
    const ring = encrypted(below, { current, previous: old });
    await ring.update(place, { mood: undefined }, { expectedVersion: 1 });
    expect((await ring.load(place))?.metadata).toEqual({});
    expect((await below.load(place))?.metadata).toEqual({});
  });

  test('is copied, so the caller can wipe the original', async () => {
    const key = randomBytes(32);
    const store = encrypted(new MemoryStore(), key);
    await store.append('s', [entry('a')], { expectedVersion: 0, turnId: 't' });
    key.fill(0);
    expect(contents(await store.load('s'))).toEqual(['a']);
  });

  test.each([
    ['a text', 'k'.repeat(32)],
    ['too short', new Uint8Array(31)],
    ['too long', new Uint8Array(33)],
    ['nothing', undefined],
    ['a ring without a current one', { previous: new Uint8Array(32) }],
    ['a ring with a short one', { current: new Uint8Array(32), previous: [new Uint8Array(16)] }],
    ['a ring with another field', { current: new Uint8Array(32), next: new Uint8Array(32) }],
  ])('is refused: %s', (_what, key) => {
    const make = (): unknown => Reflect.apply(encrypted, undefined, [new MemoryStore(), key]);
    expect(make).toThrow(expect.objectContaining({ code: 'invalid_options' }));
    expect(make).toThrow(
      /^encrypted\(\): key( is .*: (it has 3[13] bytes; )?give 32 bytes|\.next is not an option)/,
    );
    expect(make).not.toThrow(/kkkk/);
    if (key instanceof Uint8Array) expect(make).toThrow(`it has ${key.length} bytes; give 32 bytes`);
  });

  test('a value that is not a store is refused', () => {
    const make = (): unknown => Reflect.apply(encrypted, undefined, [{ load: () => 1 }, new Uint8Array(32)]);
    expect(make).toThrow(/^encrypted\(\): store is an object: give a session store/);
  });
});

describe('tampering', () => {
  const path = newPath();
  const store = encrypted(sqliteStore({ path }), randomBytes(32));

  /** Two sessions of two turns each. */
  async function fresh(): Promise<void> {
    for (const id of ['a', 'b']) {
      await store.delete(id);
      await store.append(id, entries(3), {
        expectedVersion: 0,
        turnId: 't1',
        metadata: { mood: 'calm', rank: 'user' },
      });
      await store.append(id, entries(2), { expectedVersion: 1, turnId: 't2', end: { ...end, reason: 'r1' } });
      await store.append(id, [], { expectedVersion: 2, turnId: 't3', end: { ...end, reason: 'r2' } });
    }
  }

  interface Stored {
    messages: { content: string; role: string }[];
    end?: { reason: string };
    /** The alias of a metadata key. */
    value: string;
  }

  /** Changes stored data, as somebody with write access to the file could. */
  function tamper(table: 'turns' | 'contents', ids: string[], change: (rows: Stored[]) => void): void {
    const place = table === 'turns' ? 'position' : 'name';
    around(path, (database) => {
      const found = database
        .prepare(
          `SELECT session, ${place} AS at, content FROM ${table} JOIN sessions USING (session)
                  WHERE id IN (${ids.map(() => '?').join()}) ORDER BY session, ${place}`,
        )
        .all(...ids);
      const rows = found.map(({ content }): Stored => JSON.parse(String(content)));
      change(rows);
      const update = database.prepare(`UPDATE ${table} SET content = ? WHERE session = ? AND ${place} = ?`);
      for (const [at, row] of rows.entries())
        update.run(JSON.stringify(row), found[at]?.session ?? null, found[at]?.at ?? null);
    });
  }

  async function isRefused(read: Promise<unknown>): Promise<void> {
    const error = await failureOf(read);
    expect(error).toMatchObject({ code: 'store', retryable: false });
    expect(error.message).toMatch(/^The session "a" cannot be read: its /);
  }

  function swapped(list: unknown[], from: number, to: number): void {
    const [a, b] = [list[from], list[to]];
    if (a === undefined || b === undefined) throw new Error('nothing to swap');
    [list[from], list[to]] = [b, a];
  }

  test('none: everything can be read', async () => {
    await fresh();
    expect(contents(await store.load('a'))).toEqual(['m0', 'm1', 'm2', 'm0', 'm1']);
  });

  test.each<[string, string[], (rows: Stored[]) => void]>([
    ['messages of a turn swapped', ['a'], ([row]) => swapped(row?.messages ?? [], 0, 1)],
    ['a message in its place twice', ['a'], ([row]) => row?.messages.splice(1, 1, { ...messageOf(row, 0) })],
    ['a message left out', ['a'], ([row]) => row?.messages.splice(1, 1)],
    ['the first left out', ['a'], ([row]) => row?.messages.shift()],
    ['the last of a turn left out', ['a'], ([row]) => row?.messages.pop()],
    ['the first of a later turn left out', ['a'], ([, row]) => row?.messages.shift()],
    ['the last of all left out', ['a'], ([, row]) => row?.messages.pop()],
    ['what two messages say swapped, each in its place', ['a'], ([row]) => swapTexts(row?.messages ?? [])],
    ['turns swapped', ['a'], (rows) => swapped(rows, 0, 1)],
    ['a turn in the place of another', ['a'], (rows) => rows.splice(1, 1, structuredClone(rowOf(rows, 0)))],
    ["another session's turn", ['a', 'b'], (rows) => swapped(rows, 1, 4)],
    [
      'one character of it changed',
      ['a'],
      ([row]) => (messageOf(row, 0).content = flipped(messageOf(row, 0).content, -5)),
    ],
    [
      'another version written to it',
      ['a'],
      ([row]) => (messageOf(row, 0).content = `0${messageOf(row, 0).content}`.replace('01', '7')),
    ],
    ['cut short', ['a'], ([row]) => (messageOf(row, 0).content = messageOf(row, 0).content.slice(0, 60))],
    ['a plain message put in', ['a'], ([row]) => (messageOf(row, 0).content = 'I am the admin.')],
  ])('messages: %s', async (_what, ids, change) => {
    await fresh();
    tamper('turns', ids, change);
    await isRefused(store.load('a'));
  });

  test.each<[string, string[], (rows: Stored[]) => void]>([
    ['values swapped', ['a'], ([one, two]) => swapValues(one, two)],
    [
      "another session's",
      ['a', 'b'],
      (rows) => {
        for (const at of [0, 1]) swapped(rows, at, at + 2);
      },
    ],
    ['a plain value put in', ['a'], ([row]) => (rowOf([row], 0).value = 'admin')],
  ])('metadata: %s', async (_what, ids, change) => {
    await fresh();
    tamper('contents', ids, change);
    await isRefused(store.load('a', { last: 0 }));
  });

  test('a turn moved to the id of another, and its reason', async () => {
    await fresh();
    around(path, (database) => {
      const rename = database.prepare(
        "UPDATE turns SET turn = ? WHERE turn = ? AND session = (SELECT session FROM sessions WHERE id = 'a')",
      );
      for (const [to, from] of [
        ['x', 't1'],
        ['t1', 't2'],
        ['t2', 't3'],
      ] as const)
        rename.run(to, from);
    });
    await isRefused(store.turn('a', 'x'));
    await isRefused(store.turn('a', 't1'));
    await isRefused(store.turn('a', 't2'));
  });

  describe('steps of an open turn', () => {
    const started = (...ids: string[]): Step[] => ids.map((callId) => ({ kind: 'started', callId }));

    /** Two turns with two steps each. */
    async function recorded(): Promise<void> {
      await fresh();
      await using lease = await store.lease('a', 60_000);
      for (const turnId of ['x', 'y']) await store.record('a', turnId, started('1', '2'), { from: 0, lease });
    }

    test('none: they can be read, and a record that is sent again is skipped', async () => {
      await recorded();
      const lease = await store.lease('a', 60_000);
      const record = () => store.record('a', 'x', started('3'), { from: 2, lease });
      expect([await record(), await record()]).toEqual([3, 3]);
      expect((await store.steps('a', 'x')).map(({ step }) => step)).toEqual(started('1', '2', '3'));
      await lease.release();
    });

    test.each([
      ['swapped', 'UPDATE turns SET part = 7 - part WHERE turn = ? AND part < 2', '\\sx'],
      ['one left out', 'DELETE FROM turns WHERE turn = ? AND part = 0', '\\sx'],
      ['of another turn', "UPDATE turns SET turn = '\\sx', part = part + 9 WHERE turn = ?", '\\sy'],
      [
        'made up',
        `UPDATE turns SET content = '${JSON.stringify({ v: 1, step: started('x')[0], token: 1 })}' WHERE turn = ?`,
        '\\sx',
      ],
    ])('%s', async (_what, change, turn) => {
      await recorded();
      around(path, (database) => database.prepare(change).run(turn));
      await isRefused(store.steps('a', 'x'));
    });
  });

  test('data that was stored without encryption is refused', async () => {
    const below = new MemoryStore();
    await below.append('a', [entry('plain')], {
      expectedVersion: 0,
      turnId: 't',
      end: { ...end, usage: noUsage() },
    });
    await isRefused(encrypted(below, randomBytes(32)).load('a'));
    const lease = await below.lease('a', 60_000);
    await below.record('a', 'x', [{ kind: 'started', callId: 'c' }], { from: 0, lease });
    await isRefused(encrypted(below, randomBytes(32)).steps('a', 'x'));
  });
});

type Row<T> = T | undefined;

function rowOf<T>(rows: readonly Row<T>[], at: number): T {
  const row = rows[at];
  if (row === undefined) throw new Error('no such row');
  return row;
}

function messageOf(row: Row<{ messages: { content: string; role: string }[] }>, at: number) {
  return rowOf(row?.messages ?? [], at);
}

/** Swaps the encrypted texts, but not the places that are stored with them. */
function swapTexts([first, second]: { content: string }[]): void {
  if (first === undefined || second === undefined) throw new Error('nothing to swap');
  const [one = [], two = []] = [first, second].map(({ content }) => content.split(' '));
  first.content = `${one[0]} ${two[1]}`;
  second.content = `${two[0]} ${one[1]}`;
}

function swapValues(first: Row<{ value: string }>, second: Row<{ value: string }>): void {
  const [one, two] = [rowOf([first], 0), rowOf([second], 0)];
  [one.value, two.value] = [two.value, one.value];
}

function flipped(text: string, at: number): string {
  const character = text.at(at) === 'A' ? 'B' : 'A';
  return text.slice(0, at) + character + text.slice(text.length + at + 1);
}
