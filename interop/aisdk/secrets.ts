import { isRecord } from '../../providers/wire/index.ts';
import type { AISDKModel } from './model.ts';

/** Headers that hold keys. */
const SECRET_HEADER = /auth|key|token|secret|cookie/i;

/**
 * The keys in the headers that a model sends, as far as it shows them: the packages keep them in `config.headers`. They are read only to keep
 * them out of messages.
 */
export function secretsOf(model: AISDKModel): string[] {
  try {
    const config: unknown = Reflect.get(model, 'config');
    const headers: unknown = isRecord(config) ? config['headers'] : undefined;
    const given: unknown = typeof headers === 'function' ? Reflect.apply(headers, config, []) : headers;
    if (!isRecord(given)) return [];
    return Object.entries(given)
      .filter(([name]) => SECRET_HEADER.test(name))
      .flatMap(([, value]) => (typeof value === 'string' ? value.split(/\s+/) : []))
      .filter((value) => value.length >= 8);
  } catch {
    // A model without a key says so when it is called.
    return [];
  }
}
