import { createHmac } from 'node:crypto';

import * as z from 'zod';

/** Keys of 32 bytes each, for changing from one key to another. */
export interface Keyring {
  /** Encrypts everything that is stored from now on. */
  current: Uint8Array;
  /** Earlier keys, which stored data may still be encrypted with. Default: none. */
  previous?: Uint8Array | readonly Uint8Array[] | undefined;
}

/** 32 bytes, as `randomBytes(32)` makes them, or a ring of such keys. */
export type EncryptionKey = Uint8Array | Keyring;

const KEY_BYTES = 32;

const keySchema = z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === KEY_BYTES);

/** An {@link EncryptionKey}, as a list whose first is the current one. */
export const keysSchema = z
  .union(
    [
      keySchema.transform((current) => [current]),
      z
        .strictObject({ current: keySchema, previous: z.union([keySchema, z.array(keySchema)]).default([]) })
        .transform(({ current, previous }) => [
          current,
          ...(Array.isArray(previous) ? previous : [previous]),
        ]),
    ],
    { error: ({ input }) => mendOf(input) },
  )
  .transform((keys) => keys.map((bytes) => new MasterKey(bytes)));

function mendOf(input: unknown): string {
  const found = input instanceof Uint8Array ? `it has ${input.length} bytes; ` : '';
  return `${found}give ${KEY_BYTES} bytes, such as randomBytes(${KEY_BYTES}) or Buffer.from(text, 'base64'), or { current, previous } of such`;
}

/** One of the user's keys. It does not encrypt data itself: each session has its own keys, derived from it. */
export class MasterKey {
  /** Identifies the key. It is stored with everything that the key was used for. */
  readonly id: string;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    // A copy, because the caller may wipe its own.
    this.#bytes = Uint8Array.from(bytes);
    this.id = this.derived('id').subarray(0, 6).toString('base64url');
  }

  /** 32 bytes for one purpose. HMAC-SHA-256 as a derivation of keys (NIST SP 800-108, with what it is for as its one block). */
  derived(...purpose: readonly string[]): Buffer {
    return createHmac('sha256', this.#bytes)
      .update(JSON.stringify(['sluice', ...purpose]))
      .digest();
  }
}
