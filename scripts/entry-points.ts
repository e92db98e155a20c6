import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

/** An entry point of the package. */
export interface EntryPoint {
  /** What a user imports: `sluice`, `sluice/middleware/cost`. */
  specifier: string;
  /** Path of the source, from the root of the repository: `middleware/cost.ts`. */
  source: string;
  /** Path of the built module, from the root of the repository: `dist/middleware/cost.js`. */
  built: string;
}

const manifestSchema = z.object({
  name: z.string(),
  version: z.string(),
  allowScripts: z.record(z.string(), z.boolean()),
  scripts: z.record(z.string(), z.string()),
  exports: z.record(z.string(), z.union([z.string(), z.object({ types: z.string(), default: z.string() })])),
  imports: z.record(z.string(), z.record(z.string(), z.string())),
  bin: z.record(z.string(), z.string()),
  dependencies: z.record(z.string(), z.string()),
  peerDependencies: z.record(z.string(), z.string()),
});

/** Absolute path of the root of the repository, with a trailing slash. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** The fields of package.json that the scripts use. */
export function readManifest(): z.infer<typeof manifestSchema> {
  return manifestSchema.parse(JSON.parse(readFileSync(`${root}package.json`, 'utf8')));
}

/** Path of the source of a built file: `./dist/middleware/cost.js` gives `middleware/cost.ts`. */
function sourceOf(built: string): string {
  return built.replace(/^(\.\/)?dist\//, '').replace(/\.js$/, '.ts');
}

/**
 * The entry points. They are listed in one place, `exports` in package.json. The build, the aliases in tests, the snapshot of exports and the
 * size budgets are derived from it.
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

/** For tests: `sluice` and `sluice/...` mean the source, so that a test never runs against an old build. */
export function sourceAliases(): { find: RegExp; replacement: string }[] {
  return entryPoints().map(({ specifier, source }) => ({
    find: new RegExp(`^${specifier}$`),
    replacement: root + source,
  }));
}

/** Sources of the commands in `bin`. */
export function commandSources(): string[] {
  return Object.values(readManifest().bin).map(sourceOf);
}

/** Sources of the modules of which each runtime gets one, by the conditions of `imports`. */
export function conditionalSources(): string[] {
  const targets = Object.values(readManifest().imports).flatMap((byCondition) => Object.values(byCondition));
  return [...new Set(targets)].map(sourceOf);
}

/** Whether a path exists. It is relative to the root of the repository. */
export function exists(path: string): boolean {
  return existsSync(root + path);
}

/** Packages that are never bundled: the runtime dependencies and the optional peers. */
export function externalPackages(): string[] {
  const { dependencies, peerDependencies } = readManifest();
  return [...Object.keys(dependencies), ...Object.keys(peerDependencies)];
}

/** Folders with published code. */
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
