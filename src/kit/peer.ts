import { SluiceError } from '../errors.ts';

/** An optional package, and who needs it. */
export interface Peer {
  /** Who needs it, for the error: `cost()`. */
  readonly neededBy: string;
  /** The package to install: `openai`. */
  readonly name: string;
  /** The versions that work, as in `peerDependencies`: `^7.55.0`. */
  readonly range: string;
}

/** What runtimes say of a package that is not there. */
const MISSING: ReadonlySet<unknown> = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND']);

/**
 * Loads an optional package when it is first needed, so that whoever does not need it does not install it. `load` is an `import()` of the
 * package, written out where it is called: a bundler must see it.
 *
 * Rejects with `invalid_options` that says what to install if the package is missing or cannot be loaded; the runtime's own error is the cause.
 *
 * @example
 * const { Redis } = await loadPeer({ neededBy: 'memo()', name: 'ioredis', range: '^6.0.0' }, () => import('ioredis'));
 */
export async function loadPeer<T>({ neededBy, name, range }: Peer, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const what = isMissing(error, name) ? 'is not installed' : 'cannot be loaded';
    throw new SluiceError(
      'invalid_options',
      `${neededBy} needs the package ${name}, which ${what}: run npm install "${name}@${range}".`,
      { cause: error },
    );
  }
}

/** Whether an error of `import()` says that this package is missing, not one that it needs itself. */
function isMissing(error: unknown, name: string): boolean {
  // Bun's error is not an instance of Error.
  if (typeof error !== 'object' || error === null || !('code' in error) || !('message' in error))
    return false;
  if (!MISSING.has(error.code)) return false;
  const [asked] = /(?<=["'])[^"']+/.exec(String(error.message)) ?? [];
  return asked === name || asked?.startsWith(`${name}/`) === true;
}
