import { MemoryStore, storedText } from 'sluice';
import type { SessionKey, StateStore } from 'sluice';

/** A store in memory whose data a test can corrupt. */
export class RotStore extends MemoryStore {
  readonly rotten = new Map<string, string>();

  override async load(...given: Parameters<MemoryStore['load']>): ReturnType<MemoryStore['load']> {
    this.#smell(given[0]);
    return super.load(...given);
  }

  override async turn(...given: Parameters<MemoryStore['turn']>): ReturnType<MemoryStore['turn']> {
    this.#smell(given[0]);
    return super.turn(...given);
  }

  override async delete(key: SessionKey): Promise<void> {
    this.rotten.delete(JSON.stringify(key));
    await super.delete(key);
  }

  #smell(key: SessionKey): void {
    const text = this.rotten.get(JSON.stringify(key));
    if (text !== undefined) storedText.messages.read(text, { key, row: 'turn 2' });
  }
}

/** Makes a store that works. */
export function sound(options?: { ttlMs?: number }): RotStore {
  return new RotStore(options);
}

/** Corrupts the data of a store that {@link sound} made. */
export async function corrupt(
  key: { owner: string; id: string },
  text: string,
  store: StateStore,
): Promise<void> {
  if (store instanceof RotStore) store.rotten.set(JSON.stringify(key), text);
}
