import { expect, test } from 'vitest';
import { filled, positive } from '../../cli/commands/option-values.ts';

test.each(['1', '4096', '007'])('--max-tokens %s is taken', (count) => {
  expect(positive(count)).toBe(Number(count));
});

test.each(['', ' ', '0', '-5', '+5', '1e3', '0x10', '2.0', ' 5', '5 tokens', 'Infinity', '9'.repeat(20)])(
  '--max-tokens %o is refused',
  (count) => {
    expect(() => positive(count)).toThrow('Give a whole number of at least 1.');
  },
);

test.each(['', ' ', '\n'])('a text that has to say something is refused if it is %o', (text) => {
  expect(() => filled(text)).toThrow('Give a text that is not empty.');
  expect(filled(` ${text}x`)).toBe(` ${text}x`);
});
