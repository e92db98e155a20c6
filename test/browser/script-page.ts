import { build } from 'esbuild';
import { root } from '../../scripts/entry-points.ts';

/** A document with one of the scripts in `pages/`, with all that it imports. */
export async function scriptPage(name: string): Promise<{ html: string; script: string }> {
  const { outputFiles } = await build({
    entryPoints: [`${root}test/browser/pages/${name}.ts`],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    define: { 'process.env.NODE_ENV': '"development"' },
    write: false,
    absWorkingDir: root,
    outdir: root,
  });
  return {
    html: '<!doctype html><html lang="en"><title>Test</title><link rel="icon" href="data:,"><div id="root"></div><script type="module" src="/script.js"></script></html>',
    script: outputFiles[0]?.text ?? '',
  };
}
