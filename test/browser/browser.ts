import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { page as builtPage } from '../../server/page/page.ts';

/** Where the browser is. */
const CHROMIUM = process.env['SLUICE_CHROMIUM'] ?? '/usr/bin/chromium';

/** For what does not come at all. On a busy machine all comes late. */
const LONG_MS = 120_000;

/** Waits until the page has drawn what it knows, which it does once a frame. Before that it shows the state of the turn before. */
export async function drawn(page: Page): Promise<void> {
  await page.evaluate(
    () => new Promise<void>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))),
  );
}

/** Whether there is a browser. If not, prints a warning, or throws if services are required. */
export function hasChromium(): boolean {
  if (existsSync(CHROMIUM)) return true;
  const missing = `There is no Chromium at ${CHROMIUM}: set SLUICE_CHROMIUM. The tests in a browser are skipped.`;
  if (process.env['SLUICE_REQUIRE_SERVICES'] === '1') throw new Error(missing);
  console.warn(missing);
  return false;
}

/** A page, and what went wrong in it: errors of scripts, and what its policy has refused. */
export interface Opened extends AsyncDisposable {
  page: Page;
  problems: string[];
}

/** Starts one browser for the tests of a file. Returns what opens a page with a profile of its own. */
export function browserForTests(): (url: string, options?: BrowserContextOptions) => Promise<Opened> {
  let browser: Browser | undefined;
  beforeAll(async () => {
    // From the sources, it is built when it is first asked for.
    await builtPage('/');
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'], timeout: LONG_MS });
  });
  afterAll(() => browser?.close());
  return async (url, options = {}) => {
    if (browser === undefined) throw new Error('The browser has not been started.');
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(LONG_MS);
    if (process.env['SLOW_FRAMES'])
      await page.addInitScript((ms: number) => {
        const raf = globalThis.requestAnimationFrame;
        globalThis.requestAnimationFrame = (f) => setTimeout(() => raf(f), ms) as unknown as number;
      }, Number(process.env['SLOW_FRAMES']));
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    await page.goto(url);
    return { page, problems, [Symbol.asyncDispose]: () => context.close() };
  };
}
