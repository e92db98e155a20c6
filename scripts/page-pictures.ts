/**
 * Takes the pictures of the page in `docs/pictures`: `node scripts/page-pictures.ts [folder]`. They show the fonts of the system that runs it.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import type { Page } from 'playwright-core';
import * as z from 'zod';
import { provider } from '../middleware/provider.ts';
import { retry } from '../middleware/retry.ts';
import { tool, tools } from '../middleware/tools.ts';
import { createServer } from '../server/index.ts';
import { Pipeline, SluiceError } from '../src/index.ts';
import { scripted } from '../testing/index.ts';
import { root } from './entry-points.ts';

const CHROMIUM = process.env['SLUICE_CHROMIUM'] ?? '/usr/bin/chromium';
const folder = process.argv[2] ?? `${root}docs/pictures`;

/** The pace of a model: what comes first takes longer. */
const gate = (event: number): Promise<void> => wait(event === 0 ? 420 : 28);

const THOUGHT =
  'The interest is compounded once a year, so the balance after n years is P × (1 + r)^n. I take the calculator for it, and then take off what was paid in.';
const REPLY = `The interest after 8 years is **$1,584.05**, on a balance of **$6,584.05**.

| Year | Balance | Interest so far |
| ---: | ---: | ---: |
| 1 | $5,175.00 | $175.00 |
| 4 | $5,737.62 | $737.62 |
| 8 | $6,584.05 | $1,584.05 |

\`\`\`python
def interest(paid: float, rate: float, years: int) -> float:
    return paid * (1 + rate) ** years - paid  # once a year
\`\`\``;

const calculate = tool({
  name: 'calculate',
  description: 'Calculates',
  input: z.object({ expression: z.string() }),
  execute: () => wait(260, { value: 1584.05 }),
});
const refund = tool({
  name: 'refund',
  description: 'Pays money back',
  input: z.object({ order: z.string(), amount: z.number() }),
  needsApproval: () => ({ reason: 'More than 50 dollars' }),
  execute: () => 'Paid',
});
const model = scripted(
  [
    { error: new SluiceError('overloaded', 'Busy.'), gate: () => wait(180) },
    {
      thinking: THOUGHT,
      toolCalls: [{ name: 'calculate', arguments: { expression: '5000 * 1.035 ^ 8 - 5000' } }],
      gate,
    },
    { text: REPLY, gate, usage: { inputTokens: 412, outputTokens: 268 } },
    {
      text: 'I can refund the order. I need your approval for that.',
      toolCalls: [{ name: 'refund', arguments: { order: 'A-1042', amount: 80 } }],
      gate,
    },
  ],
  { name: 'scripted', model: 'scripted-1' },
);
const pipeline = new Pipeline([retry(), tools([calculate, refund]), provider(model)]);
const server = createServer(pipeline, { auth: false, debug: true, name: 'Support assistant' });
const listening = await server.listen({ port: 0, shutdownTimeoutMs: 0 });
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });

const ask = async (page: Page, text: string, state: string): Promise<void> => {
  await page.getByLabel('Prompt').fill(text);
  await page.keyboard.press('Enter');
  await page.locator('#state[data-state=sending]').waitFor();
  await page.locator(`#state[data-state=${state}]`).waitFor();
};

const desk = await browser.newPage({ viewport: { width: 1280, height: 800 } });
await desk.goto(listening.url);
await ask(desk, 'Calculate the compound interest for $5000 at 3.5% annual rate for 8 years', 'ready');
await desk.locator('#prompt').blur();
await desk.screenshot({ path: `${folder}/page.png` });

const phone = await browser.newPage({
  viewport: { width: 390, height: 760 },
  colorScheme: 'dark',
  isMobile: true,
  hasTouch: true,
});
await phone.goto(listening.url);
await ask(phone, 'The cup arrived broken. I want my money back.', 'waiting');
await phone.locator('#prompt').blur();
await phone.screenshot({ path: `${folder}/page-phone.png` });

await browser.close();
await listening.close();
await pipeline.shutdown();
