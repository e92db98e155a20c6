import { chmodSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** All that anybody but the owner may do. */
const OTHERS = 0o077;

/** The ends of the names of a database and of the files that SQLite keeps beside it (https://sqlite.org/wal.html). */
const ENDS = ['', '-wal', '-shm', '-journal'];

/**
 * Makes a database private that is there already: 0700 for its folder, 0600 for itself and the files beside it. An earlier release, a copy or a backup may
 * have left them readable by others. Returns the paths that stayed so, because they belong to somebody else or lie where there are no permissions. On
 * Windows there are none.
 */
export function makePrivate(database: string): string[] {
  if (process.platform === 'win32') return [];
  const folder = dirname(database);
  const files = ENDS.map((end) => `${database}${end}`);
  return [...(isPrivate(folder, 0o700) ? [] : [folder]), ...files.filter((path) => !isPrivate(path, 0o600))];
}

/** Takes the rights of others away. Returns false if others still have some. */
function isPrivate(path: string, mode: number): boolean {
  if ((modeOf(path) & OTHERS) === 0) return true;
  try {
    chmodSync(path, mode);
  } catch {
    return false;
  }
  return (modeOf(path) & OTHERS) === 0;
}

/** The permissions of a path; none if there is nothing. If it cannot be seen, opening the store says so. */
function modeOf(path: string): number {
  try {
    return statSync(path).mode;
  } catch {
    return 0;
  }
}
