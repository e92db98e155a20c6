import { findSluiceError } from '../../src/index.ts';
import type { Logger } from '../../src/index.ts';
import { Timer, exponential } from '../../src/kit/index.ts';
import { SPEND_AGAIN_MS } from './counter.ts';
import type { CallerCounter, Spent } from './counter.ts';

/** How many turns are kept that are not counted yet. Beyond it the oldest are given up. */
const MAX_DEBTS = 10_000;

interface Debt {
  caller: string;
  /** The same in each attempt: a counter counts it once, also if only its answer was lost. */
  id: string;
  spent: Spent;
  /** When it was first given to the counter. */
  sinceMs: number;
}

/** Counts what turns have used. What a counter does not take is kept, and given again until it does, or for a day: a counter knows an id for no longer. */
export class Debts {
  readonly #counter: CallerCounter;
  readonly #log: Logger;
  /** Attempts that run. */
  readonly #pending = new Set<Promise<void>>();
  readonly #kept = new Set<Debt>();
  readonly #waitMs = exponential({ initialMs: 500, maxMs: 10_000, jitter: 'equal' });
  // A process that has nothing else to do may end: closing its server tries once more.
  readonly #timer = new Timer(() => this.#again(), { keepAlive: false });
  #failures = 0;

  constructor(counter: CallerCounter, log: Logger) {
    this.#counter = counter;
    this.#log = log;
  }

  /** Counts what a turn has used, now or later. */
  add(caller: string, spent: Spent): void {
    const debt = { caller, id: crypto.randomUUID(), spent, sinceMs: Date.now() };
    try {
      const counted = this.#counter.spend(caller, debt.id, spent);
      if (counted === undefined) return;
      this.#run(Promise.resolve(counted).catch((error: unknown) => this.#keep(debt, error)));
    } catch (error) {
      this.#keep(debt, error);
    }
  }

  /** Resolves when all is counted, or was tried once more. What the counter does not take even then is written to the log. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
    this.#timer.stop();
    if (this.#kept.size > 0) await this.#payAll();
    for (const debt of this.#kept) this.#giveUp(debt);
  }

  #keep(debt: Debt, error: unknown): void {
    const [oldest] = this.#kept;
    if (oldest !== undefined && this.#kept.size >= MAX_DEBTS) this.#giveUp(oldest);
    this.#kept.add(debt);
    if (this.#timer.running) return;
    const code = findSluiceError(error)?.code;
    this.#log.warn('the counter of callers does not answer: what turns have used is counted later', { code });
    this.#wait();
  }

  #wait(): void {
    this.#timer.start(this.#waitMs(++this.#failures));
  }

  #again(): void {
    this.#run(
      this.#payAll().then(() => {
        if (this.#kept.size > 0) this.#wait();
        else this.#failures = 0;
      }),
    );
  }

  #run(attempt: Promise<void>): void {
    const pending = attempt.finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  /** One after the other, up to the first that is not taken: a counter that is away is asked once. */
  async #payAll(): Promise<void> {
    for (const debt of this.#kept) {
      if (Date.now() - debt.sinceMs >= SPEND_AGAIN_MS) {
        this.#giveUp(debt);
        continue;
      }
      try {
        await this.#counter.spend(debt.caller, debt.id, debt.spent);
      } catch {
        return;
      }
      this.#kept.delete(debt);
    }
  }

  #giveUp(debt: Debt): void {
    this.#kept.delete(debt);
    const { tokens, usd } = debt.spent;
    this.#log.error('what a turn has used was not counted', { caller: debt.caller, tokens, usd });
  }
}
