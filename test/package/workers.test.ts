import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { entryPoints, root } from '../../scripts/entry-points.ts';

/** What runs without Node. Stores, the fault server and the contract suites need it, and an HTTP tool opens sockets. */
const portable = entryPoints().filter(({ specifier }) =>
  /^sluice(?:$|\/(?:kit|conversation|middleware(?!\/http-tool)|providers)(?:$|\/))/.test(specifier),
);

/**
 * Bundles entry points with all that they load, as for a runtime that has only what the web has. Returns the imports of modules of Node:
 * `file: module`.
 */
async function ofNode(conditions: string[]): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: portable.map(({ built }) => root + built),
    absWorkingDir: root,
    bundle: true,
    splitting: true,
    outdir: 'not-written',
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['browser', 'module', 'main'],
    conditions,
    target: 'es2024',
    // An import of a module of Node stays in the bundle, so that it can be named here.
    external: ['node:*'],
    logLevel: 'silent',
  });
  return Object.entries(metafile.inputs).flatMap(([file, { imports }]) =>
    imports.filter(({ path }) => path.startsWith('node:')).map(({ path }) => `${file}: ${path}`),
  );
}

/** The SDK of Anthropic loads these on demand, for credentials in files and tools that run on the machine. We use neither. */
const OF_THE_SDK = /^node_modules\/@anthropic-ai\/sdk\/(?:internal|tools\/agent-toolset)\/node\.mjs: /;

describe('the entry points that need no Node', () => {
  test('are the core, the kit, conversations, every other middleware and every provider', () => {
    expect(portable.length).toBeGreaterThan(14);
  });

  test.each([
    ['Workers', ['workerd', 'worker', 'browser']],
    ['an edge runtime', ['edge-light', 'worker']],
    ['a browser', ['browser', 'module']],
    ['a runtime without a condition of its own', []],
  ])('import nothing of Node in a bundle for %s', async (_name, conditions) => {
    expect((await ofNode(conditions)).filter((line) => !OF_THE_SDK.test(line))).toEqual([]);
  });

  test('send through undici in a bundle for Node', async () => {
    const found = await ofNode(['node']);
    expect(found.filter((line) => line.startsWith('node_modules/undici/')).length).toBeGreaterThan(10);
  });
});
