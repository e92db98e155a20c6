import { defineConfig, type Options } from 'tsup';
import { commandSources, entryPoints, exists } from './scripts/entry-points.ts';

const listed = [...entryPoints().map(({ source }) => source), ...commandSources()];
const missing = listed.filter((source) => !exists(source));
if (missing.length > 0) {
  const message = `package.json lists entry points without a source: ${missing.join(', ')}`;
  if (process.env.CI) throw new Error(message);
  console.warn(message);
}
const sources = listed.filter(exists);

/**
 * Gives a factory's inner function its name back: esbuild calls it `retry2` beside the factory `retry`, and the name is what errors, traces and
 * logs say. (`keepNames` does so for every function, at 7 % more bytes and some time an execution.) The name of a function expression is
 * seen in its own body alone, which calls no factory.
 */
function innerNames(code: string): { code: string } {
  return {
    code: code.replace(
      /\b((?:async )?function\*? )([a-zA-Z]+)2(\((?:_?context|_context, next)\b)/g,
      '$1$2$3',
    ),
  };
}

/** A name without the extension, so that `dist/` mirrors the folders. */
const entry = Object.fromEntries(sources.map((source) => [source.replace(/\.ts$/, ''), source]));

const options: Options = {
  entry,
  format: 'esm',
  target: 'node22',
  platform: 'node',
  // `node:sqlite` has no other name.
  removeNodeProtocol: false,
  dts: true,
  // Shared code, the core above all, exists once: its classes and symbols are the same from every entry point.
  splitting: true,
  sourcemap: true,
  clean: true,
  plugins: [{ name: 'inner-names', renderChunk: innerNames }],
};

export default defineConfig(sources.length === 0 ? [] : options);
