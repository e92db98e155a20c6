import { Timer, delay } from '../../src/kit/index.ts';
import type { ChunkLog, Page, StreamKey } from '../log/chunk-log.ts';
import { logCall } from './log-call.ts';

/** How many streams are looked after in one sweep at most. If there are more, the next one comes soon. */
const MOST = 100;
const SOON_MS = 1_000;

/** What a {@link Sweeper} needs. */
export interface SweeperHost {
  readonly log: ChunkLog;
  readonly leaseMs: number;
  readonly graceMs: number;
  /** The mean time between two sweeps, in milliseconds. 0: none. */
  readonly sweepMs: number;
  /** The lease of a stream is over: ends it, or goes on with it. */
  ownerLost(this: void, key: StreamKey, page: Page): Promise<void>;
}

/** Looks now and then for streams whose owner died and that nobody reads. Several processes do so, and the log sees to it that one of them gets each stream. */
export class Sweeper {
  readonly #host: SweeperHost;
  readonly #timer = new Timer(() => void this.#round(), { keepAlive: false });
  #isOver = false;
  #sweeping: Promise<number> | undefined;

  constructor(host: SweeperHost) {
    this.#host = host;
  }

  /** Looks from now on. Idempotent. */
  start(): void {
    const { sweepMs } = this.#host;
    if (sweepMs === 0 || this.#isOver || this.#timer.running || this.#sweeping !== undefined) return;
    // Processes that start together do not look at the same time.
    this.#timer.start(sweepMs * Math.random());
  }

  /** Looks once. Resolves to how many streams it looked after. Rejects with `store` if the log does not answer. */
  sweep(): Promise<number> {
    this.#sweeping ??= this.#sweep().finally(() => (this.#sweeping = undefined));
    return this.#sweeping;
  }

  /** Looks no more, and waits for what it does. */
  async close(): Promise<void> {
    this.#isOver = true;
    this.#timer.stop();
    await this.#sweeping?.catch(() => undefined);
  }

  async #round(): Promise<void> {
    // A log that does not answer is asked in the next round.
    const count = await this.sweep().catch(() => 0);
    const meanMs = count === MOST ? Math.min(SOON_MS, this.#host.sweepMs) : this.#host.sweepMs;
    if (!this.#isOver) this.#timer.start(meanMs * (0.5 + Math.random()));
  }

  async #sweep(): Promise<number> {
    const { log, leaseMs, graceMs } = this.#host;
    const { value: keys } = await logCall('unowned', () => log.unowned({ graceMs, most: MOST }), leaseMs);
    const pages = await this.#pages(keys);
    const given = pages.filter(({ page }) => page.released === true);
    for (const { key, page } of given) await this.#host.ownerLost(key, page);
    if (given.length === pages.length) return given.length;
    // If the log was away, the owners come back now: a lease that is over after that time, too, is that of an owner who died.
    await delay(Math.max(graceMs, leaseMs / 3));
    const dead = (await this.#pages(pages.map(({ key }) => key))).filter(
      ({ page }) => page.released !== true && page.leaseLeftMs + graceMs <= 0,
    );
    for (const { key, page } of dead) await this.#host.ownerLost(key, page);
    return given.length + dead.length;
  }

  /** Those that still run, without their chunks. */
  async #pages(keys: readonly StreamKey[]): Promise<{ key: StreamKey; page: Page }[]> {
    const { log, leaseMs } = this.#host;
    const found: { key: StreamKey; page: Page }[] = [];
    for (const key of keys) {
      if (this.#isOver) break;
      const read = () => log.read(key, { after: Number.MAX_SAFE_INTEGER });
      const { value: page } = await logCall('read', read, leaseMs);
      if (page !== undefined && page.end === undefined) found.push({ key, page });
    }
    return found;
  }
}
