import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { Pipeline } from 'sluice';
import type { ExecutionResult } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { tool, tools } from 'sluice/middleware/tools';
import { calculate, demo } from 'sluice/providers/demo';

const calculator = tool({
  name: 'calculator',
  description: 'Calculates',
  input: z.object({ expression: z.string() }),
  execute: ({ expression }) => calculate(expression),
});

function ask(prompt: string): Promise<ExecutionResult> {
  return new Pipeline([tools([calculator]), provider(demo({ wordDelayMs: 0 }))]).execute('user', prompt);
}

describe('the example prompts of the page', () => {
  test('an explanation is content', async () => {
    const { response } = await ask('Explain how photosynthesis works');
    expect(response.content).toContain('chloroplasts');
    expect(response).toMatchObject({ thinking: '', toolCalls: [] });
  });

  test('a problem is thought through before it is answered', async () => {
    const { response } = await ask(
      'Think through this step by step: If I have 20 apples and give away 3/4 of them, then buy twice as many as I gave away, how many apples do I have?',
    );
    expect(response.thinking).toContain('20 - 15 = 5');
    expect(response.content).toContain('35 apples');
    expect(response.toolCalls).toEqual([]);
  });

  test('a calculation is a call of a tool, and its result', async () => {
    const { response } = await ask(
      'Calculate the compound interest for $5000 at 3.5% annual rate for 8 years',
    );
    expect(response.toolCalls).toMatchObject([
      { name: 'calculator', arguments: { expression: '5000 * (1 + 3.5 / 100) ^ 8 - 5000' } },
    ]);
    expect(response.content).toContain('1584.0451');
  });
});

test('other numbers have other answers', async () => {
  const { response } = await ask(
    'I have 8 pears and give away 1/2 of them, then buy three times as many as I gave away. How many?',
  );
  expect(response.content).toContain('16 pears');
});
