// The build puts the finished files in the place of this module. From the sources, the page is built when it is first asked for.
// eslint-disable-next-line sluice/import-direction -- see above
import { buildPage } from '../../scripts/build-page.ts';

/** The files of the page. */
export interface PageFiles {
  html: string;
  style: string;
  script: string;
}

let built: Promise<PageFiles> | undefined;

/** The files of the page, as they are served. */
export function pageFiles(): Promise<PageFiles> {
  return (built ??= buildPage());
}
