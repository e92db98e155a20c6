import { source as axeSource } from 'axe-core';
import { describe, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { browserForTests, drawn, hasChromium } from './browser.ts';
import { browserStage } from './stage.ts';

const CALL = { name: 'calculate', arguments: { expression: '1 + 1' } };
const REFUND = { name: 'refund', arguments: { order: 'A-1042', amount: 80 } };
const MARKDOWN =
  '# Title\n\nA [link](https://example.com), `code`.\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n```js\nlet x;\n```';

/** What axe finds wrong. */
async function violations(page: Page): Promise<string[]> {
  // The policy of the page lets no script in: it is run by the browser's own interface.
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    const axe: {
      run(
        document: Document,
        options: object,
      ): Promise<{ violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[] }>;
    } = Reflect.get(globalThis, 'axe');
    const { violations: found } = await axe.run(document, { rules: { 'target-size': { enabled: true } } });
    return found.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
    );
  });
}

async function ended(page: Page, state = 'ready'): Promise<void> {
  await drawn(page);
  await page.locator(`#state[data-state=${state}]`).waitFor();
}

describe.skipIf(!hasChromium())('the page is for everybody', () => {
  const open = browserForTests();

  test.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 375],
    ['dark', 375],
  ] as const)('axe finds nothing wrong with it, %s and %i wide', async (colorScheme, width) => {
    await using stage = await browserStage([
      { thinking: 'Hm.', toolCalls: [CALL] },
      MARKDOWN,
      { toolCalls: [REFUND] },
    ]);
    const options = { colorScheme, viewport: { width, height: 800 }, reducedMotion: 'reduce' } as const;
    await using opened = await open(stage.url, options);
    const { page } = opened;
    await page.locator('#examples button').first().waitFor();
    expect(await violations(page), 'at the start').toEqual([]);
    await page.getByLabel('Prompt').fill('Hello');
    await page.keyboard.press('Enter');
    await page.locator('#messages').getByText('Title').waitFor();
    await ended(page);
    for (const summary of await page.locator('.card summary').all()) await summary.click();
    expect(await violations(page), 'with a reply').toEqual([]);
    await page.getByLabel('Prompt').fill('My money');
    await page.keyboard.press('Enter');
    await ended(page, 'waiting');
    expect(await violations(page), 'with a call that waits').toEqual([]);
    if (width < 900) {
      await page.getByRole('button', { name: 'Inspect' }).click();
      expect(await violations(page), 'the inspector').toEqual([]);
    }
    await page.getByRole('button', { name: 'Options' }).click();
    expect(await violations(page), 'the options').toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'History' }).click();
    await page.locator('#history-list').getByText('Hello').waitFor();
    expect(await violations(page), 'the history').toEqual([]);
  });

  test('everything is done with the keyboard alone', async () => {
    await using stage = await browserStage([{ thinking: 'Hm.', toolCalls: [REFUND] }, 'Paid.', 'Again.']);
    await using opened = await open(stage.url);
    const { page } = opened;
    const { keyboard } = page;
    const focused = () =>
      page.evaluate(() => {
        const at = document.activeElement;
        return at?.id || at?.getAttribute('aria-label') || at?.textContent.trim() || '';
      });
    /** Moves on until something has the focus. */
    const tabTo = async (name: string | RegExp, key = 'Tab'): Promise<void> => {
      for (let presses = 0; presses < 60; presses++) {
        await keyboard.press(key);
        if (new RegExp(name).test(await focused())) return;
      }
      throw new Error(`${String(name)} cannot be reached with ${key}.`);
    };
    await page.locator('#examples button').first().waitFor();
    await keyboard.press('Tab');
    expect(await focused()).toBe('Skip to the prompt');
    await keyboard.press('Enter');
    await keyboard.press('Tab');
    await tabTo('prompt', 'Shift+Tab');
    await keyboard.type('My money back');
    await keyboard.press('Shift+Enter');
    await keyboard.type('please');
    await keyboard.press('Enter');
    await ended(page, 'waiting');
    expect(await page.locator('.said').innerText()).toBe('My money back\nplease');
    await tabTo('Approve', 'Shift+Tab');
    await keyboard.press('Enter');
    await page.locator('#messages').getByText('Paid.').waitFor();
    await ended(page);
    await page.locator('body').click({ position: { x: 500, y: 5 } });
    await keyboard.press('/');
    expect(await focused()).toBe('prompt');
    await tabTo('Regenerate', 'Shift+Tab');
    await keyboard.press('Enter');
    await page.locator('#messages').getByText('Again.').waitFor();
    await ended(page);
    await tabTo('open-options', 'Shift+Tab');
    await keyboard.press('Enter');
    expect(await page.locator('dialog[open]').count()).toBe(1);
    await keyboard.press('Escape');
    expect(await page.locator('dialog[open]').count()).toBe(0);
    await tabTo('log-text');
    await keyboard.type('content');
    expect(await page.locator('#event-list b').allInnerTexts()).toEqual(['content']);
  });

  test('fits a phone, without scrolling sideways', async () => {
    const wide = `\`\`\`\n${'x'.repeat(400)}\n\`\`\`\n\n${'y'.repeat(400)}\n\n| ${'wide | '.repeat(20)}\n| ${'- | '.repeat(20)}`;
    await using stage = await browserStage([{ thinking: 'z'.repeat(300), toolCalls: [CALL] }, wide]);
    await using opened = await open(stage.url, {
      viewport: { width: 320, height: 640 },
      hasTouch: true,
      isMobile: true,
    });
    const { page } = opened;
    const isWide = () =>
      page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    expect(await isWide()).toBe(false);
    await page.getByLabel('Prompt').fill('Hello');
    await page.getByRole('button', { name: 'Send' }).tap();
    await ended(page);
    await page.locator('.markdown').waitFor();
    for (const summary of await page.locator('.card summary').all()) await summary.tap();
    expect(await isWide()).toBe(false);
    expect(await page.locator('#scroll').evaluate((frame) => frame.scrollWidth > frame.clientWidth)).toBe(
      false,
    );
    expect(await page.locator('.inspector').isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Inspect' }).tap();
    expect(await page.locator('.inspector').isVisible()).toBe(true);
    expect(await page.locator('.chat').isVisible()).toBe(false);
    expect(await isWide()).toBe(false);
  });

  test('has no movement for who does not want it, and a theme that stays', async () => {
    await using stage = await browserStage(['Hi']);
    await using opened = await open(stage.url, { reducedMotion: 'reduce' });
    const { page } = opened;
    expect(await page.locator('#state i').evaluate((dot) => getComputedStyle(dot).animationName)).toBe(
      'none',
    );
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.getByRole('button', { name: /^Theme/ }).click();
    await page.getByRole('button', { name: 'Theme: light' }).click();
    await page.getByRole('button', { name: 'Theme: dark' }).waitFor();
    const dark = await ground();
    expect(dark).not.toBe(light);
    await page.reload();
    expect(await ground()).toBe(dark);
  });

  test('never loses the focus, whatever becomes of what had it', async () => {
    await using stage = await browserStage(['One.', 'Two.', { toolCalls: [REFUND] }, 'Paid.']);
    await using opened = await open(stage.url);
    const { page } = opened;
    const press = async (name: string | RegExp): Promise<void> => {
      await page.getByRole('button', { name }).last().focus();
      await page.keyboard.press('Enter');
    };
    const focused = (selector: string) => page.locator(`${selector}:focus`).waitFor();
    await press(/^Explain/);
    await page.locator('#messages').getByText('One.').waitFor();
    await ended(page);
    await focused('#prompt');
    for (const leave of [() => page.keyboard.press('Escape'), () => press('Cancel')]) {
      await press('Edit');
      await focused('.edit textarea');
      await leave();
      await focused('button[title=Edit]');
    }
    await press('Edit');
    await page.keyboard.type(' more');
    await page.keyboard.press('Enter');
    await page.locator('#messages').getByText('Two.').waitFor();
    await ended(page);
    await focused('#prompt');
    await page.getByLabel('Prompt').fill('My money');
    await page.keyboard.press('Enter');
    await ended(page, 'waiting');
    await press('Approve');
    await page.locator('#messages').getByText('Paid.').waitFor();
    await ended(page);
    await focused('#prompt');
    await page.setInputFiles('#attach', { name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('png') });
    await press('Remove image 1');
    await focused('#attach');
    // The script has no more answers.
    await page.getByLabel('Prompt').fill('And now?');
    await page.keyboard.press('Enter');
    await press('Try again');
    await focused('#prompt');
  });

  test.each([320, 480, 561, 640, 768, 901])('is not wider than a window of %i', async (width) => {
    await using stage = await browserStage([{ toolCalls: [REFUND] }], {
      name: 'An assistant with a long name',
    });
    await using opened = await open(stage.url, { viewport: { width, height: 640 } });
    const { page } = opened;
    await page.getByLabel('Prompt').fill('My money');
    await page.keyboard.press('Enter');
    await ended(page, 'waiting');
    for (const id of ['#state', '#open-options', '#send']) {
      const box = await page.locator(id).boundingBox();
      expect((box?.x ?? Infinity) + (box?.width ?? 0), id).toBeLessThanOrEqual(width);
    }
    const scrolled = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(scrolled).toBe(width);
  });

  test('shows each text in the direction of its words', async () => {
    await using stage = await browserStage(['שלום עולם, in English.\n\n- אחת\n\n> ציטוט\n\nEnglish, עברית.']);
    await using opened = await open(stage.url);
    const { page } = opened;
    const direction = (selector: string) =>
      page.locator(selector).evaluate((element) => getComputedStyle(element).direction);
    await page.getByLabel('Prompt').fill('מה שלומך?');
    expect(await direction('#prompt')).toBe('rtl');
    await page.keyboard.press('Enter');
    await page.locator('.markdown').waitFor();
    await ended(page);
    for (const rtl of ['.said', '.markdown p >> nth=0', '.markdown ul', '.markdown blockquote', '#title'])
      expect(await direction(rtl), rtl).toBe('rtl');
    expect(await direction('.markdown .block:last-child p')).toBe('ltr');
  });

  test('prints the whole conversation and nothing else, dark on white', async () => {
    await using stage = await browserStage([
      Array.from({ length: 90 }, (_, at) => `Line ${at}`).join('\n\n'),
    ]);
    await using opened = await open(stage.url, { colorScheme: 'dark' });
    const { page } = opened;
    await page.getByLabel('Prompt').fill('Lines');
    await page.keyboard.press('Enter');
    await page.locator('#messages').getByText('Line 89').waitFor();
    await ended(page);
    await page.getByRole('button', { name: /^Theme/ }).click();
    await page.getByRole('button', { name: 'Theme: light' }).click();
    await page.emulateMedia({ media: 'print' });
    const { height, ink, ground } = await page.evaluate(() => ({
      height:
        document.documentElement.scrollHeight - (document.querySelector('.messages')?.scrollHeight ?? 0),
      ink: getComputedStyle(document.body).color,
      ground: getComputedStyle(document.body).backgroundColor,
    }));
    expect(height).toBeGreaterThan(0);
    expect(ink).toBe('rgb(31, 30, 27)');
    expect(ground).toBe('rgba(0, 0, 0, 0)');
    for (const id of ['#composer', '.inspector', '#open-options'])
      expect(await page.locator(id).isVisible(), id).toBe(false);
  });

  test('tells its bars apart also in the colors of the system', async () => {
    await using stage = await browserStage(['Hi']);
    await using opened = await open(stage.url, { forcedColors: 'active' });
    const { page } = opened;
    await page.getByLabel('Prompt').fill('Hello');
    await page.keyboard.press('Enter');
    await page.locator('.markdown').waitFor();
    await ended(page);
    const grounds = await page
      .locator('.legend span')
      .evaluateAll((all) => all.map((one) => getComputedStyle(one, '::before').backgroundColor));
    expect(new Set(grounds).size).toBe(5);
    expect(await page.locator('#state i').evaluate((dot) => getComputedStyle(dot).forcedColorAdjust)).toBe(
      'none',
    );
  });
});
