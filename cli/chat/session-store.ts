import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

import type { StateStore } from '../../src/index.ts';
import type { Terminal } from '../terminal.ts';
import { makePrivate } from './private-files.ts';

/** The file with the user's named sessions: in `$XDG_STATE_HOME`, or in `~/.local/state` (XDG Base Directory Specification). */
export function sessionFile(environment: Terminal['environment']): string {
  const { XDG_STATE_HOME: state = '', HOME: home = '' } = environment;
  // The specification says to ignore a path that is not absolute.
  const folder = isAbsolute(state) ? state : join(home === '' ? homedir() : home, '.local', 'state');
  return join(folder, 'sluice', 'chat.db');
}

/** The store of named sessions, and what the user should know about it. */
export interface SessionStore {
  store: StateStore;
  note?: string | undefined;
}

/**
 * Opens the store of named sessions. The file is created at the first use. Only the user can read it, its folder and the files beside it: those that are
 * there already are made private. If that cannot be done, the note says so.
 */
export async function sessionStore(environment: Terminal['environment']): Promise<SessionStore> {
  const { sqliteStore } = await withoutExperimentalWarning(() => import('../../stores/sqlite/index.ts'));
  const path = sessionFile(environment);
  const open = makePrivate(path);
  const note = `others may be able to read ${open.join(', ')}: take their permissions away.`;
  return { store: sqliteStore({ path }), note: open.length === 0 ? undefined : note };
}

/** Hides the warning that Node 22 prints when SQLite is loaded, which it calls experimental. */
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
