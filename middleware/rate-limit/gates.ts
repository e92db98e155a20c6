import { Gate, type GateSettings } from './gate.ts';
import { Budgets, type Limits } from './reservation.ts';

/** The gates of all keys. A gate that holds nothing is dropped, so only keys in use take memory. */
export class Gates {
  readonly #limits: Limits;
  readonly #settings: GateSettings;
  readonly #gates = new Map<string, Gate>();
  #sweepAt = 1_000;

  constructor(limits: Limits, settings: GateSettings) {
    this.#limits = limits;
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
    const gate = new Gate(new Budgets(key, this.#limits), this.#settings, (idle) => {
      if (this.#gates.get(key) === idle) this.#gates.delete(key);
    });
    this.#gates.set(key, gate);
    return gate;
  }

  /** Drops gates that nobody has used in the last minute and that remember no limits of a provider. Runs each time the number of gates has doubled. */
  #sweep(): void {
    for (const [key, gate] of this.#gates) if (gate.idle) this.#gates.delete(key);
    this.#sweepAt = Math.max(1_000, this.#gates.size * 2);
  }
}
