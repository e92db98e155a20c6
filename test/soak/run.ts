import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { between, randomOf } from '../histories/random.ts';
import type { Random } from '../histories/random.ts';
import { forkedServer } from '../support/forked-server.ts';
import type { ForkedServer } from '../support/forked-server.ts';
import { readStream } from './client.ts';
import type { Reader } from './client.ts';
import type { Figures, Order } from './process.ts';

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
  /** How long the server keeps a stream after its end, in milliseconds. */
  ttlMs: number;
  /** Decides what clients ask for and how they read. */
  seed: number;
  /** Is told the figures of each look, and how many streams have begun. */
  onLook?: (figures: Figures, begun: number) => void;
}

/** What a soak came to. */
export interface Soak {
  /** How often which end came. */
  ends: Record<string, number>;
  /** How many clients left, and how many read slowly, of those that have begun. */
  begun: number;
  leaving: number;
  slow: number;
  /** The heap of the server at each look, in bytes. */
  heaps: number[];
  before: Figures;
  /** After the last stream, while the server still listens. */
  after: Figures;
  /** After the end of the server. */
  closed: Figures;
}

/** How long the server may take to let go of its last streams, in milliseconds. */
const LAST_MS = 20_000;

/** Keeps streams open on a server of its own. A fifth of the clients leaves, a tenth reads slowly. */
export async function soak(options: SoakOptions): Promise<Soak> {
  const { streams, seed, lookMs, ttlMs, onLook } = options;
  const server = await forkedServer(new URL('process.ts', import.meta.url), { ttlMs }, ['--expose-gc']);
  try {
    const before = await asked(server, 'figures');
    const load = new Load(server.url, options, randomOf(seed));
    const heaps: number[] = [];
    const over = new AbortController();
    const looks = (async () => {
      while (await passed(lookMs, over.signal)) {
        const figures = await asked(server, 'figures');
        heaps.push(figures.heap);
        onLook?.(figures, load.begun);
      }
    })();
    await Promise.all(Array.from({ length: streams }, () => load.lane()));
    over.abort();
    await looks;
    const after = await settled(server);
    const closed = await asked(server, 'close');
    const { ends, begun, leaving, slow } = load;
    return { ends, begun, leaving, slow, heaps, before, after, closed };
  } finally {
    await server.kill();
  }
}

/** The clients of a soak. */
class Load {
  begun = 0;
  leaving = 0;
  slow = 0;
  readonly ends: Record<string, number> = {};
  readonly #url: string;
  readonly #options: SoakOptions;
  readonly #random: Random;
  readonly #began = performance.now();

  constructor(url: string, options: SoakOptions, random: Random) {
    this.#url = url;
    this.#options = options;
    this.#random = random;
  }

  /** One stream after the other. */
  async lane(): Promise<void> {
    while (!this.#isOver()) {
      const reader = this.#reader();
      const end = await readStream(this.#url, reader).catch((error: unknown) => `failed: ${String(error)}`);
      this.ends[end] = (this.ends[end] ?? 0) + 1;
    }
  }

  #isOver(): boolean {
    const { seconds = Infinity, total = Infinity } = this.#options;
    return this.begun >= total || performance.now() - this.#began >= seconds * 1_000;
  }

  #reader(): Reader {
    const random = this.#random;
    const number = this.begun++;
    const pieces = Math.floor(between(random, 20, 120));
    const leaves = number % 5 === 0;
    const isSlow = number % 10 === 1;
    if (leaves) this.leaving += 1;
    if (isSlow) this.slow += 1;
    return {
      wish: { pieces, characters: isSlow ? 4_000 : 20, everyMs: this.#options.everyMs },
      leavesAfter: leaves ? Math.floor(random() * pieces) : undefined,
      pauseMs: isSlow ? between(random, 0.5, 2.5) * this.#options.everyMs : 0,
    };
  }
}

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
