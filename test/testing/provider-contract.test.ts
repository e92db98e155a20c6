import { describe, expect, it } from 'vitest';

import { providerCases, providerContract, scripted } from '../../testing/index.ts';
import { brokenProviders, sound } from './broken-providers.ts';

const options = {
  name: 'one',
  wire: 'openai-chat',
  unsupported: { reasoning: { budgetTokens: 2_000 } },
} as const;

const sane = providerCases({ ...options, make: sound }).map(({ name }) => name);

describe('the contract of a provider', () => {
  for (const [name, make] of Object.entries(brokenProviders)) {
    it(`fails if it breaks "${name}"`, async () => {
      const cases = providerCases({ ...options, make, timeoutMs: 800 });
      await expect(cases.find((one) => one.name === name)?.run()).rejects.toThrow();
    });
  }

  it('has a broken provider for each case', () => {
    expect(Object.keys(brokenProviders).sort()).toEqual([...sane].sort());
  });

  it('has no wire cases for a provider without a wire, and only the scenes that it can play', () => {
    const embedded = providerCases({ name: 'embedded', make: () => scripted('Hello there') });
    const names = embedded.map(({ name }) => name);
    expect(names.filter((name) => !sane.includes(name))).toEqual([]);
    expect(names.filter((name) => /status|connection|tool|thinks|unsupported/.test(name))).toEqual([]);
    expect(names).toContain('streams text in pieces and ends with a reply');
  });

  it('starts the name of each test with the name of the suite if there is no describe', () => {
    const names: string[] = [];
    providerContract({ ...options, make: sound, test: (name) => names.push(name) });
    expect(names[0]).toBe(
      'one keeps the contract of a provider: streams text in pieces and ends with a reply',
    );
  });
});
