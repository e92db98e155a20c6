import { SluiceError } from '../../../src/index.ts';

/** Reports a part of a request that the API cannot take. Throws `invalid_request` if the request or the provider is strict. */
export type Unsupported = (message: string) => void;

/** Makes the reporter for one request. A warning with the same text is given once. */
export function unsupportedReporter(
  provider: string,
  strict: boolean,
  warn: (message: string) => void,
): Unsupported {
  const reported = new Set<string>();
  return function unsupported(message) {
    const whole = `${provider}: ${message}`;
    if (strict) throw new SluiceError('invalid_request', whole, { provider });
    if (reported.has(whole)) return;
    reported.add(whole);
    warn(whole);
  };
}
