import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

import type { StateStore } from '../../src/index.ts';
import type { Terminal } from '../terminal.ts';

/** The file of the user's named chats: in `$XDG_STATE_HOME`, else in `~/.local/state` (XDG Base Directory Specification). */
export function sessionFile(environment: Terminal['environment']): string {
  const { XDG_STATE_HOME: state = '', HOME: home = '' } = environment;
  // The specification: a path that is not absolute is to be ignored.
  const folder = isAbsolute(state) ? state : join(home === '' ? homedir() : home, '.local', 'state');
  return join(folder, 'sluice', 'chat.db');
}

/** Where named chats live. The file and its folder are made at the first use, readable by the user alone. */
export async function sessionStore(environment: Terminal['environment']): Promise<StateStore> {
  const { sqliteStore } = await withoutExperimentalWarning(() => import('../../stores/sqlite/index.ts'));
  return sqliteStore({ path: sessionFile(environment) });
}

/** Node 22 calls its SQLite experimental, on the screen of whoever has it loaded. */
async function withoutExperimentalWarning<T>(load: () => Promise<T>): Promise<T> {
  const original: unknown = Reflect.get(process, 'emitWarning');
  const emit = process.emitWarning.bind(process);
  process.emitWarning = (...given: unknown[]) => {
    if (given[1] !== 'ExperimentalWarning') Reflect.apply(emit, undefined, given);
  };
  try {
    return await load();
  } finally {
    Reflect.set(process, 'emitWarning', original);
  }
}
