import { calculate } from 'sluice/providers/demo';
import { describe, expect, test } from 'vitest';

describe('calculate', () => {
  test.each([
    ['12*37', 444],
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['2 ^ 3 ^ 2', 512],
    ['-2 ^ 2', -4],
    ['2 ^ -1', 0.5],
    ['10 - 4 - 3', 3],
    ['7 % 4', 3],
    ['0.1 + 0.2', 0.3],
    ['.5*4', 2],
  ])('%s is %d', (expression, value) => {
    expect(calculate(expression)).toBe(value);
  });

  test.each([
    ['', 'the expression ends too early'],
    ['2 *', 'the expression ends too early'],
    ['1 / 0', 'the result is not a finite number'],
    ['(1 + 2', 'a parenthesis is not closed'],
    ['1 2', 'there is something after the expression'],
    ['process.exit(1)', '"p" is not a number'],
    ['1 constructor 2', 'there is something after the expression'],
    ['1+'.repeat(1_001), 'an expression has at most 2000 characters'],
    ['('.repeat(2_000), 'the expression ends too early'],
  ])('%j is refused', (expression, message) => {
    expect(() => calculate(expression)).toThrow(message);
  });
});
