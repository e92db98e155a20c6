import type { Parameters } from '../../../src/index.ts';

const NONE: Readonly<Record<string, unknown>> = {};

/** The fields that the caller gave for one provider, by its name, in `providerOptions`. */
export function providerOptionsOf(
  { providerOptions }: Parameters,
  provider: string,
): Readonly<Record<string, unknown>> {
  const isGiven = providerOptions !== undefined && Object.hasOwn(providerOptions, provider);
  return isGiven ? (providerOptions[provider] ?? NONE) : NONE;
}
