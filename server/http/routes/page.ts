import { page } from '../../page/page.ts';
import type { ServerApp } from '../service.ts';

/** The page for people. It needs no token: what it shows, it asks for with the one that its user gives. */
export function pageRoutes(app: ServerApp): void {
  for (const path of ['/', '/page.css', '/page.js'])
    app.get(path, async (c) => {
      const file = await page(path);
      return file === undefined ? c.notFound() : new Response(file.body, { headers: { ...file.headers } });
    });
}
