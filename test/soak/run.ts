import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { between, randomOf } from '../histories/random.ts';
import type { Random } from '../histories/random.ts';
import { faultServer } from '../../testing/index.ts';
import type { FaultServer } from '../../testing/index.ts';
import { forkedServer } from '../support/forked-server.ts';
import type { ForkedServer } from '../support/forked-server.ts';
import { readStream } from './client.ts';
import type { Reader } from './client.ts';
import { upstream } from './model.ts';
import type { Wish } from './model.ts';
import type { Figures, Order, SoakServerSpec } from './process.ts';

/** The settings of a soak. It ends after `total` streams, or after `seconds`. */
export interface SoakOptions {
  /** How many streams are open at the same time. */
  streams: number;
  /** No stream begins after this time. Default: no limit. */
  seconds?: number;
  /** No stream begins after so many. Default: no limit. */
  total?: number;
  /** The time between two pieces of a stream, in milliseconds. */
  everyMs: number;
  /** The time between two looks at the process of the server, in milliseconds. */
  lookMs: number;
  /** How long the server keeps a resumable stream after its end, in milliseconds. */
  ttlMs: number;
  /** How long a resumable stream goes on that nobody reads, in milliseconds. */
  orphanMs: number;
  /** How much a slow client gets, in bytes, and how long it does not read at first, in milliseconds. */
  slow: { bytes: number; firstMs: number };
  /** Decides what clients ask for and how they read. */
  seed: number;
  /** Is told the figures of each look, and how many streams have begun. */
  onLook?: (figures: Figures, begun: number) => void;
}

/** What a soak came to. */
export interface Soak {
  /** How often which end came. */
  ends: Record<string, number>;
  begun: number;
  /** Of those: how many clients cut their connection, and how many of these came back. */
  leaving: number;
  back: number;
  /** How many clients stopped to read for some time. */
  slow: number;
  /** How many streams could be resumed. */
  resumable: number;
  /** How many requests the upstream did not answer as it should. */
  faults: number;
  /** Between looks: how many clients at once did not take what the server had for them. */
  full: number[];
  /** The heap of the server at each look, in bytes. */
  heaps: number[];
  before: Figures;
  /** After the last stream, while the server still listens. */
  after: Figures;
  /** After the end of the server. */
  closed: Figures;
}

/** How long the server may take to let go of its last streams, in milliseconds. */
const LAST_MS = 120_000;

/**
 * Keeps streams open on a server of its own, whose model is a fault server. A fifth of the clients cuts its connection, a tenth reads slowly, and a third of the streams can be
 * resumed: half of those who cut such a stream come back.
 */
export async function soak(options: SoakOptions): Promise<Soak> {
  const { streams, seed, lookMs, ttlMs, orphanMs, onLook } = options;
  const answer = upstream();
  await using model = await faultServer({ always: answer });
  const spec: SoakServerSpec = { ttlMs, orphanMs, baseURL: model.openaiBaseURL };
  const server = await forkedServer(new URL('process.ts', import.meta.url), spec, ['--expose-gc']);
  try {
    const before = await asked(server, 'figures');
    const urls = { plain: server.url, resumable: String(Reflect.get(server.told, 'resumable')) };
    const load = new Load(urls, options, randomOf(seed));
    const heaps: number[] = [];
    const full: number[] = [];
    const over = new AbortController();
    const looks = (async () => {
      while (await passed(lookMs, over.signal)) {
        const figures = await asked(server, 'figures');
        heaps.push(figures.heap);
        full.push(figures.full);
        // What it has recorded is not looked at.
        forget(model);
        onLook?.(figures, load.begun);
      }
    })();
    await Promise.all(Array.from({ length: streams }, () => load.lane()));
    over.abort();
    await looks;
    const after = await settled(server);
    const closed = await asked(server, 'close');
    full.push(after.full);
    return { ...load.told(), full, heaps, before, after, closed };
  } finally {
    await server.kill();
  }
}

/** Empties the records of the upstream, which would grow. Requests that run go on. */
function forget(model: FaultServer): void {
  model.assertDrained();
  model.reset();
}

/** The clients of a soak. */
class Load {
  begun = 0;
  #leaving = 0;
  #back = 0;
  #slow = 0;
  #resumable = 0;
  #faults = 0;
  readonly #ends: Record<string, number> = {};
  readonly #urls: { plain: string; resumable: string };
  readonly #options: SoakOptions;
  readonly #random: Random;
  readonly #began = performance.now();

  constructor(urls: { plain: string; resumable: string }, options: SoakOptions, random: Random) {
    this.#urls = urls;
    this.#options = options;
    this.#random = random;
  }

  /** One stream after the other. */
  async lane(): Promise<void> {
    while (!this.#isOver()) {
      const number = this.begun++;
      const isResumable = number % 3 === 0;
      const reader = this.#reader(number, isResumable);
      this.#count(reader, isResumable);
      const url = isResumable ? this.#urls.resumable : this.#urls.plain;
      const end = await readStream(url, reader).catch((error: unknown) => `failed: ${String(error)}`);
      this.#ends[end] = (this.#ends[end] ?? 0) + 1;
    }
  }

  told(): Pick<Soak, 'ends' | 'begun' | 'leaving' | 'back' | 'slow' | 'resumable' | 'faults'> {
    return {
      ...{ ends: this.#ends, begun: this.begun, leaving: this.#leaving, back: this.#back },
      ...{ slow: this.#slow, resumable: this.#resumable, faults: this.#faults },
    };
  }

  #isOver(): boolean {
    const { seconds = Infinity, total = Infinity } = this.#options;
    return this.begun >= total || performance.now() - this.#began >= seconds * 1_000;
  }

  #reader(number: number, isResumable: boolean): Reader {
    const random = this.#random;
    const { everyMs, slow } = this.#options;
    const pieces = Math.floor(between(random, 20, 120));
    const leaves = number % 5 === 0;
    const comesBack = leaves && isResumable && number % 2 === 0;
    const isSlow = number % 10 === 1;
    const fault = FAULTS[number % 37];
    const bytes = isResumable ? Math.min(slow.bytes, MOST_KEPT) : slow.bytes;
    const wish: Wish = { number, pieces, characters: 20, everyMs, ...(fault !== undefined && { fault }) };
    return {
      // A slow one gets much at once, so that its connection is full.
      wish: isSlow ? { ...wish, characters: Math.ceil(bytes / pieces), everyMs: 10 } : wish,
      leavesAfter: leaves ? Math.floor(random() * pieces) : undefined,
      backAfterMs: comesBack ? between(random, 0, this.#options.orphanMs / 20) : undefined,
      slow: isSlow
        ? {
            firstMs: between(random, slow.firstMs / 2, slow.firstMs),
            everyBytes: bytes / 4,
            pauseMs: between(random, slow.firstMs / 20, slow.firstMs / 5),
          }
        : undefined,
    };
  }

  #count({ wish, leavesAfter, backAfterMs, slow }: Reader, isResumable: boolean): void {
    if (leavesAfter !== undefined) this.#leaving += 1;
    if (backAfterMs !== undefined) this.#back += 1;
    if (slow !== undefined) this.#slow += 1;
    if (isResumable) this.#resumable += 1;
    if (wish.fault !== undefined) this.#faults += 1;
  }
}

/** How much a slow client of a resumable stream gets at most, in bytes: of more, a log drops the oldest part before the client has read it. */
const MOST_KEPT = 3_000_000;

/** The faults of the upstream, by the number of a stream. */
const FAULTS: Readonly<Record<number, Wish['fault']>> = { 7: 'refused', 18: 'reset', 29: 'truncated' };

/** Waits so long. Resolves to false if it was over before. */
async function passed(ms: number, signal: AbortSignal): Promise<boolean> {
  return delay(ms, true, { signal }).catch(() => false);
}

async function asked({ process: child }: ForkedServer, order: Order): Promise<Figures> {
  const over = new AbortController();
  const { signal } = over;
  const answer = Promise.race([
    once(child, 'message', { signal }).then(([told]: Figures[]) => told),
    once(child, 'exit', { signal }).then(() => undefined),
  ]);
  child.send(order);
  const figures = await answer.finally(() => over.abort());
  if (figures === undefined) throw new Error('The server gave no figures.');
  return figures;
}

/** The figures as soon as nothing is held, or those of the last moment in which it should be so. */
async function settled(server: ForkedServer): Promise<Figures> {
  const until = performance.now() + LAST_MS;
  for (;;) {
    const figures = await asked(server, 'figures');
    if (figures.sockets + figures.timers === 0 || performance.now() > until) return figures;
    await delay(200);
  }
}
