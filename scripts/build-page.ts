import { readFile } from 'node:fs/promises';
import { build } from 'esbuild';
import { root } from './entry-points.ts';

/** The files of the page that the server shows. */
export interface PageFiles {
  html: string;
  style: string;
  script: string;
}

const folder = `${root}server/page/app/`;

/** Builds the page from its sources: one document, one style sheet and one script with all that it needs. */
export async function buildPage(): Promise<PageFiles> {
  const { outputFiles } = await build({
    entryPoints: [`${folder}main.ts`, `${folder}page.css`],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    // What browsers of the last three years know.
    target: ['chrome115', 'firefox115', 'safari16.4'],
    charset: 'utf8',
    legalComments: 'none',
    write: false,
    outdir: folder,
    absWorkingDir: root,
  });
  const named = (end: string): string => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? '';
  return { html: await readFile(`${folder}index.html`, 'utf8'), style: named('.css'), script: named('.js') };
}
