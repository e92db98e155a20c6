import { SluiceError, abortedError, kindOf } from '../errors.ts';
import { Timer } from '../kit/timer.ts';
import { isEnd, pullFrom } from '../stream/source.ts';
import type { BatchSource, Pulled, PushSource } from '../stream/source.ts';

/** What happens when one branch is read faster than another. */
export interface TeeOptions {
  /**
   * `block` (default): the fast branch waits for the slow one. `drop-oldest`: the slow one loses its oldest chunks, but never the last
   * one of the stream. `error`: the slow one fails with `queue_full`.
   */
  overflow?: 'block' | 'drop-oldest' | 'error';
  /** Chunks that may wait in one branch. Default: 16. */
  bufferSize?: number;
  /** With `block`: how long a branch waits for an unread one before it fails, in milliseconds. 0: no limit. Default: 30,000. */
  idleTimeoutMs?: number;
}

/** A tuple of `N` branches. */
export type Branches<T, N extends number, Built extends T[] = []> = number extends N
  ? T[]
  : Built['length'] extends N
    ? Built
    : Branches<T, N, [...Built, T]>;

interface Branch<C> {
  queue: C[];
  open: boolean;
  error: SluiceError | undefined;
}

/** Reads one stream for several readers; see `Stream.tee`. */
export class Tee<C, R> {
  readonly sources: BatchSource<C, R>[];
  readonly #stream: PushSource<C, R>;
  readonly #branches: Branch<C>[];
  readonly #overflow: NonNullable<TeeOptions['overflow']>;
  readonly #bufferSize: number;
  readonly #idleTimeoutMs: number;
  #ended: Pulled<C, R> | undefined;
  #failed: { error: unknown } | undefined;
  #reading: Promise<void> | undefined;
  /** Settles when a branch has been read or closed. */
  #progress = Promise.withResolvers<void>();

  constructor(
    stream: PushSource<C, R>,
    n: number,
    { overflow = 'block', bufferSize = 16, idleTimeoutMs = 30_000 }: TeeOptions,
  ) {
    checkTee(n, { overflow, bufferSize, idleTimeoutMs });
    this.#stream = stream;
    this.#overflow = overflow;
    this.#bufferSize = bufferSize;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#branches = Array.from({ length: n }, () => ({ queue: [], open: true, error: undefined }));
    this.sources = this.#branches.map((branch) => ({
      pull: () => this.#pull(branch),
      close: (error: SluiceError) => this.#close(branch, error),
    }));
  }

  async #pull(branch: Branch<C>): Promise<Pulled<C, R>> {
    for (;;) {
      if (branch.queue.length > 0) {
        const batch = branch.queue;
        branch.queue = [];
        this.#wake();
        return batch;
      }
      if (branch.error !== undefined) throw branch.error;
      if (this.#failed !== undefined) throw this.#failed.error;
      if (this.#ended !== undefined) return this.#ended;
      if (!branch.open) throw abortedError(undefined, 'This branch was closed.');
      await this.#waitForRoom(branch);
      this.#reading ??= this.#read();
      await this.#reading;
    }
  }

  /** With `block`: waits until no other branch is full. */
  async #waitForRoom(branch: Branch<C>): Promise<void> {
    while (this.#overflow === 'block') {
      const full = this.#branches.find(
        (other) => other !== branch && other.open && other.queue.length >= this.#bufferSize,
      );
      if (full === undefined || branch.queue.length > 0 || !branch.open) return;
      await this.#waitFor(full);
    }
  }

  async #waitFor(full: Branch<C>): Promise<void> {
    if (this.#idleTimeoutMs === 0) return this.#progress.promise;
    const late = Promise.withResolvers<never>();
    using timer = new Timer(() => {
      const name = `branch ${this.#branches.indexOf(full)} of ${this.#branches.length}`;
      const advice = 'read it, close it, or choose another overflow';
      const message = `tee: ${name} was not read for ${this.#idleTimeoutMs} ms: ${advice}.`;
      late.reject(new SluiceError('timeout', message, { phase: 'idle' }));
    });
    timer.start(this.#idleTimeoutMs);
    await Promise.race([this.#progress.promise, late.promise]);
  }

  async #read(): Promise<void> {
    try {
      const pulled = await pullFrom(this.#stream);
      if (isEnd(pulled)) this.#ended = pulled;
      else for (const branch of this.#branches) this.#deliver(branch, pulled);
    } catch (error) {
      this.#failed = { error };
    }
    this.#reading = undefined;
    this.#wake();
  }

  #deliver(branch: Branch<C>, batch: readonly C[]): void {
    if (!branch.open || branch.error !== undefined) return;
    for (const chunk of batch) branch.queue.push(copied(chunk));
    const over = branch.queue.length - Math.max(this.#bufferSize, batch.length);
    if (over <= 0) return;
    if (this.#overflow === 'drop-oldest') branch.queue.splice(0, over);
    if (this.#overflow === 'error') {
      const name = `branch ${this.#branches.indexOf(branch)} of ${this.#branches.length}`;
      branch.error = new SluiceError('queue_full', `tee: ${name} was read too slowly.`);
    }
  }

  /** The last branch to close closes the stream. */
  async #close(branch: Branch<C>, error: SluiceError): Promise<void> {
    branch.open = false;
    branch.queue = [];
    this.#wake();
    if (this.#branches.every((other) => !other.open)) await this.#stream.close(error);
  }

  #wake(): void {
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
  }
}

/** Each reader gets a chunk of its own. */
function copied<C>(chunk: C): C {
  return typeof chunk === 'object' && chunk !== null ? { ...chunk } : chunk;
}

function checkTee(n: number, { overflow, bufferSize, idleTimeoutMs }: Required<TeeOptions>): void {
  const problems: string[] = [];
  const isCount = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 1;
  if (!isCount(n)) problems.push(`n is ${kindOf(n)}: give a whole number of branches, 1 or more`);
  if (!['block', 'drop-oldest', 'error'].includes(overflow))
    problems.push(`overflow is ${kindOf(overflow)}: give "block", "drop-oldest" or "error"`);
  if (!isCount(bufferSize))
    problems.push(`bufferSize is ${kindOf(bufferSize)}: give a whole number of chunks, 1 or more`);
  if (!(typeof idleTimeoutMs === 'number' && idleTimeoutMs >= 0))
    problems.push(`idleTimeoutMs is ${kindOf(idleTimeoutMs)}: give milliseconds, 0 for no limit`);
  if (problems.length > 0)
    throw new SluiceError('invalid_options', `tee(n, options): ${problems.join('; ')}.`);
}
