import { randomBytes } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Locator, Page } from 'playwright-core';
import { manualGate } from 'sluice/testing';
import { browserForTests, hasChromium } from './browser.ts';
import { browserStage } from './stage.ts';

const REFUND = { name: 'refund', arguments: { order: 'A-1042', amount: 80 } };

const press = (page: Page, name: string): Promise<void> =>
  page.getByRole('button', { name, exact: true }).first().click();
const inState = (page: Page, state: string): Promise<void> =>
  page.locator(`output[data-status=${state}]`).waitFor();
const reply = (page: Page): Locator => page.locator('li[data-role=assistant]');

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('draft').fill(text);
  await press(page, 'send');
}

/** A square image of random points, which no compression makes smaller. */
function noisePng(size: number): Buffer {
  const rows = Array.from({ length: size }, () => [Buffer.from([0]), randomBytes(size * 3)]).flat();
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 2], 8);
  const block = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const start = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const pixels = block('IDAT', deflateSync(Buffer.concat(rows)));
  return Buffer.concat([start, block('IHDR', header), pixels, block('IEND', Buffer.alloc(0))]);
}

describe.skipIf(!hasChromium())('useSluice in a page', () => {
  const open = browserForTests();

  test('shows the history and the reply as it grows, in strict mode', async () => {
    const pace = manualGate();
    await using stage = await browserStage(
      ['Hello.', { text: ['One', ' two'], gate: pace.gate }],
      {},
      'use-sluice',
    );
    await using opened = await open(`${stage.url}/test`);
    const { page, problems } = opened;
    await inState(page, 'ready');
    await say(page, 'Hi');
    await reply(page).getByText('Hello.').waitFor();
    await inState(page, 'ready');
    await say(page, 'Count');
    await inState(page, 'sending');
    pace.release();
    await reply(page).nth(1).getByText('One', { exact: true }).waitFor();
    await inState(page, 'streaming');
    pace.open();
    await inState(page, 'ready');
    expect(await page.locator('li span').allInnerTexts()).toEqual(['Hi', 'Hello.', 'Count', 'One two']);
    await page.reload();
    await reply(page).getByText('One two').waitFor();
    expect(await page.locator('li span').allInnerTexts()).toEqual(['Hi', 'Hello.', 'Count', 'One two']);
    await press(page, 'other');
    await page.locator('li').first().waitFor({ state: 'detached' });
    // A conversation that the server does not have yet.
    expect(problems.filter((problem) => !problem.includes('404'))).toEqual([]);
  });

  test('stops, regenerates and edits', async () => {
    const pace = manualGate();
    await using stage = await browserStage(
      [{ text: ['Half', ' more'], gate: pace.gate }, 'Again.', 'Edited.'],
      {},
      'use-sluice',
    );
    await using opened = await open(`${stage.url}/test`);
    const { page } = opened;
    await say(page, 'Hi');
    pace.release();
    await reply(page).getByText('Half', { exact: true }).waitFor();
    await press(page, 'stop');
    await inState(page, 'ready');
    expect(await reply(page).getAttribute('data-state')).toBe('partial');
    expect(await page.locator('#error').innerText()).toBe('');
    await press(page, 'regenerate');
    await reply(page).getByText('Again.').waitFor();
    await inState(page, 'ready');
    await page.getByLabel('draft').fill('Good day');
    await press(page, 'edit');
    await reply(page).getByText('Edited.').waitFor();
    await inState(page, 'ready');
    expect(await page.locator('li span').allInnerTexts()).toEqual(['Good day', 'Edited.']);
  });

  test('leaves a reply with its conversation and finds it again, in another tab, too, which stops it', async () => {
    const pace = manualGate();
    await using stage = await browserStage(
      ['First.', { text: ['Half', ' more', ' whole'], gate: pace.gate }],
      { resumable: true },
      'use-sluice',
    );
    await using opened = await open(`${stage.url}/test`);
    const { page } = opened;
    const texts = (): Promise<string[]> => page.locator('li span').allInnerTexts();
    await say(page, 'Hi');
    await reply(page).getByText('First.').waitFor();
    await inState(page, 'ready');
    await say(page, 'Go on');
    pace.release();
    await reply(page).nth(1).getByText('Half', { exact: true }).waitFor();
    await press(page, 'other');
    await page.locator('li').first().waitFor({ state: 'detached' });
    await inState(page, 'ready');
    // Nobody reads it meanwhile.
    pace.release();
    await press(page, 'other');
    await reply(page).nth(1).getByText('Half more', { exact: true }).waitFor();
    await inState(page, 'streaming');
    expect(await texts()).toEqual(['Hi', 'First.', 'Go on', 'Half more']);
    const other = await page.context().newPage();
    await other.goto(`${stage.url}/test`);
    await reply(other).nth(1).getByText('Half more', { exact: true }).waitFor();
    await press(other, 'stop');
    for (const tab of [page, other]) {
      await inState(tab, 'ready');
      expect(await tab.locator('li span').allInnerTexts()).toEqual(['Hi', 'First.', 'Go on', 'Half more']);
      expect(await tab.locator('#error').innerText()).toBe('');
    }
  });

  test('approves a call that waits', async () => {
    await using stage = await browserStage([{ toolCalls: [REFUND] }, 'Paid.'], {}, 'use-sluice');
    await using opened = await open(`${stage.url}/test`);
    const { page } = opened;
    await say(page, 'My money back');
    await inState(page, 'waiting');
    expect(stage.ran).toEqual([]);
    await press(page, 'approve');
    await reply(page).getByText('Paid.').waitFor();
    await inState(page, 'ready');
    expect(stage.ran).toEqual([REFUND.arguments]);
  });
});

describe.skipIf(!hasChromium())('useChat of the AI SDK in a page', () => {
  const open = browserForTests();

  test('shows a reply with thinking and a tool of the pipeline', async () => {
    const call = { name: 'calculate', arguments: { expression: '1 + 1' } };
    await using stage = await browserStage(
      [{ thinking: 'Hm.', toolCalls: [call] }, 'It is 2.'],
      {},
      'use-chat',
    );
    await using opened = await open(`${stage.url}/test`);
    const { page, problems } = opened;
    await press(page, 'send');
    await reply(page).getByText('It is 2.').waitFor();
    await inState(page, 'ready');
    expect(await page.locator('[data-type=reasoning]').innerText()).toBe('Hm.');
    expect(await page.locator('[data-type=calculate]').getAttribute('data-state')).toBe('output-available');
    expect(await page.locator('#error').innerText()).toBe('');
    expect(problems).toEqual([]);
  });

  test('is stopped by its button', async () => {
    const pace = manualGate();
    await using stage = await browserStage([{ text: ['Half', ' more'], gate: pace.gate }], {}, 'use-chat');
    await using opened = await open(`${stage.url}/test`);
    const { page } = opened;
    await press(page, 'send');
    pace.release();
    await reply(page).getByText('Half', { exact: true }).waitFor();
    await press(page, 'stop');
    await inState(page, 'ready');
    expect(await reply(page).innerText()).toBe('Half');
  });

  test('approves a call, which then runs once', async () => {
    await using stage = await browserStage([{ toolCalls: [REFUND] }, 'Paid.'], {}, 'use-chat');
    await using opened = await open(`${stage.url}/test`);
    const { page } = opened;
    await press(page, 'send');
    await page.locator('[data-type=refund][data-state=approval-requested]').waitFor();
    expect(stage.ran).toEqual([]);
    await press(page, 'approve');
    await reply(page).getByText('Paid.').waitFor();
    await inState(page, 'ready');
    expect(stage.ran).toEqual([REFUND.arguments]);
    expect(await page.locator('#error').innerText()).toBe('');
  });

  test('shows an image that is too large for its messages from the server, and goes on after it', async () => {
    const data = noisePng(400).toString('base64');
    const made = {
      chunks: [{ type: 'file' as const, mediaType: 'image/png', data }],
      finishReason: 'stop' as const,
    };
    await using stage = await browserStage([made, 'More.'], {}, 'use-chat');
    await using opened = await open(`${stage.url}/test`);
    const { page, problems } = opened;
    await press(page, 'send');
    const image = reply(page).getByAltText('made');
    await image.waitFor();
    expect(await image.getAttribute('src')).toMatch(/^\/api\/chat\/[^/]+\/files\/\d+$/);
    await expect.poll(() => image.evaluate((element: HTMLImageElement) => element.naturalWidth)).toBe(400);
    await inState(page, 'ready');
    await press(page, 'send');
    await reply(page).getByText('More.').waitFor();
    expect(problems).toEqual([]);
  });

  test('that is loaded again gets the whole message of the turn that runs', async () => {
    const pace = manualGate();
    const answer = { text: ['Half', ' and', ' whole'], gate: pace.gate };
    await using stage = await browserStage([answer], { resumable: true }, 'use-chat');
    await using opened = await open(`${stage.url}/test`);
    const { page } = opened;
    await press(page, 'send');
    pace.release();
    await reply(page).getByText('Half', { exact: true }).waitFor();
    await page.reload();
    await press(page, 'resume');
    await reply(page).getByText('Half', { exact: true }).waitFor();
    pace.open();
    await inState(page, 'ready');
    expect(await reply(page).innerText()).toBe('Half and whole');
  });
});
