import { Pipeline, SluiceError, type Message, type ModelRequest } from 'sluice';
import { constant, estimateInputTokens } from 'sluice/kit';
import { contextWindow, type TokenCounter, type WindowCut } from 'sluice/middleware/context-window';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, test, vi } from 'vitest';
import { chat, run, short, user } from './support.ts';

const CHINESE = '人工智能是计算机科学的一个分支。';

/** What the tokenizer was asked to count. */
const asked = vi.hoisted((): string[] => []);
vi.mock('gpt-tokenizer/encoding/o200k_base', async (original) => {
  const real = await original<typeof import('gpt-tokenizer/encoding/o200k_base')>();
  const watched: typeof real.countTokens = (text, options) => {
    if (typeof text === 'string') asked.push(text);
    return real.countTokens(text, options);
  };
  return { ...real, countTokens: watched };
});

describe('the tokenizer', () => {
  test('counts if it is installed and no counter is given', async () => {
    const text = 'The quick brown fox jumps over the lazy dog. ';
    const tokens = 4 + countTokens(text);
    const { cuts } = await run([...chat(4), { role: 'assistant', content: 'so' }, user(text)], {
      maxTokens: tokens + 60,
      counter: undefined,
    });
    expect(cuts).toMatchObject([{ counter: 'gpt-tokenizer' }]);
    const alone = (maxTokens: number): Promise<unknown> =>
      run([user(text)], { maxTokens, counter: 'tokenizer' });
    await alone(tokens);
    await expect(alone(tokens - 1)).rejects.toMatchObject({
      code: 'context_length',
      message: expect.stringContaining('counted by gpt-tokenizer'),
    });
  });

  test('counts text that looks like a special token as text', async () => {
    const { result } = await run([user('Say <|endoftext|> and <|im_start|>')], {
      maxTokens: 100,
      counter: 'tokenizer',
    });
    expect(result.response.content).toBe('ok');
  });

  test.each([
    ['Chinese', CHINESE.repeat(4_000)],
    ['one letter', 'a'.repeat(60_000)],
    ['spaces', ' '.repeat(60_000)],
    ['emoji', '👨‍👩‍👧‍👦'.repeat(6_000)],
  ])('is given no long run to chew on, for which its time grows with the square: %s', async (_, text) => {
    asked.length = 0;
    await run([user(text)], { maxTokens: 200_000, counter: 'tokenizer' });
    expect(asked.join('')).toBe(text);
    expect(asked.filter((piece) => /\S{129}|\s{129}/.test(piece))).toEqual([]);
  });

  test('counts a split text almost like the whole one', async () => {
    const text = `${CHINESE.repeat(20)} and ${'x'.repeat(300)} and some words`;
    const exact = countTokens(text);
    let counted = 0;
    await run([user('a'), { role: 'assistant', content: 'b' }, user(text)], {
      maxTokens: exact + 12,
      counter: 'tokenizer',
      onCut: ({ tokens }) => (counted = tokens),
    });
    expect(counted - 4).toBeGreaterThanOrEqual(exact);
    expect(counted - 4).toBeLessThanOrEqual(exact + 6);
  });
});

describe('the heuristic', () => {
  test.each([
    [
      'English',
      'The river winds through the valley and reaches the sea after many miles of meadows.',
      0.9,
      1.3,
    ],
    ['Chinese', CHINESE.repeat(3), 0.8, 1.3],
    ['Russian', 'Искусственный интеллект выполняет творческие функции человека.', 0.9, 3],
    ['code', 'export function add(a: number, b: number): number {\n  return a + b;\n}\n', 0.7, 1.3],
  ])('is near the tokenizer for %s', (_, text, least, most) => {
    const share = (estimateInputTokens({ messages: [user(text)], parameters: {} }) - 4) / countTokens(text);
    expect(share).toBeGreaterThan(least);
    expect(share).toBeLessThan(most);
  });
});

describe('a counter of the caller or the provider', () => {
  /** Counts half again of what the heuristic says, and keeps what it was asked. */
  function counting(factor = 1.5): { counter: TokenCounter; asked: ModelRequest[] } {
    const asked: ModelRequest[] = [];
    return {
      asked,
      counter: async (request) => {
        asked.push(request);
        return estimateInputTokens(request) * factor;
      },
    };
  }

  test('decides what fits, and is called rarely', async () => {
    const messages = chat(100);
    const { counter, asked } = counting();
    const { sent, cuts } = await run(messages, { maxTokens: 1_000, counter }, 'ok', {
      execution: { tools: [{ name: 'now', parameters: {} }], model: 'm' },
    });
    // 13 turns of 48, the question of 24 and the tools, half again.
    expect(sent).toHaveLength(13 * 2 + 1);
    expect(cuts).toMatchObject([{ counter: 'function', tokens: expect.any(Number), keptTurns: 14 }]);
    expect(cuts[0]?.tokens).toBeLessThanOrEqual(1_000);
    expect(asked.length).toBeLessThanOrEqual(3);
    expect(asked[0]).toMatchObject({ model: 'm', tools: [{ name: 'now' }] });
    // Of a long history it is not shown what cannot fit.
    expect(asked[0]?.messages.length).toBeLessThan(messages.length);
  });

  test.each([0.4, 1, 3])('that returns %d times the estimate still finds what fits', async (factor) => {
    const { counter } = counting(factor);
    const { cuts } = await run(chat(100), { maxTokens: 1_200, counter });
    expect(cuts[0]?.tokens).toBeLessThanOrEqual(1_200);
    expect(cuts[0]?.tokens).toBeGreaterThan(1_200 - 2 * 48 * factor);
  });

  test('everything that fits by its count is sent, even if the estimate is higher', async () => {
    const { counter } = counting(0.4);
    const messages = chat(40);
    expect((await run(messages, { maxTokens: 800, counter })).cuts).toEqual([]);
  });

  test('also leaves room for the summary', async () => {
    const { counter } = counting(2);
    const model = scripted(({ messages }) => (messages[0]?.role === 'system' ? 'sum' : 'ok'), {
      repeat: true,
    });
    const cuts: WindowCut[] = [];
    const window = contextWindow({
      maxTokens: 1_200,
      strategy: 'summarize',
      counter,
      onCut: (cut) => cuts.push(cut),
    });
    await new Pipeline([window, provider(model)]).execute(chat(30));
    expect(cuts).toMatchObject([{ summary: 'made' }]);
    expect(cuts[0]?.tokens).toBeLessThan(700);
    expect(model.requests[1]?.messages.slice(0, 2).map(short)).toEqual([
      'u:Summarize our conversation so far',
      'a:sum',
    ]);
  });

  test('a provider counts with countTokens() and under its name', async () => {
    const model = {
      ...scripted('ok'),
      name: 'acme',
      tokens: 7,
      countTokens(request: ModelRequest) {
        return Promise.resolve(request.messages.length * this.tokens);
      },
    };
    const cuts: WindowCut[] = [];
    const window = contextWindow({
      maxTokens: 30,
      strategy: 'drop-oldest',
      counter: model,
      onCut: (cut) => cuts.push(cut),
    });
    await new Pipeline([window, provider(model)]).execute(chat(4));
    expect(cuts).toMatchObject([{ counter: 'acme', tokens: 21, keptTurns: 2 }]);
  });

  test('if it fails, the turn does not: tokens are estimated, with a warning', async () => {
    const counter: TokenCounter = () => Promise.reject(new SluiceError('rate_limited', 'Slow down.'));
    const { sent, result } = await run(chat(3), { maxTokens: 100, counter });
    expect(sent.length).toBeLessThan(7);
    expect(result.warnings).toEqual([
      'contextWindow: the counter "function" failed (rate_limited), so tokens were estimated.',
    ]);
  });

  test('one that does not answer is waited for 10 seconds, each time, and then tokens are estimated', async () => {
    vi.useFakeTimers();
    try {
      const counter: TokenCounter = () => new Promise<never>(() => undefined);
      const running = run([user('Hi')], { maxTokens: 100, counter });
      let over = false;
      void running.then(() => (over = true));
      await vi.advanceTimersByTimeAsync(9_999);
      expect(over).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      const { sent, result } = await running;
      expect([sent, result.warnings]).toEqual([
        ['u:Hi'],
        ['contextWindow: the counter "function" failed (timeout), so tokens were estimated.'],
      ]);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test('one that returns no number is an invalid option', async () => {
    for (const wrong of [NaN, -1, Infinity])
      await expect(run(chat(3), { maxTokens: 100, counter: () => wrong })).rejects.toMatchObject({
        code: 'invalid_options',
      });
  });

  test('ends with the execution', async () => {
    const controller = new AbortController();
    const messages: Message[] = chat(3);
    const counter: TokenCounter = (_request, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
        controller.abort();
      });
    await expect(
      run(messages, { maxTokens: 100, counter }, 'ok', { execution: { signal: controller.signal } }),
    ).rejects.toMatchObject({ code: 'aborted' });
  });

  test('is called once for a request that is retried', async () => {
    const { counter, asked } = counting();
    const busy = { error: new SluiceError('overloaded', 'Busy.'), after: 0 } as const;
    const { retry } = await import('sluice/middleware');
    await run(chat(3), { maxTokens: 999, counter }, [busy, busy, 'ok'], {
      above: [retry({ backoff: constant(0) })],
    });
    expect(asked).toHaveLength(1);
  });
});
