import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';

/** What a page loads for an import of the client, with all that belongs to it, in bytes. */
async function sizeOf(names: string): Promise<{ bytes: number; packages: string[] }> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: `export { ${names} } from './client/index.ts';`, resolveDir: root, loader: 'ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    metafile: true,
    absWorkingDir: root,
  });
  const [output] = Object.values(metafile.outputs);
  const inputs = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const packages = inputs.flatMap(([path]) => /node_modules\/([^/]+)/.exec(path)?.[1] ?? []);
  const [file] = outputFiles;
  return { bytes: gzipSync(file?.contents ?? '', { level: 9 }).length, packages: [...new Set(packages)] };
}

test('the client has less than 8 kB, compressed, with all that belongs to it', async () => {
  const { bytes, packages } = await sizeOf('createClient');
  expect(bytes).toBeLessThan(8_000);
  expect(packages).toEqual(['eventsource-parser']);
});

test('sockets and a chat are only loaded by who uses them, and are small', async () => {
  const [client, socket, chat] = await Promise.all(
    ['createClient', 'createClient, webSocket', 'createClient, Chat'].map(sizeOf),
  );
  expect((socket?.bytes ?? 0) - (client?.bytes ?? 0)).toBeLessThan(700);
  expect((chat?.bytes ?? 0) - (client?.bytes ?? 0)).toBeLessThan(2_500);
});
