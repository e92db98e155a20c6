import type { SluiceError } from '../errors.ts';
import { StreamCore } from './core.ts';
import { isEnd } from './source.ts';
import type { BatchSource, Pulled } from './source.ts';
import type { MaybePromise } from './teardown.ts';

/** A stream as the source of another one, its batches changed on the way. */
export class StreamSource<C, D, R> implements BatchSource<D, R> {
  readonly #stream: StreamCore<C, R>;
  readonly #change: (batch: readonly C[]) => readonly D[];

  constructor(stream: StreamCore<C, R>, change: (batch: readonly C[]) => readonly D[]) {
    this.#stream = stream;
    this.#change = change;
  }

  async pull(): Promise<Pulled<D, R>> {
    for (;;) {
      const pulled = await StreamCore.pullFrom(this.#stream);
      if (isEnd(pulled)) return pulled;
      const changed = this.#change(pulled);
      if (changed.length > 0) return changed;
    }
  }

  close(error: SluiceError): MaybePromise<void> {
    return StreamCore.forceOn(this.#stream, error);
  }
}
