import type { StateStore } from '../../src/index.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import type { StoreSpec } from './open-store.ts';
import { between, oneOf } from './random.ts';
import type { Random } from './random.ts';

/** Breaks what a store depends on, and repairs it before it resolves. */
export type ServerFault = (random: Random) => Promise<void>;

/** The database that the processes of a history share. */
export interface Backend {
  readonly name: string;
  /** The store for a worker, over a connection that can fail. */
  spec(worker: number): StoreSpec;
  /** The store for the checker, over a direct connection. */
  open(): Promise<StateStore>;
  readonly faults: Readonly<Record<string, { weight: number; run: ServerFault }>>;
  stop(): Promise<void>;
}

export const pause = (random: Random, from: number, to: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, between(random, from, to)));

/** The faults of a connection to a server. */
export function connectionFaults(proxy: TcpProxy): Backend['faults'] {
  return {
    'connections dropped': {
      weight: 3,
      async run() {
        proxy.drop();
      },
    },
    'answers of the server lost': {
      weight: 3,
      async run(random) {
        proxy.cut(Math.ceil(between(random, 0, 4)));
        await pause(random, 100, 600);
        proxy.cut(0);
      },
    },
    'connections delayed': {
      weight: 1,
      async run(random) {
        proxy.delay(between(random, 5, 80));
        await pause(random, 200, 800);
        proxy.delay(0);
      },
    },
    'connections stalled, then dropped': {
      weight: 2,
      async run(random) {
        proxy.stall(oneOf(random, ['there', 'back', 'both'] as const));
        await pause(random, 50, 1_800);
        proxy.drop();
        proxy.resume();
      },
    },
    'connections stalled': {
      weight: 1,
      async run(random) {
        proxy.stall(oneOf(random, ['there', 'back', 'both'] as const));
        await pause(random, 50, 1_800);
        proxy.resume();
      },
    },
  };
}
