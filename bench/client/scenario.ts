import { setTimeout as sleep } from 'node:timers/promises';
import type { Script } from '../upstream/script.ts';
import type { Reader } from '../contestants/reader.ts';

/** A kind of work, measured in the same way for every contestant. */
export interface Scenario {
  id: ScenarioId;
  title: string;
  /** The unit of the results. */
  unit: string;
  /** What is done and measured. */
  how: string;
  script: Script;
  /** How many calls are open at once. */
  calls: number;
  /** Whether each run needs a new process, in which only one call has been made before. */
  once?: boolean;
  /** Does the same work before the first run. */
  warmUp(caller: Caller): Promise<void>;
  /** Does one run and returns its result. */
  run(caller: Caller): Promise<number>;
}

export type ScenarioId =
  'burst' | 'burst-by-event' | 'paced' | 'call' | 'tool-turn' | 'memory' | 'first-chunk' | 'held';

/** Makes calls with one contestant and checks that each delivers the whole answer. */
export class Caller {
  readonly #read: Reader;
  readonly #answer: string;
  readonly #name: string;
  /** How many streams `hold` opens at a time. */
  openAtOnce = Number.POSITIVE_INFINITY;

  constructor(name: string, read: Reader, answer: string) {
    this.#name = name;
    this.#read = read;
    this.#answer = answer;
  }

  /** Makes one call and waits for its whole answer. `first` is called at the first piece. */
  async call(first?: () => void): Promise<void> {
    let text = '';
    await this.#read((piece) => {
      if (text === '') first?.();
      text += piece;
    });
    if (text !== this.#answer) throw this.#wrong(text);
  }

  /** Makes many calls at once. */
  async together(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.call()));
  }

  /** Opens streams and waits until each has delivered a piece, then for `restMs` more. They stay open until the process ends. */
  async hold(count: number, restMs: number): Promise<void> {
    const texts = new Array<string>(count).fill('');
    const open = Promise.withResolvers<never>();
    const allBegun = new Promise<void>((resolve) => {
      let left = count;
      let next = 0;
      const openOne = (): void => {
        const index = next++;
        if (index >= count) return;
        const reading = this.#read((piece) => {
          if (texts[index] === '') {
            if (--left === 0) resolve();
            openOne();
          }
          texts[index] += piece;
        });
        reading.then(() => open.reject(new Error(`A stream of ${this.#name} ended too early.`)), open.reject);
      };
      while (next < Math.min(count, this.openAtOnce)) openOne();
    });
    await Promise.race([allBegun, open.promise]);
    // A stream that ends in the meantime would be counted as open but use less memory.
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
 * Measures the processor time of this process, user and system, in microseconds. Garbage is not collected first: a collection while nothing is
 * open would throw away hidden classes, and with them compiled code, that a busy program keeps.
 */
export async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
