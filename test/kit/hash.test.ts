import * as fc from 'fast-check';
import { hashOf } from 'sluice/kit';
import { expect, test } from 'vitest';

test('a hash is the same in each process, and short', () => {
  // The vectors of FNV-1a with 64 bits, in base 36.
  expect(hashOf('')).toBe(0xcbf29ce484222325n.toString(36));
  expect(hashOf('a')).toBe(0xaf63dc4c8601ec8cn.toString(36));
  expect(hashOf('foobar')).toBe(0x85944171f73967e8n.toString(36));
});

test('it has letters and digits only, and another text has another one', () => {
  const seen = new Map<string, string>();
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const hash = hashOf(text);
      expect(hash).toMatch(/^[0-9a-z]{1,13}$/);
      expect(seen.get(hash) ?? text).toBe(text);
      seen.set(hash, text);
    }),
  );
});
