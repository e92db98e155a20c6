import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { readManifest, root, type EntryPoint } from './entry-points.ts';

/** The size of an entry point, in bytes of minified and gzipped code. */
export interface EntrySize {
  /** Sluice's own code. */
  ownBytes: number;
  /** Sluice's own code and its runtime dependencies, without optional peers. */
  bundledBytes: number;
  /** The packages it imports. Those that are loaded on demand are marked `(on demand)`. */
  packages: string[];
}

/** Bundles a built entry point as a user's bundler would, and measures the result. */
export async function measureEntry(entry: EntryPoint): Promise<EntrySize> {
  const { dependencies, peerDependencies } = readManifest();
  const peers = Object.keys(peerDependencies);
  const own = await bundle(entry, [...Object.keys(dependencies), ...peers]);
  const bundled = await bundle(entry, peers);
  return { ownBytes: own.bytes, bundledBytes: bundled.bytes, packages: own.packages };
}

async function bundle(
  { built }: EntryPoint,
  external: string[],
): Promise<{ bytes: number; packages: string[] }> {
  const { outputFiles, metafile } = await build({
    entryPoints: [root + built],
    absWorkingDir: root,
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    external,
    logLevel: 'error',
  });
  const packages = new Set<string>();
  for (const { imports } of Object.values(metafile.outputs)) {
    for (const { external: isExternal, path, kind } of imports) {
      if (!isExternal || path.startsWith('node:')) continue;
      packages.add(kind === 'dynamic-import' ? `${path} (on demand)` : path);
    }
  }
  const bytes = outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
  return { bytes, packages: [...packages].sort() };
}
