import { setTimeout as sleep } from 'node:timers/promises';
import type { Script } from '../upstream/script.ts';
import type { Reader } from '../contestants/reader.ts';

/** One kind of work, measured alike for every contestant. */
export interface Scenario {
  id: ScenarioId;
  title: string;
  /** Of the numbers. */
  unit: string;
  /** What is done and what the number is. */
  how: string;
  script: Script;
  /** Calls that are open at once. */
  calls: number;
  /** Whether a process is good for one run alone; nothing but one call comes before it then. */
  once?: boolean;
  /** The same work, done before the first run. */
  warmUp(caller: Caller): Promise<void>;
  /** One run: the number that counts. */
  run(caller: Caller): Promise<number>;
}

export type ScenarioId = 'burst' | 'burst-by-event' | 'paced' | 'call' | 'memory' | 'first-chunk' | 'held';

/** Makes calls with one contestant, and lets none pass that delivers anything but the answer. */
export class Caller {
  readonly #read: Reader;
  readonly #answer: string;
  readonly #name: string;

  constructor(name: string, read: Reader, answer: string) {
    this.#name = name;
    this.#read = read;
    this.#answer = answer;
  }

  /** One call. Returns when the answer is whole; `first` hears of its first piece. */
  async call(first?: () => void): Promise<void> {
    let text = '';
    await this.#read((piece) => {
      if (text === '') first?.();
      text += piece;
    });
    if (text !== this.#answer) throw this.#wrong(text);
  }

  /** Many at once. */
  async together(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.call()));
  }

  /** Opens so many and returns when each has delivered a piece and all have been open for `restMs` since. They stay open, until the process ends. */
  async hold(count: number, restMs: number): Promise<void> {
    const texts = new Array<string>(count).fill('');
    const open = Promise.withResolvers<never>();
    const allBegun = new Promise<void>((resolve) => {
      let left = count;
      for (let index = 0; index < count; index++) {
        const reading = this.#read((piece) => {
          if (texts[index] === '' && --left === 0) resolve();
          texts[index] += piece;
        });
        reading.then(() => open.reject(new Error(`A stream of ${this.#name} ended too early.`)), open.reject);
      }
    });
    await Promise.race([allBegun, open.promise]);
    // One that ends meanwhile would be counted as open, and take up less.
    await Promise.race([sleep(restMs), open.promise]);
    for (const text of texts) if (!this.#answer.startsWith(text)) throw this.#wrong(text);
  }

  #wrong(text: string): Error {
    const found = JSON.stringify(text.slice(0, 80));
    return new Error(
      `${this.#name} delivered ${text.length} characters, not the ${this.#answer.length} of the answer: ${found}`,
    );
  }
}

/**
 * Processor time of this process, user and system, in microseconds. No collection of garbage is forced before: one at a moment at which
 * nothing is open throws away the hidden classes, and with them compiled code, that a program at work keeps.
 */
export async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
