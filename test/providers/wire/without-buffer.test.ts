import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';

import { base64OfBytes, bytesOfBase64 } from '../../../providers/wire/index.ts';
import { Utf8Reader } from '../../../providers/wire/reply/utf8.ts';

afterEach(() => vi.unstubAllGlobals());

/** What a function returns in a runtime that has no `Buffer`, such as a Worker. */
function withoutBuffer<T>(make: () => T): T {
  vi.stubGlobal('Buffer', undefined);
  try {
    return make();
  } finally {
    vi.unstubAllGlobals();
  }
}

const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 });

test('without Buffer, base64 has the same characters and the same bytes', () => {
  fc.assert(
    fc.property(pieces, (parts) => {
      const text = Buffer.concat(parts).toString('base64');
      expect(base64OfBytes(parts)).toBe(text);
      expect(withoutBuffer(() => base64OfBytes(parts))).toBe(text);
      expect([...withoutBuffer(() => bytesOfBase64(text))]).toEqual(parts.flatMap((part) => [...part]));
    }),
  );
});

test.each([
  ['more than one step of bytes', 'x'.repeat(50_000)],
  ['the alphabet of addresses', '-_-_'],
  ['no padding', 'aGk'],
  ['line ends', 'aG\r\nk='],
  ['a character too many', 'aGkhx'],
  ['nothing', ''],
])('without Buffer, base64 with %s is decoded the same', (_what, text) => {
  const bytes = withoutBuffer(() => bytesOfBase64(text));
  expect([...bytes]).toEqual([...Buffer.from(text, 'base64')]);
  expect(withoutBuffer(() => base64OfBytes([bytes]))).toBe(Buffer.from(bytes).toString('base64'));
});

test('without Buffer, text is decoded the same: a byte order mark, cut characters, invalid bytes', () => {
  const piece = fc.oneof(
    fc.constant(Uint8Array.from([0xef, 0xbb, 0xbf])),
    fc.string({ unit: 'binary', maxLength: 5 }).map((text) => new TextEncoder().encode(text)),
    fc.uint8Array({ maxLength: 3 }),
  );
  function read(parts: readonly Uint8Array[]): [string, number][] {
    const reader = new Utf8Reader();
    return parts.map((part) => [reader.read(part), reader.badLine]);
  }
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (parts) => {
      expect(withoutBuffer(() => read(parts))).toEqual(read(parts));
    }),
  );
});
