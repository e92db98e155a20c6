import { describe, expect, test } from 'vitest';
import { manualGate } from 'sluice/testing';
import { tcpProxy } from '../support/tcp-proxy.ts';
import { browserForTests, hasChromium } from './browser.ts';
import { browserStage } from './stage.ts';

describe.skipIf(!hasChromium())('a page whose network fails', () => {
  const open = browserForTests();

  test('goes on where it was, without text lost or twice', async () => {
    const pace = manualGate();
    const words = ['The', ' quick', ' brown', ' fox', ' jumps'];
    await using stage = await browserStage([{ text: words, gate: pace.gate }], { resumable: true });
    const proxy = await tcpProxy({ port: stage.port });
    await using opened = await open(`http://127.0.0.1:${proxy.port}`);
    const { page } = opened;
    await page.getByLabel('Prompt').fill('Tell me');
    await page.keyboard.press('Enter');
    let shown = '';
    for (const word of words) {
      pace.release();
      shown += word;
      await page.locator('.markdown').getByText(shown, { exact: true }).waitFor();
      proxy.drop();
    }
    pace.open();
    await page.locator('#state[data-state=ready]').waitFor();
    expect(await page.locator('.markdown').innerText()).toBe(words.join(''));
    expect(await page.locator('#failure').isHidden()).toBe(true);
    const events = await page.locator('#event-list summary').allInnerTexts();
    expect(events.filter((row) => row.includes('content')).length).toBe(words.length);
    expect(events.some((row) => row.includes('lost'))).toBe(true);
    await proxy.close();
  });

  test('resumes by a button once it has given up', async () => {
    const pace = manualGate();
    await using stage = await browserStage([{ text: ['Half', ' and', ' more'], gate: pace.gate }], {
      resumable: true,
    });
    const proxy = await tcpProxy({ port: stage.port });
    await using opened = await open(`http://127.0.0.1:${proxy.port}`);
    const { page } = opened;
    // The waits between its attempts are minutes, which are skipped.
    await page.clock.install();
    await page.getByLabel('Prompt').fill('Tell me');
    await page.keyboard.press('Enter');
    pace.release();
    await page.locator('.markdown').getByText('Half', { exact: true }).waitFor();
    await page.route('**/api/**', (route) => route.abort());
    proxy.drop();
    await page.locator('#state[data-state=reconnecting]').waitFor();
    const resume = page.getByRole('button', { name: 'Resume' });
    await expect
      .poll(async () => {
        await page.clock.runFor(5_000);
        return resume.isVisible();
      })
      .toBe(true);
    expect(await page.locator('#failure').innerText()).toContain('network');
    await page.unroute('**/api/**');
    pace.open();
    await resume.click();
    await page.locator('.markdown').getByText('Half and more', { exact: true }).waitFor();
    await page.locator('#state[data-state=ready]').waitFor();
    expect(await page.locator('#failure').isHidden()).toBe(true);
    expect(await resume.isHidden()).toBe(true);
    await proxy.close();
  });

  test('joins the turn that runs when it is loaded again, and another tab stops it', async () => {
    const pace = manualGate();
    await using stage = await browserStage([{ text: ['Half', ' and', ' more'], gate: pace.gate }], {
      resumable: true,
    });
    await using opened = await open(stage.url);
    const { page } = opened;
    await page.getByLabel('Prompt').fill('Tell me');
    await page.keyboard.press('Enter');
    pace.release();
    await page.locator('.markdown').getByText('Half', { exact: true }).waitFor();
    await page.reload();
    await page.locator('.markdown').getByText('Half', { exact: true }).waitFor();
    pace.release();
    await page.locator('.markdown').getByText('Half and', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.locator('#state[data-state=ready]').waitFor();
    expect(await page.locator('.message[data-role=assistant]').innerText()).toContain('cut short');
    expect(await page.locator('.markdown').innerText()).toBe('Half and');
  });
});
