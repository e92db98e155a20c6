import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { readManifest, root, type EntryPoint } from './entry-points.ts';

/** What importing one entry point costs. Bytes are minified and gzipped. */
export interface EntrySize {
  /** Our own code. */
  ownBytes: number;
  /** Our own code and the runtime dependencies; optional peers are the user's, and not counted. */
  bundledBytes: number;
  /** The packages it reaches; one that is loaded on demand ends with `(on demand)`. */
  packages: string[];
}

/** Bundles the built entry point as a user's bundler would, and measures the outcome. */
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
