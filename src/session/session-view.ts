import type { SessionView } from '../context.ts';
import { SluiceError } from '../errors.ts';
import { checkContextKey } from '../keys.ts';
import type { ContextKey } from '../keys.ts';
import { plainFault } from '../plain-data.ts';
import { sessionKey } from './store/check-key.ts';
import type { SessionKey } from './store/store.ts';

/** The session's values as the middleware of one turn see them. `changes` are the values that they set, which are stored with the turn. */
export function sessionView(
  key: SessionKey,
  metadata: Readonly<Record<string, unknown>>,
): { view: SessionView; changes: Map<string, unknown> } {
  const saved = new Map(Object.entries(metadata));
  const changes = new Map<string, unknown>();
  const { owner, id } = sessionKey(key);
  function get<T>(name: ContextKey<T>): T | undefined;
  function get(name: ContextKey<unknown>): unknown {
    checkContextKey('session.get()', name);
    return saved.get(name.name);
  }
  const view: SessionView = {
    id,
    owner,
    get,
    set: (key, value) => {
      checkContextKey('session.set()', key);
      const { name } = key;
      const fault = plainFault(value);
      if (fault !== undefined) {
        throw new SluiceError(
          'invalid_options',
          `session.set(): ${[name, ...fault].join('.')} cannot be stored: give plain data, as JSON has it.`,
        );
      }
      saved.set(name, value);
      changes.set(name, value);
    },
  };
  return { view, changes };
}
