import { describe, expect, test, vi } from 'vitest';
import type { Locator, Page } from 'playwright-core';
import { manualGate } from 'sluice/testing';
import { browserForTests, drawn, hasChromium } from './browser.ts';
import { browserStage } from './stage.ts';

const CALL = { name: 'calculate', arguments: { expression: '5000 * 1.035 ^ 8' } };
const REFUND = { name: 'refund', arguments: { order: 'A-1042', amount: 80 } };

async function ask(page: Page, text: string): Promise<void> {
  await page.getByLabel('Prompt').fill(text);
  await page.keyboard.press('Enter');
}

/** Lets the clock of the server stand. */
function clockThatStands(): Disposable {
  vi.useFakeTimers({ toFake: ['Date'] });
  return { [Symbol.dispose]: () => void vi.useRealTimers() };
}

const replies = (page: Page) => page.locator('.message[data-role=assistant]');
const status = (page: Page) => page.locator('#state');

/** Waits for the end of a turn. */
async function ended(page: Page, state = 'ready'): Promise<void> {
  await drawn(page);
  await page.locator(`#state[data-state=${state}]`).waitFor();
}

describe.skipIf(!hasChromium())('the page in a browser', () => {
  const open = browserForTests();

  test('shows a reply as it comes, and what it took', async () => {
    const pace = manualGate();
    await using stage = await browserStage([{ text: ['The sky', ' is **blue**.'], gate: pace.gate }]);
    await using opened = await open(stage.url);
    const { page, problems } = opened;
    await page.waitForFunction(() => document.title === 'Test agent');
    await ask(page, 'Why is the sky blue?');
    await page.locator('#state[data-state=sending]').waitFor();
    pace.release();
    await page.locator('#messages').getByText('The sky', { exact: true }).waitFor();
    expect(await status(page).innerText()).toBe('Streaming');
    expect(await page.getByRole('button', { name: 'Stop' }).isVisible()).toBe(true);
    pace.open();
    await ended(page);
    expect(await replies(page).locator('.markdown').innerHTML()).toContain('is <strong>blue</strong>.');
    expect(await page.locator('[data-meter=input]').innerText()).toBe('12');
    expect(await page.locator('[data-meter=output]').innerText()).toBe('8');
    expect(await page.locator('[data-meter=chunks]').innerText()).toBe('2');
    expect(await page.locator('[data-meter=first]').innerText()).toMatch(/^[\d.]+ m?s$/);
    expect(await page.locator('.waterfall li').allInnerTexts()).toEqual([expect.stringContaining('call 1')]);
    expect(await page.locator('#announcer').textContent()).toContain('The sky is **blue**.');
    expect(problems).toEqual([]);
  });

  test('stops a reply, by the button and by Esc', async () => {
    const gates = [manualGate(), manualGate()];
    await using stage = await browserStage(gates.map(({ gate }) => ({ text: ['Half', ' and whole'], gate })));
    await using opened = await open(stage.url);
    const { page } = opened;
    for (const [at, gate] of gates.entries()) {
      await ask(page, 'Tell me');
      gate.release();
      await replies(page).nth(at).getByText('Half', { exact: true }).waitFor();
      if (at === 0) await page.getByRole('button', { name: 'Stop' }).click();
      else await page.keyboard.press('Escape');
      await ended(page);
      expect(await replies(page).nth(at).innerText()).toContain('This reply was cut short.');
      expect(await page.locator('#failure').isHidden()).toBe(true);
      expect(await page.evaluate(() => document.activeElement?.id)).toBe('prompt');
    }
  });

  test('shows thinking and a tool call as cards that open', async () => {
    await using stage = await browserStage([
      { thinking: 'I have to calculate.', toolCalls: [CALL] },
      'It is **$6,584.05**.',
    ]);
    await using opened = await open(stage.url);
    const { page, problems } = opened;
    await page.getByRole('button', { name: /compound interest/ }).click();
    await ended(page);
    const thinking = page.locator('.card.thinking');
    expect(await thinking.locator('.thought').isVisible()).toBe(false);
    await thinking.locator('summary').click();
    expect(await thinking.locator('.thought').innerText()).toBe('I have to calculate.');
    const card = page.locator('.card.tool');
    expect(await card.getAttribute('data-state')).toBe('done');
    await card.locator('summary').click();
    expect(JSON.parse(await card.getByLabel('Arguments').innerText())).toEqual(CALL.arguments);
    expect(JSON.parse(await card.getByLabel('Result').innerText())).toEqual({ value: 6584.05 });
    expect(stage.ran).toEqual([CALL.arguments]);
    expect(await page.locator('.waterfall li').allInnerTexts()).toEqual([
      expect.stringContaining('call 1'),
      expect.stringContaining('calculate'),
      expect.stringContaining('call 2'),
    ]);
    expect(problems).toEqual([]);
  });

  test('asks whether a tool may run, and runs it when that is approved', async () => {
    await using stage = await browserStage([{ toolCalls: [REFUND] }, 'The money is on its way.']);
    await using opened = await open(stage.url);
    const { page, problems } = opened;
    await ask(page, 'I want my money back');
    await ended(page, 'waiting');
    const card = page.locator('.card.tool');
    expect(await card.innerText()).toContain('More than 50 dollars');
    expect(await page.locator('#announcer').textContent()).toContain('refund waits for your approval');
    expect(stage.ran).toEqual([]);
    await card.getByRole('button', { name: 'Approve' }).click();
    await page.locator('#messages').getByText('The money is on its way.').waitFor();
    await ended(page);
    expect(stage.ran).toEqual([REFUND.arguments]);
    expect(await card.getAttribute('data-state')).toBe('done');
    // It was opened for the decision only.
    expect(await card.getByLabel('Arguments').isVisible()).toBe(false);
    expect(await card.locator('.note').innerText()).toBe('order: A-1042, amount: 80');
    expect(await replies(page).count()).toBe(1);
    expect(problems).toEqual([]);
  });

  test('denies a tool with a reason, which the model is told', async () => {
    const told: string[] = [];
    await using stage = await browserStage([
      { toolCalls: [REFUND] },
      ({ messages }) => {
        told.push(JSON.stringify(messages.at(-1)));
        return 'I see.';
      },
    ]);
    await using opened = await open(stage.url);
    const { page } = opened;
    await ask(page, 'I want my money back');
    await page.getByLabel('Why the call is denied').fill('Not this order');
    await page.getByRole('button', { name: 'Deny' }).click();
    await page.locator('#messages').getByText('I see.').waitFor();
    await ended(page);
    expect(stage.ran).toEqual([]);
    expect(told[0]).toContain('Not this order');
  });

  test('keeps the conversation when it is loaded again, with a call that waits', async () => {
    await using stage = await browserStage(['Hello!', { toolCalls: [REFUND] }, 'Done.']);
    await using opened = await open(stage.url);
    const { page } = opened;
    await ask(page, 'Hi');
    await page.locator('#messages').getByText('Hello!').waitFor();
    await ended(page);
    await ask(page, 'I want my money back');
    await ended(page, 'waiting');
    await page.reload();
    await ended(page, 'waiting');
    expect(await page.locator('.message').count()).toBe(4);
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.locator('#messages').getByText('Done.').waitFor();
    await ended(page);
    expect(stage.ran).toEqual([REFUND.arguments]);
  });

  test('answers anew, and takes an edited message', async () => {
    await using stage = await browserStage(['First.', 'Second.', 'Third.']);
    await using opened = await open(stage.url);
    const { page } = opened;
    await ask(page, 'Hello');
    await page.locator('#messages').getByText('First.').waitFor();
    await ended(page);
    await page.getByRole('button', { name: 'Regenerate' }).click();
    await page.locator('#messages').getByText('Second.').waitFor();
    await ended(page);
    expect(await replies(page).count()).toBe(1);
    await page.locator('.message[data-role=user]').hover();
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByLabel('Edit the message').fill('Good day');
    await page.keyboard.press('Enter');
    await page.locator('#messages').getByText('Third.').waitFor();
    await ended(page);
    expect(await page.locator('.message').allInnerTexts()).toEqual([
      expect.stringContaining('Good day'),
      expect.stringContaining('Third.'),
    ]);
    await page.getByRole('button', { name: 'New chat' }).click();
    await page.locator('#welcome').waitFor();
    expect(await page.locator('.message').count()).toBe(0);
  });

  test('sends an image along, and shows it', async () => {
    const seen: unknown[] = [];
    await using stage = await browserStage([
      ({ messages }) => {
        seen.push(messages.at(-1)?.content);
        return 'A dot.';
      },
    ]);
    await using opened = await open(stage.url);
    const { page, problems } = opened;
    const png =
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    await page
      .locator('#attach')
      .setInputFiles({ name: 'dot.png', mimeType: 'image/png', buffer: Buffer.from(png, 'base64') });
    await page.getByAltText('Image 1 to send').waitFor();
    await ask(page, 'What is this?');
    await page.locator('#messages').getByText('A dot.').waitFor();
    expect(seen).toEqual([
      [
        { type: 'image', data: png, mediaType: 'image/png' },
        { type: 'text', text: 'What is this?' },
      ],
    ]);
    expect(
      await page.locator('.message .file img').evaluate((image) => Reflect.get(image, 'naturalWidth')),
    ).toBe(1);
    expect(problems).toEqual([]);
  });

  test('says what went wrong, without a stack', async () => {
    await using stage = await browserStage([{ error: new Error('secret /etc/passwd') }, 'Fine now.']);
    await using opened = await open(stage.url);
    const { page } = opened;
    await ask(page, 'Hi');
    await page.locator('#failure').waitFor();
    const said = await page.locator('#failure').innerText();
    expect(said).not.toContain('secret');
    expect(said).toMatch(/^The .*\. (middleware|server) · \S+/);
    expect(await page.locator('.waterfall li').allInnerTexts()).toEqual([
      expect.stringMatching(/call 1[^]*failed/),
    ]);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('#messages').getByText('Fine now.').waitFor();
    expect(await page.locator('#failure').isHidden()).toBe(true);
    expect(await page.locator('.message').count()).toBe(2);
  });

  test('offers no second try if the server has no message to answer again', async () => {
    // A new minute would let the second one through.
    using _clock = clockThatStands();
    await using stage = await browserStage(['One', 'Two'], { limits: { requestsPerMinute: 1 } });
    await using opened = await open(stage.url);
    const { page } = opened;
    await ask(page, 'Hi');
    await page.locator('#messages').getByText('One').waitFor();
    await ended(page);
    await ask(page, 'Again');
    await page.locator('#failure').waitFor();
    expect(await page.locator('#failure').innerText()).toContain('rate_limited');
    expect(await page.getByRole('button', { name: 'Try again' }).count()).toBe(0);
  });

  test('shows a table that is wider than the chat with whole words, and a list with its numbers', async () => {
    const wide = ['a rather long heading', 'one more of them', 'and yet another one', 'the last one'];
    const table = `| cost | ${wide.join(' | ')} |\n|---:|${'---|'.repeat(4)}\n| $0.0123 | ${wide.join(' | ')} |`;
    await using stage = await browserStage([`${table}\n\n7. seven\n8. eight`]);
    await using opened = await open(stage.url, { viewport: { width: 390, height: 844 } });
    const { page, problems } = opened;
    await ask(page, 'Hi');
    await ended(page);
    const price = page.getByRole('cell', { name: '$0.0123' });
    const { lines, align } = await price.evaluate((cell) => {
      const range = document.createRange();
      range.selectNodeContents(cell);
      return { lines: range.getClientRects().length, align: getComputedStyle(cell).textAlign };
    });
    expect({ lines, align }).toEqual({ lines: 1, align: 'right' });
    const scrolls = await page.locator('.table').evaluate((frame) => frame.scrollWidth > frame.clientWidth);
    expect(scrolls).toBe(true);
    expect(await page.evaluate(() => document.body.scrollWidth)).toBe(390);
    expect(await page.locator('.markdown ol').getAttribute('start')).toBe('7');
    expect(problems).toEqual([]);
  });

  test('tells the parts of code apart, and copies code and arguments as they are', async () => {
    const code = 'def f(x):\n    return "a # b" + str(12)  # why <b>';
    await using stage = await browserStage([{ toolCalls: [CALL] }, `\`\`\`python\n${code}\n\`\`\``]);
    await using opened = await open(stage.url, { permissions: ['clipboard-read', 'clipboard-write'] });
    const { page, problems } = opened;
    await page.clock.install();
    const copied = async (frame: Locator): Promise<string> => {
      await frame.getByRole('button', { name: 'Copy' }).first().click();
      // The button says so until the clock of the page goes on.
      await frame.getByRole('button', { name: 'Copied' }).waitFor();
      return page.evaluate(() => navigator.clipboard.readText());
    };
    await ask(page, 'Hi');
    await ended(page);
    const block = page.locator('.code');
    await block.waitFor();
    await page.clock.pauseAt(Date.now() + 3_600_000);
    const pieces = await block
      .locator('code span')
      .evaluateAll((all) => all.map((one) => [one.getAttribute('class'), one.textContent]));
    expect(pieces).toEqual([
      ['keyword', 'def'],
      ['keyword', 'return'],
      ['string', '"a # b"'],
      ['number', '12'],
      ['comment', '# why <b>'],
    ]);
    expect(await block.locator('code').textContent()).toBe(code);
    expect((await copied(block)).trimEnd()).toBe(code);
    await page.locator('.card.tool summary').click();
    expect(JSON.parse(await copied(page.locator('.card.tool')))).toEqual(CALL.arguments);
    await page.clock.runFor(1_500);
    expect(await page.getByRole('button', { name: 'Copied' }).count()).toBe(0);
    expect(problems).toEqual([]);
  });

  test('lists all events, filters them and copies what is left', async () => {
    await using stage = await browserStage([{ thinking: 'Hm.', text: ['One', ' two'] }]);
    await using opened = await open(stage.url, { permissions: ['clipboard-read', 'clipboard-write'] });
    const { page } = opened;
    await page.clock.install();
    await ask(page, 'Hi');
    await ended(page);
    await page.locator('#messages').getByText('One two').waitFor();
    await page.clock.pauseAt(Date.now() + 3_600_000);
    const rows = page.locator('#event-list li');
    expect(await rows.locator('b').allInnerTexts()).toEqual([
      'connection',
      'connection',
      'thinking',
      'content',
      'done',
    ]);
    // The pieces of one text are one row, which tells each of them with its time.
    await page.getByLabel('Kind of events').selectOption('content');
    expect(await rows.locator('summary').innerText()).toMatch(/content\s*×2\s*One two/);
    await rows.locator('summary').click();
    await expect.poll(() => rows.locator('pre').innerText()).toMatch(/^[\d.]+ {2}"One"\n[\d.]+ {2}" two"$/);
    await page.getByLabel('Text in events').fill('TWO');
    expect(await rows.count()).toBe(1);
    await rows.locator('summary').click();
    expect(JSON.parse(await rows.locator('pre').innerText())).toMatchObject({
      type: 'content',
      content: ' two',
    });
    await page.locator('#log-copy').click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied.split('\n').map((line) => JSON.parse(line))).toMatchObject([
      { type: 'content', content: ' two', atMs: expect.any(Number) },
    ]);
  });

  test('sends what is chosen in the options, and keeps it for the tab', async () => {
    await using stage = await browserStage(['Hello!']);
    await using opened = await open(stage.url);
    const { page } = opened;
    await page.waitForFunction(() => document.title === 'Test agent');
    const chosen = { Model: 'scripted-1', Organization: 'acme', Conversation: 'case-7' };
    await page.getByRole('button', { name: 'Options' }).click();
    const options = page.getByRole('dialog', { name: 'Options' });
    for (const [name, value] of Object.entries(chosen)) await options.getByLabel(name).fill(value);
    await page.getByRole('button', { name: 'Done' }).click();
    expect(await page.locator('#target').innerText()).toBe('Test agent · scripted-1');
    const sent = page.waitForRequest(/\/agent\/stream/);
    await page.getByLabel('Prompt').fill('Hi');
    await page.keyboard.press('Enter');
    expect((await sent).postDataJSON()).toMatchObject({
      ...{ input: { role: 'user', content: 'Hi' }, pipeline: 'Test agent', model: 'scripted-1' },
      ...{ org_id: 'acme', conversation_id: 'case-7' },
    });
    await page.reload();
    await page.getByRole('button', { name: 'Options' }).click();
    for (const [name, value] of Object.entries(chosen))
      expect(await options.getByLabel(name).inputValue()).toBe(value);
  });

  test('goes on after a token was asked for', async () => {
    await using stage = await browserStage(['Hello!'], { auth: { tokens: { 'a-token': 'ada' } } });
    await using opened = await open(stage.url);
    const { page } = opened;
    await page.getByLabel('Token').fill('a-token');
    await page.getByRole('button', { name: 'Done' }).click();
    await ask(page, 'Hi');
    await page.locator('#messages').getByText('Hello!').waitFor();
    expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain('a-token');
  });

  test('streams over a WebSocket if that is chosen', async () => {
    await using stage = await browserStage(['Hello!']);
    await using opened = await open(stage.url);
    const { page, problems } = opened;
    const sockets: string[] = [];
    page.on('websocket', (socket) => sockets.push(socket.url()));
    await page.getByRole('button', { name: 'Options' }).click();
    await page.getByLabel('Connection').selectOption('socket');
    await page.getByRole('button', { name: 'Done' }).click();
    await ask(page, 'Hi');
    await page.locator('#messages').getByText('Hello!').waitFor();
    await ended(page);
    expect(sockets).toEqual([expect.stringContaining('/ws?format=sluice')]);
    expect(problems).toEqual([]);
  });
});
