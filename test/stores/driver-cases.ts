import { afterAll, describe, expect, test } from 'vitest';
import type { Place, Row, StoreDriver, Write } from 'sluice';

const NOTHING = { rows: [], bump: false, release: false };

/** Rows of one message each. */
const said = (text: string): Row[] => Array.from(text, (content) => ({ weight: 1, content }));
const steps = (...contents: string[]): Row[] => contents.map((content) => ({ weight: 0, content }));

/**
 * What a driver promises beyond what a store needs so far: groups that grow, and conversations with branches. Contents are single letters,
 * each in a row of its own.
 */
export function keepsDriverPromises(name: string, driver: () => StoreDriver): void {
  const owner = `owner-${crypto.randomUUID()}`;
  let made = 0;
  const place = (): Place => ({ owner, id: `s${made++}` });
  const write = async (at: Place, changes: Partial<Write>) =>
    await driver().write(at, { ...NOTHING, ...changes });
  const append = async (at: Place, text: string, changes: Partial<Write> = {}): Promise<number> => {
    const { refused } = await write(at, { rows: said(text), bump: true, ...changes });
    expect(refused).toBe(undefined);
    return (await driver().load(at, 0))?.head ?? 0;
  };
  const read = async (at: Place, last = Infinity, from?: number) => {
    const loaded = await driver().load(at, last, from);
    return `${loaded?.rows.map(({ content }) => content).join('')} of ${loaded?.messages}`;
  };
  const group = async (at: Place, id: string): Promise<string> =>
    (await driver().group(at, id)).map(({ content }) => content).join('');

  describe(`the driver of ${name}`, () => {
    afterAll(async () => {
      await driver().forget(owner);
    });

    test('adds to a group only if the size of the group matches', async () => {
      const at = place();
      await append(at, 'q', { group: { id: 't', from: 0 } });
      const record = (from: number, ...contents: string[]) =>
        write(at, { group: { id: '\\steps', from }, rows: steps(...contents), sums: { turns: 1 } });
      expect((await record(0, 'a', 'b')).refused).toBe(undefined);
      expect((await record(0, 'a')).refused).toBe('group');
      expect((await record(3, 'd')).refused).toBe('group');
      expect(await record(2, 'c')).toMatchObject({ version: 1 });
      expect([await group(at, '\\steps'), await group(at, 't'), await group(at, 'other')]).toEqual([
        'abc',
        'q',
        '',
      ]);
      expect(await read(at)).toBe('q of 1');
      const loaded = await driver().load(at, 0);
      const spent = await driver().spent(owner);
      expect([loaded?.sums['turns'], spent['turns']]).toEqual([2, 2]);
      const rows = await driver().group(at, '\\steps');
      expect(rows.map(({ weight, version }) => [weight, version])).toEqual([
        [0, 1],
        [0, 1],
        [0, 1],
      ]);
      for (const row of rows) expect(Math.abs(row.at - Date.now())).toBeLessThan(60_000);
    });

    test('deletes a group in the write that makes it unnecessary', async () => {
      const at = place();
      await append(at, 'q');
      await write(at, { group: { id: '\\a', from: 0 }, rows: steps('1', '2') });
      await write(at, { group: { id: '\\b', from: 0 }, rows: steps('3') });
      await append(at, 'a', { drop: ['\\a', '\\none'] });
      expect([await group(at, '\\a'), await group(at, '\\b'), await read(at)]).toEqual(['', '3', 'qa of 2']);
      expect((await write(at, { group: { id: '\\a', from: 0 }, rows: steps('4') })).refused).toBe(undefined);
      expect(await group(at, '\\a')).toBe('4');
    });

    test('checks the conditions in order, and reports what it found', async () => {
      const at = place();
      const lease = await driver().lease(at, 60_000, false);
      const token = lease?.token ?? 0;
      await append(at, 'q', { group: { id: 't', from: 0 }, token, version: 0 });
      const wrong = {
        group: { id: 't', from: 0 },
        token: token + 1,
        version: 7,
        before: Date.now() - 60_000,
      };
      const found = { version: 1, token };
      expect(await write(at, wrong)).toEqual({ refused: 'group', ...found });
      expect(await write(at, { ...wrong, group: undefined })).toEqual({ refused: 'token', ...found });
      expect(await write(at, { ...wrong, group: undefined, token })).toEqual({
        refused: 'version',
        ...found,
      });
      expect(await write(at, { before: wrong.before })).toEqual({ refused: 'before', ...found });
      expect(await write(at, { before: Date.now() + 60_000, token, version: 1 })).toEqual(found);
      const other = place();
      expect(await write(other, { token: 1 })).toEqual({ refused: 'token', version: 0, token: 0 });
      expect(await write(other, { version: 1 })).toEqual({ refused: 'version', version: 0, token: 0 });
    });

    test('refuses a write of a lease that was given back, if it has to be held, but not of one that has expired', async () => {
      const at = place();
      const token = (await driver().lease(at, 60_000, false))?.token ?? 0;
      const held = { token, held: true };
      await append(at, 'q', { ...held, version: 0 });
      expect((await write(at, { ...held, release: true })).refused).toBe(undefined);
      const found = { version: 1, token };
      expect(await write(at, held)).toEqual({ refused: 'token', ...found });
      expect(await write(at, { ...held, group: { id: 't', from: 1 } })).toEqual({
        refused: 'group',
        ...found,
      });
      expect(await write(at, { token })).toEqual(found);
      const { token: newest = 0, until: before = 0 } = (await driver().lease(at, 1, true)) ?? {};
      // By the clock of the database.
      while ((await write(at, { before })).refused !== 'before');
      expect((await write(at, { token: newest, held: true })).refused).toBe(undefined);
      await driver().hold(at, newest, 0);
      expect((await write(at, { token: newest, held: true })).refused).toBe('token');
      expect((await write(place(), { held: true })).refused).toBe('token');
    });

    test('sets and removes fields', async () => {
      const at = place();
      await append(at, 'q', { fields: { a: '1', b: '2', none: undefined } });
      await write(at, { fields: { b: undefined, c: '3', a: '4' } });
      expect((await driver().load(at, 0))?.fields).toEqual({ a: '4', c: '3' });
    });

    test('reads a conversation that was regenerated, edited and switched', async () => {
      const at = place();
      const ab = await append(at, 'ab');
      const c = await append(at, 'c');
      const d = await append(at, 'd');
      const x = await append(at, 'x', { after: ab });
      expect([await read(at), await read(at, 2), await read(at, Infinity, d)]).toEqual([
        'abx of 3',
        'bx of 3',
        'abcd of 4',
      ]);
      await append(at, 'y');
      expect([await read(at), await read(at, 1)]).toEqual(['abxy of 4', 'y of 4']);
      await write(at, { head: d, bump: true });
      expect([await read(at), await read(at, 0)]).toEqual(['abcd of 4', ' of 4']);
      await append(at, 'e');
      expect([await read(at), await read(at, 1)]).toEqual(['abcde of 5', 'e of 5']);
      // abx is already followed by y: this is a third branch.
      await append(at, 'z', { after: x });
      await append(at, 'w');
      expect([await read(at), await read(at, 3)]).toEqual(['abxzw of 5', 'xzw of 5']);
      await append(at, 'n', { after: 0 });
      expect(await read(at)).toBe('n of 1');
      await append(at, 'm', { after: c });
      expect([await read(at), await read(at, 1)]).toEqual(['abcm of 4', 'm of 4']);
    });

    test('goes on from an older row that the head was moved to', async () => {
      const at = place();
      const a = await append(at, 'a');
      const c = await append(at, 'bc');
      await write(at, { head: a });
      await append(at, 'd');
      expect([await read(at), await read(at, 1), await read(at, Infinity, c)]).toEqual([
        'ad of 2',
        'd of 2',
        'abc of 3',
      ]);
    });

    test('copies the messages up to the head, if it can copy', async () => {
      const at = place();
      const ab = await append(at, 'ab', { fields: { kept: '1', whole: '2' } });
      await append(at, 'c');
      await append(at, 'xy', { after: ab });
      const copies: unknown[] = [];
      for (const messages of [Infinity, 4, 3, 0]) {
        const to = place();
        const copy = { messages, without: ['who'], cut: () => '' };
        const copied = await driver().copy?.(at, to, copy);
        if (copied === undefined) return;
        const loaded = await driver().load(to, 0);
        copies.push([copied, await read(to), Object.keys(loaded?.fields ?? {}).sort(), loaded?.version]);
        await append(to, 'z', { version: 1 });
        expect((await read(to)).split(' ')[0]?.at(-1)).toBe('z');
      }
      expect(copies).toEqual([
        [true, 'abxy of 4', ['kept'], 1],
        [true, 'abxy of 4', ['kept'], 1],
        [true, 'abx of 3', ['kept'], 1],
        [true, ' of 0', ['kept'], 1],
      ]);
      expect(await driver().copy?.(place(), place(), { messages: 1, without: [], cut: () => '' })).toBe(
        false,
      );
    });
  });
}
