import { MemoryStore, Pipeline } from 'sluice';
import { afterEach, beforeEach, vi } from 'vitest';
import type { Lease, Middleware, PipelineOptions, StateStore } from 'sluice';
import type { ChunkLog } from '../../../server/log/chunk-log.ts';
import { settled } from '../../core/harness.ts';
import { ForwardingStore, leaseOver } from '../../support/forwarding-store.ts';
import { memoryLog } from '../../../server/log/memory-log.ts';
import { resumable } from '../../../server/resumable/resumable.ts';
import type { Resumable } from '../../../server/resumable/resumable.ts';
import type { ResumableOptions } from '../../../server/resumable/options.ts';
import type { SentEnd } from '../../../server/stream/parts.ts';
import type { SentItem, SentStream } from '../../../server/stream/sent-stream.ts';

/** Hashes that another thread makes. */
const hashes = new Set<Promise<unknown>>();

/** Virtual time for each test of a file. `tick()` waits for hashes, too, which no clock says anything about. */
export function virtualTime(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
    const digest = crypto.subtle.digest.bind(crypto.subtle);
    vi.spyOn(crypto.subtle, 'digest').mockImplementation((...given) => {
      const hash = digest(...given);
      hashes.add(hash);
      return hash;
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
}

/** Lets time pass, and all happen that does not wait for it. */
export async function tick(ms = 0): Promise<void> {
  await settled();
  for (const hash of hashes) await hash;
  hashes.clear();
  await settled();
  await vi.advanceTimersByTimeAsync(ms);
  await settled();
}

export const LEASE_MS = 900;
export const GRACE_MS = 100;
/** How long it takes at most to store what was seen of a turn whose process is dead, in milliseconds. */
export const STORED_MS = 300;

/** A log as one process sees it: a process that is stopped gets no answer, and one whose connection is gone an error. */
export class ProcessLog implements ChunkLog {
  readonly calls: string[] = [];
  readonly #log: ChunkLog;
  /** Settled while the process runs. */
  #running: Promise<void> = Promise.resolve();
  #go: (() => void) | undefined;
  failure: Error | undefined;
  /** Does something between a call and its answer. */
  afterwards: ((verb: string) => void) | undefined;

  constructor(log: ChunkLog) {
    this.#log = log;
  }

  /** From now on the process does nothing, as after SIGSTOP or SIGKILL. */
  halt(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running = promise;
    this.#go = resolve;
  }

  /** Resolves while the process runs. */
  runs(): Promise<void> {
    return this.#running;
  }

  goOn(): void {
    this.#go?.();
  }

  async #pass<T>(verb: string, call: () => Promise<T>): Promise<T> {
    this.calls.push(verb);
    await this.#running;
    if (this.failure !== undefined) throw this.failure;
    const value = await call();
    this.afterwards?.(verb);
    await this.#running;
    return value;
  }

  open: ChunkLog['open'] = (...given) => this.#pass('open', () => this.#log.open(...given));
  append: ChunkLog['append'] = (...given) => this.#pass('append', () => this.#log.append(...given));
  read: ChunkLog['read'] = (...given) => this.#pass('read', () => this.#log.read(...given));
  stop: ChunkLog['stop'] = (...given) => this.#pass('stop', () => this.#log.stop(...given));
  settle: ChunkLog['settle'] = (...given) => this.#pass('settle', () => this.#log.settle(...given));
  release: ChunkLog['release'] = (...given) => this.#pass('release', () => this.#log.release(...given));
  unowned: ChunkLog['unowned'] = (...given) => this.#pass('unowned', () => this.#log.unowned(...given));
  watch: ChunkLog['watch'] = (...given) => this.#log.watch(...given);
  running: ChunkLog['running'] = (...given) => this.#pass('running', () => this.#log.running(...given));
  forget: ChunkLog['forget'] = (...given) => this.#log.forget(...given);
  close: ChunkLog['close'] = () => this.#log.close();

  count(verb: string): number {
    return this.calls.filter((one) => one === verb).length;
  }
}

/** A store as one process sees it. It is another object for each, so that the turns of two processes do not meet in one queue. */
class ProcessStore extends ForwardingStore {
  readonly #process: ProcessLog;

  constructor(store: StateStore, process: ProcessLog) {
    super(store);
    this.#process = process;
  }

  override async append(...given: Parameters<StateStore['append']>): Promise<number> {
    await this.#process.runs();
    return super.append(...given);
  }

  override async lease(...given: Parameters<StateStore['lease']>): Promise<Lease> {
    await this.#process.runs();
    const lease = await super.lease(...given);
    return leaseOver(lease, {
      renew: async (ms) => {
        await this.#process.runs();
        await lease.renew(ms);
      },
      release: async () => {
        await this.#process.runs();
        await lease.release();
      },
    });
  }
}

/** Processes over one log and one store of sessions. */
export class Stage {
  readonly log = memoryLog();
  readonly store = new MemoryStore();

  process(
    middleware: Middleware,
    options: Partial<ResumableOptions> = {},
    pipelineOptions: PipelineOptions = {},
  ): { runs: Resumable; log: ProcessLog; pipeline: Pipeline } {
    const log = new ProcessLog(this.log);
    const store = new ProcessStore(this.store, log);
    const pipeline = new Pipeline([middleware], { store, ...pipelineOptions });
    // Without sweeps, unless a test asks for them.
    const times = { leaseMs: LEASE_MS, graceMs: GRACE_MS, sweepMs: 0 };
    const runs = resumable(pipeline, { log, ...times, ...options });
    return { runs, log, pipeline };
  }
}

/** What a reader has got, and how it ended. */
export interface Reading {
  readonly items: SentItem[];
  text: string;
  end: SentEnd | undefined;
  /** What the log failed with. */
  error: unknown;
  /** Resolves when there is nothing more to read. */
  readonly done: Promise<void>;
}

/** Reads a stream to its end. A reset drops what it voids from the text. */
export function reading(stream: SentStream): Reading {
  const read = async (): Promise<void> => {
    try {
      for (let items = await stream.next(); items !== undefined; items = await stream.next())
        for (const item of items) take(got, item);
    } catch (error) {
      got.error = error;
    }
  };
  const got: Reading = { items: [], text: '', end: undefined, error: undefined, done: Promise.resolve() };
  return Object.assign(got, { done: read() });
}

function take(got: Reading, item: SentItem): void {
  got.items.push(item);
  if (item.type === 'end') got.end = item.end;
  if (item.type !== 'chunk') return;
  if (item.chunk.type === 'content') got.text += item.chunk.content;
  if (item.chunk.type === 'reset') got.text = '';
}

/** The stream of a read that must have one. */
export async function streamIn(answer: ReturnType<Resumable['read']>): Promise<SentStream> {
  const given = await answer;
  if (given.as !== 'stream') throw new Error(`expected a stream, got ${given.as}`);
  return given.stream;
}
