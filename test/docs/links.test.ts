import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';

const pages = ['README.md', 'CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: root })];
const textOf = new Map(pages.map((page) => [page, readFileSync(join(root, page), 'utf8')]));
const links = pages.flatMap((page) => linksOf(page));

interface Link {
  /** The page that it is in. */
  page: string;
  /** As it is written. */
  href: string;
  /** The file that it leads to, from the root of the repository. */
  file: string;
  anchor: string | undefined;
}

/** The links of a page to files of this repository. */
function linksOf(page: string): Link[] {
  const hrefs = [...(textOf.get(page) ?? '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, href = '']) => href);
  return hrefs
    .filter((href) => !href.startsWith('https://'))
    .map((href) => {
      const [path = '', anchor] = href.split('#');
      return { page, href, file: path === '' ? page : normalize(join(dirname(page), path)), anchor };
    });
}

/** The anchors that GitHub makes of a page's headings. */
function anchorsOf(page: string): string[] {
  const headings = [...(textOf.get(page) ?? '').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('every link in the pages leads to a file, and to a heading if it names one', () => {
  const broken = links.filter(
    ({ file, anchor }) =>
      !existsSync(join(root, file)) || (anchor !== undefined && !anchorsOf(file).includes(anchor)),
  );
  expect(broken.map(({ page, href }) => `${page}: ${href}`)).toEqual([]);
  expect(links.length).toBeGreaterThan(50);
});

test('every page can be reached from the README', () => {
  const reached = new Set(['README.md']);
  for (const page of reached) for (const { file } of linksOf(page)) reached.add(file);
  expect(pages.filter((page) => !reached.has(page))).toEqual([]);
});
