import { expect, test, vi } from 'vitest';
import { chat, run } from './support.ts';

// As where the optional package is not installed.
vi.mock('gpt-tokenizer/encoding/o200k_base', () => {
  throw Object.assign(new Error("Cannot find package 'gpt-tokenizer'"), { code: 'ERR_MODULE_NOT_FOUND' });
});

test('without the package the heuristic counts, and says so', async () => {
  const { cuts } = await run(chat(3), { maxTokens: 120, counter: undefined });
  expect(cuts).toMatchObject([{ counter: 'heuristic', tokens: 120 }]);
});

test('asked for by name, its absence is an error that says the mend', async () => {
  await expect(run(chat(3), { maxTokens: 120, counter: 'tokenizer' })).rejects.toMatchObject({
    code: 'invalid_options',
    message: expect.stringContaining('npm install gpt-tokenizer'),
  });
});
