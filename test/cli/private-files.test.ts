import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { makePrivate } from '../../cli/chat/private-files.ts';
import { sessionFile, sessionStore } from '../../cli/chat/session-store.ts';

let root = '';
let file = '';
let environment: Record<string, string> = {};
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sluice-private-'));
  environment = { XDG_STATE_HOME: root };
  file = sessionFile(environment);
});
afterEach(() => rmSync(root, { recursive: true }));

const rights = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe.skipIf(process.platform === 'win32')('the files of named sessions', () => {
  /** A folder and files as an earlier release or a copy may have left them. */
  function leave(folderMode: number, fileMode: number): string[] {
    const folder = join(root, 'sluice');
    mkdirSync(folder);
    const files = ['', '-wal', '-shm'].map((end) => `${file}${end}`);
    for (const path of files) {
      writeFileSync(path, '');
      chmodSync(path, fileMode);
    }
    chmodSync(folder, folderMode);
    return [folder, ...files];
  }

  it.each([
    [0o755, 0o644],
    [0o777, 0o666],
    [0o750, 0o640],
    [0o701, 0o604],
    [0o700, 0o600],
  ])('with the modes %o and %o are made private', (folderMode, fileMode) => {
    const paths = leave(folderMode, fileMode);
    expect(makePrivate(file)).toEqual([]);
    expect(paths.map(rights)).toEqual(['700', '600', '600', '600']);
  });

  it('are private before the store is opened, and stay so', async () => {
    const [folder = '', ...files] = leave(0o755, 0o644);
    for (const path of files) rmSync(path);
    writeFileSync(file, '', { mode: 0o644 });
    const { store, note } = await sessionStore(environment);
    expect([note, rights(folder), rights(file)]).toEqual([undefined, '700', '600']);
    await store.append('s', [{ message: { role: 'user', content: 'Hi' } }], {
      expectedVersion: 0,
      turnId: 't',
    });
    expect(files.map(rights)).toEqual(['600', '600', '600']);
    await store.close?.();
  });

  it('that are missing are no reason for a note, and their folder is not made yet', async () => {
    const { note } = await sessionStore(environment);
    expect(note).toBeUndefined();
    expect(statSync(join(root, 'sluice'), { throwIfNoEntry: false })).toBeUndefined();
  });

  it('that cannot be made private are named', () => {
    // Nobody may change the permissions of this folder of the system.
    const open = makePrivate('/proc/self/chat.db');
    expect(open).toEqual(['/proc/self']);
  });
});
