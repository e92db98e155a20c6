import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ServeConfig } from '../../server/index.ts';
import { UsageError } from '../usage-error.ts';

/** What is looked for if no file is named. */
const NAMES = ['sluice.config.ts', 'sluice.config.js', 'sluice.config.mjs'] as const;

/** Loads the default export of a configuration; undefined: there is no such file. Throws a `UsageError`. */
export async function loadConfig(path: string | undefined, folder: string): Promise<ServeConfig | undefined> {
  const name = path ?? NAMES.find((one) => existsSync(resolve(folder, one)));
  if (name === undefined) return undefined;
  const file = resolve(folder, name);
  if (!existsSync(file)) throw new UsageError(`There is no file ${name}: give the path of a configuration.`);
  const loaded: unknown = await import(pathToFileURL(file).href);
  const config: unknown =
    typeof loaded === 'object' && loaded !== null ? Reflect.get(loaded, 'default') : undefined;
  if (isConfig(config)) return config;
  throw new UsageError(
    `${name} has no default export that is an object: write export default defineConfig({ ... }).`,
  );
}

/** Its parts are checked by `createServer()` and `listen()`. */
function isConfig(value: unknown): value is ServeConfig {
  return typeof value === 'object' && value !== null;
}
