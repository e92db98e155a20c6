import { describe, expect, test } from 'vitest';
import { browserForTests, hasChromium } from './browser.ts';
import { browserStage } from './stage.ts';

/** Blocks whose ends decide what they are, or that lines after them change. */
const TEXT = `# Title

A paragraph
that becomes a heading
===

| a | b |
| - | - |
| 1 | 2 |

- one

- two
  1. nested

     text of two
- three

    code that is indented

\`\`\`js
const x = '\`\`';

# no heading
\`\`\`

> quoted
goes on

<b>markup</b> *open **both* end**

***

last line\r\nof all  \r\n\r\n\`\`\`\nnever closed\n`;
const LONG = Array.from(
  { length: 120 },
  (_, i) => `## Part ${i}\n\n${'Some *words*. '.repeat(20)}\n\n- a\n- b`,
).join('\n\n');

describe.skipIf(!hasChromium())('markdown that grows', () => {
  const open = browserForTests();
  const call = async (
    work: (page: { ask<T>(name: string, ...args: unknown[]): Promise<T> }) => Promise<void>,
  ) => {
    await using stage = await browserStage(['Hi'], {}, 'markdown');
    await using opened = await open(`${stage.url}/test`);
    const { page } = opened;
    await page.waitForFunction(() => 'grown' in globalThis);
    await work({
      ask: (name, ...args) =>
        page.evaluate(({ name, args }) => Reflect.apply(Reflect.get(globalThis, name), undefined, args), {
          name,
          args,
        }),
    });
  };

  test('becomes the same however it is cut', async () => {
    await call(async ({ ask }) => {
      const whole = await ask<string>('grown', TEXT, TEXT.length);
      expect(whole).toContain('<h3 dir="auto">A paragraph');
      for (const size of [1, 2, 3, 7, 40])
        expect(await ask('grown', TEXT, size), `pieces of ${size}`).toBe(whole);
      expect(await ask('grown', LONG, 1_000)).toBe(await ask('grown', LONG, LONG.length));
    });
  });

  test('is made in steps if there is no time for all of it', async () => {
    await call(async ({ ask }) => {
      const { html, counts } = await ask<{ html: string; counts: number[] }>('stepped', LONG);
      expect(html).toBe(await ask('grown', LONG, LONG.length));
      expect(Math.max(...counts.map((count, at) => count - (counts[at - 1] ?? 0)))).toBe(1);
    });
  });

  test('keeps what it has made, also if its end becomes something else', async () => {
    await call(async ({ ask }) => {
      expect(
        await ask('kept', 'one\n\ntwo\n\nthree\n\nfour', 'one\n\ntwo\n\nthree\n\nfour\n===\n\nfive'),
      ).toBe(3);
      expect(await ask('kept', 'one\n\ntwo\n\nthree', 'one\n\nanother')).toBe(1);
    });
  });

  test('finds an address whose name was used before', async () => {
    await call(async ({ ask }) => {
      const text = 'See [the page][1].\n\nMore.\n\nAnd more.\n\n[1]: https://example.com/\n\nEnd.';
      for (const size of [4, text.length])
        expect(await ask('grown', text, size)).toContain('See <a href="https://example.com/"');
    });
  });
});
