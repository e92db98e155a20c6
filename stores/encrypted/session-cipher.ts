import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';

import { SluiceError, sessionName } from '../../src/index.ts';
import type { MasterKey } from './keyring.ts';

const ALGORITHM = 'aes-256-gcm';
/** NIST SP 800-38D: 96 random bits, for up to 2^32 texts a key; each session has its own. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The beginning of each encrypted text: what it is, and the version of its format. */
const MARK = 'sluice-sealed-1';

/** What an encrypted text belongs to. It cannot be decrypted anywhere else. */
export type About = readonly (string | number)[];

/** Encrypts and decrypts the texts of one session. */
export class SessionCipher {
  readonly #place: { readonly owner: string; readonly id: string };
  readonly #keys: readonly MasterKey[];

  /** `keys`: the current one first. */
  constructor(keys: readonly MasterKey[], place: { readonly owner: string; readonly id: string }) {
    this.#keys = keys;
    this.#place = place;
  }

  /** Encrypts a text with the current key. */
  seal(text: string, about: About): string {
    const [key] = this.#keys;
    if (key === undefined) throw new TypeError('There is no key.');
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#derived(key, 'content'), nonce);
    cipher.setAAD(this.#associated(about));
    const sealed = [nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()];
    return [MARK, key.id, Buffer.concat(sealed).toString('base64url')].join('.');
  }

  /** Reverses {@link seal}. Throws `store`, not retryable. `row` says where the text was read. */
  open(sealed: unknown, about: About, row: string): string {
    const [mark, keyId, data, ...rest] = typeof sealed === 'string' ? sealed.split('.') : [];
    if (mark !== MARK || data === undefined || rest.length > 0) throw this.fault(row, 'is not encrypted');
    const key = this.#keys.find(({ id }) => id === keyId);
    if (key === undefined) throw this.fault(row, 'was encrypted with another key');
    try {
      const bytes = Buffer.from(data, 'base64url');
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const decipher = createDecipheriv(ALGORITHM, this.#derived(key, 'content'), nonce, {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(this.#associated(about));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      return (
        decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
      );
    } catch {
      throw this.fault(row, 'is not as it was encrypted, or not in the place it was encrypted for');
    }
  }

  /** The aliases of a name, which are always the same: first under the current key, then under the earlier ones. */
  aliases(name: string): string[] {
    return this.#keys.map((key) =>
      createHmac('sha256', this.#derived(key, 'names')).update(name).digest('base64url'),
    );
  }

  /** The error for data that cannot be read. */
  fault(row: string, why: string): Error {
    const message = `The ${sessionName(this.#place)} cannot be read: its ${row} ${why}.`;
    return new SluiceError('store', message, { retryable: false });
  }

  #derived(key: MasterKey, purpose: string): Buffer {
    return key.derived(purpose, this.#place.owner, this.#place.id);
  }

  #associated(about: About): Buffer {
    return Buffer.from(JSON.stringify([this.#place.owner, this.#place.id, ...about]));
  }
}
