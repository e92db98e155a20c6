import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

/** One entry point of the package: what a user imports, the source it is built from, and the built file. */
export interface EntryPoint {
  /** What a user writes after `import ... from`: `sluice`, `sluice/middleware/cost`. */
  specifier: string;
  /** Path of the source from the root of the repository: `middleware/cost.ts`. */
  source: string;
  /** Path of the built module from the root of the repository: `dist/middleware/cost.js`. */
  built: string;
}

const manifestSchema = z.object({
  name: z.string(),
  version: z.string(),
  allowScripts: z.record(z.string(), z.boolean()),
  exports: z.record(z.string(), z.union([z.string(), z.object({ types: z.string(), default: z.string() })])),
  bin: z.record(z.string(), z.string()),
  dependencies: z.record(z.string(), z.string()),
  peerDependencies: z.record(z.string(), z.string()),
});

/** Absolute path of the repository's root, with a trailing slash. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** What the scripts need of package.json. */
export function readManifest(): z.infer<typeof manifestSchema> {
  return manifestSchema.parse(JSON.parse(readFileSync(`${root}package.json`, 'utf8')));
}

/** Path of the source of a built file: `./dist/middleware/cost.js` gives `middleware/cost.ts`. */
function sourceOf(built: string): string {
  return built.replace(/^(\.\/)?dist\//, '').replace(/\.js$/, '.ts');
}

/**
 * The entry points, read from `exports` in package.json: the one place where they are listed. The build, the type
 * checker's paths, the tests' aliases, the export snapshot and the byte budget follow from it.
 */
export function entryPoints(): EntryPoint[] {
  const { name, exports } = readManifest();
  const found: EntryPoint[] = [];
  for (const [subpath, target] of Object.entries(exports)) {
    if (typeof target === 'string') continue;
    const built = target.default.replace(/^\.\//, '');
    found.push({ specifier: name + subpath.slice(1), source: sourceOf(built), built });
  }
  return found;
}

/** Sources of the commands listed under `bin`. */
export function commandSources(): string[] {
  return Object.values(readManifest().bin).map(sourceOf);
}

/** Whether a path, given from the root of the repository, exists. */
export function exists(path: string): boolean {
  return existsSync(root + path);
}

/** Packages that a bundle never contains: the runtime dependencies and the optional peers. */
export function externalPackages(): string[] {
  const { dependencies, peerDependencies } = readManifest();
  return [...Object.keys(dependencies), ...Object.keys(peerDependencies)];
}

/** Folders whose code is published; `test/`, `examples/`, `scripts/` and `bench/` are not among them. */
export const publishedFolders = [
  'src',
  'middleware',
  'providers',
  'stores',
  'conversation',
  'server',
  'client',
  'interop',
  'cli',
  'testing',
];
