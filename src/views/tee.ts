import { SluiceError, abortedError, kindOf } from '../errors.ts';
import { Timer } from '../kit/timer.ts';
import { isEnd, pullFrom } from '../stream/source.ts';
import type { MaybePromise } from '../stream/owner.ts';
import type { BatchSource, Pulled, PushSource } from '../stream/source.ts';
import { Backlog } from './backlog.ts';

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
  readonly number: number;
  readonly backlog: Backlog<C>;
  /** Whether it gets what comes. */
  open: boolean;
  /** What it fails with once its backlog is read. */
  error: SluiceError | undefined;
}

/** Reads one stream for several readers; see `Stream.tee`. */
export class Tee<C, R> {
  readonly sources: BatchSource<C, R>[];
  readonly #stream: PushSource<C, R>;
  readonly #branches: Branch<C>[];
  /** How many branches get what comes. */
  #open: number;
  /** The branches in which as much waits as may wait. */
  readonly #full = new Set<Branch<C>>();
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
    this.#open = n;
    this.#branches = Array.from({ length: n }, (_, number) => ({
      ...{ number, backlog: new Backlog<C>(), open: true, error: undefined },
    }));
    this.sources = this.#branches.map((branch) => ({
      pull: () => this.#pull(branch),
      close: (error: SluiceError) => this.#close(branch, error),
    }));
  }

  async #pull(branch: Branch<C>): Promise<Pulled<C, R>> {
    for (;;) {
      if (!branch.backlog.isEmpty) {
        const batch = branch.backlog.takeAll();
        this.#full.delete(branch);
        this.#wake();
        return batch;
      }
      if (branch.error !== undefined) throw branch.error;
      if (this.#failed !== undefined) throw this.#failed.error;
      if (this.#ended !== undefined) return this.#ended;
      if (!branch.open) throw abortedError(undefined, 'This branch was closed.');
      const full = this.#fullBeside(branch);
      if (full !== undefined) await this.#waitFor(full, branch);
      else await (this.#reading ??= this.#read());
    }
  }

  /** With `block`: another branch that is full. */
  #fullBeside(branch: Branch<C>): Branch<C> | undefined {
    if (this.#overflow === 'block') for (const full of this.#full) if (full !== branch) return full;
    return undefined;
  }

  async #waitFor(full: Branch<C>, branch: Branch<C>): Promise<void> {
    if (this.#idleTimeoutMs === 0) return this.#progress.promise;
    const late = Promise.withResolvers<void>();
    using timer = new Timer(() => {
      const advice = 'read it, close it, or choose another overflow';
      const message = `tee: ${this.#nameOf(full)} was not read for ${this.#idleTimeoutMs} ms: ${advice}.`;
      this.#fail(branch, new SluiceError('timeout', message, { phase: 'idle' }));
      late.resolve();
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
    if (!branch.open) return;
    const { backlog } = branch;
    backlog.add(batch);
    if (backlog.size >= this.#bufferSize) this.#full.add(branch);
    const over = backlog.size - Math.max(this.#bufferSize, batch.length);
    if (over <= 0) return;
    if (this.#overflow === 'drop-oldest') backlog.drop(over);
    if (this.#overflow === 'error')
      this.#fail(branch, new SluiceError('queue_full', `tee: ${this.#nameOf(branch)} was read too slowly.`));
  }

  /** Ends one branch with an error. It counts as closed for the others. */
  #fail(branch: Branch<C>, error: SluiceError): void {
    branch.error = error;
    void this.#leave(branch, error);
  }

  #close(branch: Branch<C>, error: SluiceError): MaybePromise<void> {
    branch.backlog.clear();
    return this.#leave(branch, error);
  }

  /** The last branch to leave closes the stream. */
  #leave(branch: Branch<C>, error: SluiceError): MaybePromise<void> {
    if (!branch.open) return;
    branch.open = false;
    this.#open--;
    this.#full.delete(branch);
    this.#wake();
    if (this.#open === 0 && this.#ended === undefined && this.#failed === undefined)
      return this.#stream.close(error);
  }

  #nameOf({ number }: Branch<C>): string {
    return `branch ${number} of ${this.#branches.length}`;
  }

  #wake(): void {
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
  }
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
