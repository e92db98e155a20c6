import { vi } from 'vitest';

/** Makes a store or a log one of whose methods is slow: the clock has moved on by a second when it begins. To be ended by `vi.restoreAllMocks()`. */
export function slowIn<T extends object>(method: keyof T, make: () => T): T {
  const now = Date.now.bind(Date);
  let waited = 0;
  vi.spyOn(Date, 'now').mockImplementation(() => now() + waited);
  return new Proxy(make(), {
    get(of, name) {
      if (name === method) waited += 1_000;
      const member: unknown = Reflect.get(of, name, of);
      return typeof member === 'function' ? member.bind(of) : member;
    },
  });
}
