import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import type { ListenOptions, Pipelines, ServeConfig, ServerOptions } from '../../server/index.ts';
import { parseOptions } from '../../src/kit/index.ts';
import { UsageError } from '../usage-error.ts';

/** What is looked for if no file is named. */
const NAMES = ['sluice.config.ts', 'sluice.config.mts', 'sluice.config.js', 'sluice.config.mjs'] as const;

/** Loads the default export of a configuration; undefined: there is no such file. Throws a `UsageError`, or `invalid_options` for a key that it does not know. */
export async function loadConfig(path: string | undefined, folder: string): Promise<ServeConfig | undefined> {
  const name = path ?? NAMES.find((one) => existsSync(resolve(folder, one)));
  if (name === undefined) return undefined;
  const file = resolve(folder, name);
  if (!existsSync(file)) throw new UsageError(`There is no file ${name}: give the path of a configuration.`);
  const loaded: unknown = await load(name, file);
  const config: unknown =
    typeof loaded === 'object' && loaded !== null ? Reflect.get(loaded, 'default') : undefined;
  if (config === undefined)
    throw new UsageError(
      `${name} has no default export: write export default defineConfig({ pipelines: { ... } }).`,
    );
  return parseOptions(name, schema, config);
}

/** Their own options are checked by `createServer()` and `listen()`. */
const schema = z.strictObject({
  pipelines: z.custom<Pipelines>(isObject, 'give pipelines by their names').optional(),
  server: z
    .custom<Partial<ServerOptions>>(isObject, 'give an object with options of createServer()')
    .optional(),
  listen: z.custom<ListenOptions>(isObject, 'give an object with options of listen()').optional(),
});

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

async function load(name: string, file: string): Promise<unknown> {
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    // npm init writes "type": "commonjs".
    if (error instanceof SyntaxError && /outside a module|token 'export'/.test(error.message))
      throw new UsageError(
        `${name} is an ES module, but the package.json of its folder says "commonjs": write "type": "module" there, or name the file sluice.config.m${name.endsWith('.ts') ? 'ts' : 'js'}.`,
      );
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${name} cannot be loaded: ${why}${placeOf(error, file)}`);
  }
}

/** Where in the file an error is, if its stack says so: ` (line 12)`. Errors of its types name the path, others the address. */
function placeOf(error: unknown, file: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  for (const name of [pathToFileURL(file).href, file]) {
    const [, behind = ''] = stack.split(`${name}:`, 2);
    const line = /^\d+/.exec(behind);
    if (line !== null) return ` (line ${line[0]})`;
  }
  return '';
}
