import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll } from 'vitest';
import type { Message, SessionEntry, TurnEnd } from 'sluice';
import { tokens } from '../../core/harness.ts';

/** The folder of the test file that imports it. It exists from its first test to its last. */
export const folder = join(tmpdir(), `sluice-sqlite-test-${crypto.randomUUID()}`);
beforeAll(() => {
  mkdirSync(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;

/** A path without a file. */
export const newPath = (): string => join(folder, `${files++}.db`);

export const entry = (content: string): SessionEntry => ({ message: { role: 'user', content } });

export const entries = (count: number): SessionEntry[] =>
  Array.from({ length: count }, (_, at) => entry(`m${at}`));

export const contents = (state: { messages: Message[] } | undefined): unknown[] =>
  state?.messages.map(({ content }) => content) ?? ['nothing'];

export const end: TurnEnd = {
  outcome: 'completed',
  usage: tokens(1, 2),
  cost: { status: 'exact', totalUsd: 0.5 },
};

/** The file as another program sees it. */
export function around<T>(path: string, work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(path);
  try {
    return work(database);
  } finally {
    database.close();
  }
}

/** The one value that a query finds. */
export const valueOf = (path: string, sql: string): unknown =>
  around(path, (database) => Object.values(database.prepare(sql).get() ?? {})[0]);

/** Overwrites the stored data of a session's newest append. */
export function corruptNewest(
  path: string,
  { owner, id }: { owner: string; id: string },
  text: string,
): void {
  const newest =
    'SELECT max(turns.rowid) FROM turns JOIN sessions USING (session) WHERE owner = ? AND id = ?';
  around(path, (database) =>
    database.prepare(`UPDATE turns SET content = ? WHERE rowid = (${newest})`).run(text, owner, id),
  );
}
