import { SluiceError, kindOf } from './errors.ts';

/** A typed key for values of the context or the session. Two keys with the same name are different keys. */
export interface ContextKey<T> {
  readonly name: string;
  /** Makes an entry for the option `values`: `values: [Tenant.with('acme')]`. */
  with(value: T): ContextEntry;
}

/** A key and its value. */
export type ContextEntry = readonly [key: ContextKey<unknown>, value: unknown];

/**
 * Creates a key under which middleware share a value of type `T` within one execution.
 *
 * @example
 * const Tenant = contextKey<string>('tenant');
 * context.set(Tenant, 'acme'); context.get(Tenant); // string | undefined
 */
export function contextKey<T>(name: string): ContextKey<T> {
  if (typeof name !== 'string')
    throw new SluiceError('invalid_options', `contextKey(): name is ${kindOf(name)}: give a string.`);
  const key: ContextKey<T> = { name, with: (value) => [key, value] };
  return key;
}

/** Throws if `key` is not a key, such as a string. `where` names the call that got it, for the message. */
export function checkContextKey(where: string, key: unknown): void {
  if (typeof key === 'object' && key !== null && 'name' in key) return;
  throw new SluiceError(
    'invalid_options',
    `${where}: the key is ${kindOf(key)}: give one made by contextKey(), such as const Tenant = contextKey('tenant').`,
  );
}

function checkEntry(entry: unknown): void {
  const key: unknown = Array.isArray(entry) ? entry[0] : undefined;
  if (typeof key === 'object' && key !== null && 'name' in key) return;
  const found = Array.isArray(entry) ? `whose key is ${kindOf(key)}` : `that is ${kindOf(entry)}`;
  throw new SluiceError(
    'invalid_options',
    `values has an entry ${found}: give entries of keys made by contextKey(), such as [Tenant.with('acme')].`,
  );
}

/** The value of a key that `once()` is making. */
const IN_THE_MAKING = Symbol('in the making');

/** Values under typed keys. */
export class Values {
  readonly #values = new Map<ContextKey<unknown>, unknown>();

  constructor(entries?: Iterable<ContextEntry>) {
    for (const entry of entries ?? []) {
      checkEntry(entry);
      this.#values.set(entry[0], entry[1]);
    }
  }

  get<T>(key: ContextKey<T>): T | undefined;
  get(key: ContextKey<unknown>): unknown {
    checkContextKey('get()', key);
    const value = this.#values.get(key);
    return value === IN_THE_MAKING ? undefined : value;
  }

  set<T>(key: ContextKey<T>, value: T): void {
    checkContextKey('set()', key);
    this.#values.set(key, value);
  }

  /** The value of the key. `make` makes it if there is none. If `make` throws, nothing is kept, and the next call tries again. */
  once<T>(key: ContextKey<T>, make: () => T): T;
  once(key: ContextKey<unknown>, make: () => unknown): unknown {
    checkContextKey('once()', key);
    if (typeof make !== 'function')
      throw new SluiceError('invalid_options', `once(): make is ${kindOf(make)}: give a function.`);
    const known = this.#values.get(key);
    if (known === IN_THE_MAKING) {
      const advice = 'make() must not ask for the value that it makes';
      throw new SluiceError('middleware', `once(): the value of "${key.name}" is being made: ${advice}.`);
    }
    if (known !== undefined || this.#values.has(key)) return known;
    this.#values.set(key, IN_THE_MAKING);
    try {
      const value = make();
      this.#values.set(key, value);
      return value;
    } catch (thrown) {
      if (this.#values.get(key) === IN_THE_MAKING) this.#values.delete(key);
      throw thrown;
    }
  }
}
