import type { SluiceError } from '../errors.ts';
import type { StreamCore } from './core.ts';
import type { TapFailure } from './fused-taps.ts';
import type { PushSource, Receiver, BatchSource } from './source.ts';

/** What a stream opens into: something to read, or another stream that it forwards. */
export type Opened<C, R> = BatchSource<C, R> | PushSource<C, R> | StreamCore<C, R>;

/** What a stream's source calls. Method signatures, so that a stream of a narrow chunk type is a stream of a wide one. */
export interface Handlers<C, R> extends Receiver<C, R> {
  queue(this: void, resolve: (result: IteratorResult<C, R>) => void, reject: (error: unknown) => void): void;
  tapFailed(this: void, failure: TapFailure<StreamCore<C, R>>): void;
}

/** The promise of a reply, with its ends. */
export interface Deferred<R> {
  promise: Promise<R>;
  resolve(this: void, reply: R): void;
  reject(this: void, error: unknown): void;
}

/** Why a stream ends early. Streams below `at` see `aborted`, `at` itself and those above it see `error`. */
export interface Forced<C, R> {
  at: StreamCore<C, R>;
  error: SluiceError;
}

/** Chunks that were read ahead, and how many of the chain's taps have seen them. */
export interface Early<C> {
  batch: readonly C[];
  seenBy: number;
}
