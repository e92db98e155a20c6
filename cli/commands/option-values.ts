import { InvalidArgumentError } from 'commander';

/** The value of an option that has to say something. */
export function filled(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('Give a text that is not empty.');
  return value;
}

/** The value of an option that counts something: digits alone, since `1e3` or `0x10` is more likely a mistake. */
export function positive(value: string): number {
  const count = /^\d+$/.test(value) ? Number(value) : 0;
  if (!Number.isSafeInteger(count) || count < 1)
    throw new InvalidArgumentError('Give a whole number of at least 1.');
  return count;
}
