import { describe, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { manualGate } from 'sluice/testing';
import { browserForTests, hasChromium } from './browser.ts';
import { browserStage } from './stage.ts';

const CALL = { name: 'calculate', arguments: { expression: '1 + 1' } };

/** Asks, and waits for the end of the turn. */
async function ask(page: Page, text: string, reply: string): Promise<void> {
  await page.getByLabel('Prompt').fill(text);
  await page.keyboard.press('Enter');
  await page.locator('#messages').getByText(reply, { exact: true }).waitFor();
  await page.locator('#state[data-state=ready]').waitFor();
}

describe.skipIf(!hasChromium())('looking back on the page', () => {
  const open = browserForTests();

  test('stays where its reader has scrolled to, until the newest text is asked for', async () => {
    const pace = manualGate();
    const lines = Array.from({ length: 60 }, (_, at) => `line ${at}\n\n`).join('');
    await using stage = await browserStage([{ text: [lines, 'next\n\n', 'last'], gate: pace.gate }]);
    await using opened = await open(stage.url);
    const { page } = opened;
    const latest = page.getByRole('button', { name: 'Latest' });
    const fromEnd = () =>
      page.locator('#scroll').evaluate((frame) => frame.scrollHeight - frame.scrollTop - frame.clientHeight);
    await page.getByLabel('Prompt').fill('Hi');
    await page.keyboard.press('Enter');
    pace.release();
    await page.getByText('line 59').waitFor();
    await expect.poll(fromEnd).toBeLessThan(2);
    expect(await latest.isHidden()).toBe(true);
    const scrollTop = () => page.locator('#scroll').evaluate((frame) => frame.scrollTop);
    const top = (await scrollTop()) - 40;
    await page.locator('#scroll').hover();
    await page.mouse.wheel(0, -40);
    // It takes some frames to get there.
    await expect.poll(scrollTop).toBe(top);
    await latest.waitFor();
    pace.release();
    await page.getByText('next').waitFor();
    expect(await scrollTop()).toBe(top);
    await latest.click();
    await latest.waitFor({ state: 'hidden' });
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('scroll');
    pace.open();
    await page.getByText('last', { exact: true }).waitFor();
    await expect.poll(fromEnd).toBeLessThan(2);
  });

  test('lists the newest of any number of conversations first, in whatever order the store has them', async () => {
    await using stage = await browserStage([]);
    await using opened = await open(stage.url);
    const { page } = opened;
    const COUNT = 5_432;
    const held = Promise.withResolvers<void>();
    const cursors: (string | null)[] = [];
    await page.route('**/api/v1/conversations?*', async (route) => {
      const { searchParams } = new URL(route.request().url());
      const cursor = searchParams.get('cursor');
      cursors.push(cursor);
      if (cursors.length === 2) await held.promise;
      const from = Number(cursor ?? 0);
      const to = Math.min(COUNT, from + Number(searchParams.get('limit')));
      const conversations = [];
      for (let at = from; at < to; at++) conversations.push({ id: `talk-${at}`, version: 1, updated_at: at });
      await route.fulfill({ json: { conversations, ...(to < COUNT && { cursor: String(to) }) } });
    });
    const drawer = page.getByRole('dialog', { name: 'Conversations' });
    const titles = () => drawer.locator('li b').allInnerTexts();
    const history = page.getByRole('button', { name: 'History' });
    await history.click();
    // Says how many there are so far.
    await drawer.getByText('1,000').waitFor();
    // One that is closed reads no more.
    await page.keyboard.press('Escape');
    held.resolve();
    await history.click();
    const newest = Array.from({ length: 40 }, (_, at) => `talk-${COUNT - 1 - at}`);
    await expect.poll(titles).toEqual(newest.slice(0, 20));
    expect(cursors).toEqual([null, '1000', null, '1000', '2000', '3000', '4000', '5000']);
    await drawer.getByRole('button', { name: 'Show older ones' }).click();
    await expect.poll(titles).toEqual(newest);
  });

  test('lists the conversations by their first messages, opens one and deletes one', async () => {
    await using stage = await browserStage(['First.', 'Second.', 'Third.']);
    await using opened = await open(stage.url);
    const { page, problems } = opened;
    const drawer = page.getByRole('dialog', { name: 'Conversations' });
    await page.getByRole('button', { name: 'History' }).click();
    await drawer.getByText('Conversations that you begin are kept here.').waitFor();
    await page.keyboard.press('Escape');
    await ask(page, 'What is a weir?', 'First.');
    await expect.poll(() => page.title()).toBe('What is a weir? · Test agent');
    await page.getByRole('button', { name: 'New chat' }).click();
    await page.locator('#welcome').waitFor();
    await expect.poll(() => page.title()).toBe('Test agent');
    await ask(page, 'What is a lock?', 'Second.');
    await page.getByRole('button', { name: 'History' }).click();
    await drawer.getByRole('button', { name: /What is a lock\? ?just now/ }).waitFor();
    expect(await drawer.locator('[aria-current] b').innerText()).toBe('What is a lock?');
    const titles = () => drawer.locator('li b').allInnerTexts();
    await expect.poll(titles).toEqual(['What is a lock?', 'What is a weir?']);
    await drawer.getByRole('button', { name: /What is a weir/ }).click();
    await page.locator('#messages').getByText('First.').waitFor();
    expect(await page.locator('#title').innerText()).toBe('What is a weir?');
    await ask(page, 'And a dam?', 'Third.');
    expect(await page.locator('.message').count()).toBe(4);
    await page.getByRole('button', { name: 'History' }).click();
    // The newest is the first.
    await expect.poll(titles).toEqual(['What is a weir?', 'What is a lock?']);
    const item = drawer.getByRole('listitem').filter({ hasText: 'What is a weir?' });
    await item.getByRole('button', { name: 'Delete' }).click();
    await item.getByRole('button', { name: 'Delete?' }).click();
    await item.waitFor({ state: 'detached' });
    expect(await drawer.getByRole('listitem').count()).toBe(1);
    // The one that was shown is gone, so another one begins.
    await page.keyboard.press('Escape');
    await page.locator('#welcome').waitFor();
    expect(problems).toEqual([]);
  });

  test('shows what happened in the turns before', async () => {
    await using stage = await browserStage([{ toolCalls: [CALL] }, 'First.', 'Second.']);
    await using opened = await open(stage.url);
    const { page } = opened;
    const bars = page.locator('.waterfall .label b');
    const turn = page.locator('#turn-title');
    await ask(page, 'One', 'First.');
    expect(await bars.allInnerTexts()).toEqual(['call 1', 'calculate', 'call 2']);
    expect(await turn.innerText()).toBe('This turn');
    await ask(page, 'Two', 'Second.');
    expect(await bars.allInnerTexts()).toEqual(['call 1']);
    expect(await turn.innerText()).toBe('Turn 2 of 2');
    await page.getByRole('button', { name: 'Turn before' }).click();
    await page.getByText('Turn 1 of 2').waitFor();
    await expect.poll(() => bars.allInnerTexts()).toEqual(['call 1', 'calculate', 'call 2']);
    expect(await page.locator('#event-list').innerText()).toContain('tool_result');
    await page.getByRole('button', { name: 'Turn after' }).click();
    await expect.poll(() => bars.allInnerTexts()).toEqual(['call 1']);
    await page.getByRole('button', { name: 'New chat' }).click();
    await expect.poll(() => page.locator('[data-meter=elapsed]').innerText()).toBe('–');
    expect(await page.locator('#event-list li').count()).toBe(0);
  });

  test('offers to answer anew only for the last reply', async () => {
    await using stage = await browserStage(['First.', 'Second.']);
    await using opened = await open(stage.url);
    const { page } = opened;
    await ask(page, 'One', 'First.');
    await ask(page, 'Two', 'Second.');
    expect(await page.getByRole('button', { name: 'Regenerate' }).count()).toBe(1);
  });
});
