import { defineConfig, type Options } from 'tsup';
import { buildPage } from './scripts/build-page.ts';
import { commandSources, conditionalSources, entryPoints, exists } from './scripts/entry-points.ts';

const published = [...entryPoints().map(({ source }) => source), ...commandSources()];
const listed = [...published, ...conditionalSources()];
const missing = listed.filter((source) => !exists(source));
if (missing.length > 0) {
  const message = `package.json lists entry points without a source: ${missing.join(', ')}`;
  if (process.env.CI) throw new Error(message);
  console.warn(message);
}
const sources = listed.filter(exists);

/**
 * Gives the inner function of a factory its name back. esbuild renames it to `retry2`, because the factory is called `retry`, but errors, traces
 * and logs show the name. (`keepNames` would do this for every function, at the cost of 7 % more bytes and some time per execution.) It changes
 * only functions with the parameters of a middleware, `(context)`, `(context, next)` or `(context, call)`: the name of such a function
 * expression is visible only inside it, where the factory is not called.
 */
function innerNames(code: string): { code: string } {
  return {
    code: code.replace(
      /\b((?:async )?function\*? )([a-zA-Z]+)\d(\(_?context(?:, (?:next|call))?\))/g,
      '$1$2$3',
    ),
  };
}

/**
 * Leaves the import of the sender to whoever loads the package: `imports` in package.json says which one a runtime gets. In the sources it
 * is a plain import of the one for Node.
 */
const senderByRuntime: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'sender-by-runtime',
  setup(build) {
    build.onResolve({ filter: /\/dispatch-sender\.ts$/ }, ({ kind }) =>
      kind === 'entry-point' ? undefined : { path: '#sender', external: true },
    );
  },
};

/** Puts the page's finished files in the place of the module that builds them from their sources. */
const pageFiles: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'page-files',
  setup(build) {
    build.onLoad({ filter: /server[\\/]page[\\/]files\.ts$/ }, async () => ({
      contents: `export const pageFiles = () => Promise.resolve(${JSON.stringify(await buildPage())});`,
      loader: 'js',
    }));
  },
};

/** A name without the extension, so that `dist/` mirrors the folders. */
const named = (some: readonly string[]): Record<string, string> =>
  Object.fromEntries(some.map((source) => [source.replace(/\.ts$/, ''), source]));

const options: Options = {
  entry: named(sources),
  format: 'esm',
  target: 'node22',
  platform: 'node',
  // `node:sqlite` has no other name.
  removeNodeProtocol: false,
  dts: { entry: named(published.filter(exists)) },
  // Shared code, the core above all, exists once: its classes and symbols are the same from every entry point.
  splitting: true,
  sourcemap: true,
  clean: true,
  plugins: [{ name: 'inner-names', renderChunk: innerNames }],
  esbuildPlugins: [senderByRuntime, pageFiles],
};

export default defineConfig(sources.length === 0 ? [] : options);
