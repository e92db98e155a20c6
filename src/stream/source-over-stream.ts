import { SluiceError } from '../errors.ts';
import type { MaybePromise } from './owner.ts';
import type { Chain, Segment } from './segment.ts';
import type { PushSource, Receiver } from './source.ts';

/** A stream as the source of another one. From the first read on, nobody else may read the stream. */
export class SourceOverStream<C, R> implements PushSource<C, R> {
  readonly #segment: Segment<C, R>;
  readonly #chainOf: (segment: Segment<C, R>) => Chain<C, R>;
  #claimed = false;

  constructor(segment: Segment<C, R>, chainOf: (segment: Segment<C, R>) => Chain<C, R>) {
    this.#segment = segment;
    this.#chainOf = chainOf;
  }

  request({ pulled, failed }: Receiver<C, R>): void {
    const chain = this.#chainOf(this.#segment);
    if (!this.#claimed) {
      if (this.#segment.isHandedOn) {
        failed(readElsewhereError());
        return;
      }
      this.#claimed = true;
      chain.consumer = undefined;
    }
    chain.wait({ batch: pulled, reject: failed, forStream: true });
  }

  close(error: SluiceError): MaybePromise<void> {
    // Never read here, but by another stream.
    if (!this.#claimed && this.#segment.isHandedOn) return;
    return this.#segment.stop(error, 'drop');
  }
}

/** The error for a reader of a stream that another stream reads. */
export function readElsewhereError(): SluiceError {
  return new SluiceError(
    'middleware',
    'This stream is read already: by one made from it, as map(), textStream() and tee() do, or by the layer that returned it. ' +
      'Read that one, or split this one with tee() first.',
  );
}
