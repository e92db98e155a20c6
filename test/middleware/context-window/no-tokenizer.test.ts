import { expect, test, vi } from 'vitest';
import { chat, run } from './support.ts';

// As if the optional package were not installed.
vi.mock('gpt-tokenizer/encoding/o200k_base', () => {
  throw Object.assign(new Error("Cannot find package 'gpt-tokenizer'"), { code: 'ERR_MODULE_NOT_FOUND' });
});

test('without the package the heuristic counts, and says so', async () => {
  const { cuts } = await run(chat(3), { maxTokens: 120, counter: undefined });
  expect(cuts).toMatchObject([{ counter: 'heuristic', tokens: 120 }]);
});

test('if it is asked for by name and missing, the error says what to install', async () => {
  await expect(run(chat(3), { maxTokens: 120, counter: 'tokenizer' })).rejects.toMatchObject({
    code: 'invalid_options',
    message: expect.stringContaining('npm install gpt-tokenizer'),
  });
});
