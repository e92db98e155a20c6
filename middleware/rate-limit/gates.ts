import { Gate, type GateSettings } from './gate.ts';
import type { Budgets } from './reservation.ts';

/** The gates of all keys. A gate that holds nothing is dropped, so only keys in use take memory. */
export class Gates {
  readonly #budgets: Budgets;
  readonly #settings: GateSettings;
  readonly #gates = new Map<string, Gate>();
  #sweepAt = 1_000;

  constructor(budgets: Budgets, settings: GateSettings) {
    this.#budgets = budgets;
    this.#settings = settings;
  }

  /** How many keys it knows. */
  get size(): number {
    return this.#gates.size;
  }

  /** The gate of a key. */
  of(key: string): Gate {
    const known = this.#gates.get(key);
    if (known !== undefined) return known;
    if (this.#gates.size >= this.#sweepAt) this.#sweep();
    const gate = new Gate(key, this.#budgets, this.#settings, (idle) => {
      if (this.#gates.get(key) === idle) this.#gates.delete(key);
    });
    this.#gates.set(key, gate);
    return gate;
  }

  /** Drops gates that only remembered a provider's limits. Runs each time the number of gates has doubled. */
  #sweep(): void {
    for (const [key, gate] of this.#gates) if (gate.idle) this.#gates.delete(key);
    this.#sweepAt = Math.max(1_000, this.#gates.size * 2);
  }
}
