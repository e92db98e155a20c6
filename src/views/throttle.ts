import { isVoided } from '../chunks.ts';
import type { ExecutionChunk } from '../chunks.ts';
import { SluiceError, kindOf } from '../errors.ts';
import { Timer } from '../kit/timer.ts';
import { isEnd, pullFrom } from '../stream/source.ts';
import type { BatchSource, Pulled, PushSource } from '../stream/source.ts';
import type { MaybePromise } from '../stream/owner.ts';

/** Throws `invalid_options` if `ms` is not a time. */
export function checkThrottle(ms: number): void {
  if (typeof ms === 'number' && ms >= 0) return;
  const found = typeof ms === 'number' ? String(ms) : kindOf(ms);
  throw new SluiceError(
    'invalid_options',
    `throttle(ms): ms is ${found}: give a number of milliseconds, 0 or more.`,
  );
}

/** Joins pieces of text over a time; see `Stream.throttle`. */
export class ThrottleSource<R> implements BatchSource<ExecutionChunk, R> {
  readonly #stream: PushSource<ExecutionChunk, R>;
  readonly #ms: number;
  #held: ExecutionChunk | undefined;
  #index = 0;
  #turnId: string | undefined;
  /** The read that is under way. It goes on after a pull that the timer answered. */
  #reading: Promise<Pulled<ExecutionChunk, R>> | undefined;

  constructor(stream: PushSource<ExecutionChunk, R>, ms: number) {
    this.#stream = stream;
    this.#ms = ms;
  }

  async pull(): Promise<Pulled<ExecutionChunk, R>> {
    const over = Promise.withResolvers<'over'>();
    using timer = new Timer(() => over.resolve('over'));
    try {
      for (;;) {
        this.#reading ??= pullFrom(this.#stream);
        const pulled = await (this.#held === undefined
          ? this.#reading
          : Promise.race([this.#reading, over.promise]));
        if (pulled === 'over') return this.#letGo([]);
        if (isEnd(pulled)) return this.#held === undefined ? pulled : this.#letGo([]);
        this.#reading = undefined;
        const out: ExecutionChunk[] = [];
        for (const chunk of pulled) this.#add(chunk, out);
        if (out.length > 0) return out;
        if (!timer.running) timer.start(this.#ms);
      }
    } catch (error) {
      if (this.#held === undefined) throw error;
      return this.#letGo([]); // the next pull meets the error of the same read
    }
  }

  close(error: SluiceError): MaybePromise<void> {
    this.#held = undefined;
    return this.#stream.close(error);
  }

  #add(chunk: ExecutionChunk, out: ExecutionChunk[]): void {
    this.#turnId ??= chunk.turnId;
    const held = this.#held;
    const joins = chunk.type === 'content' || chunk.type === 'thinking';
    const plain =
      joins && chunk.block === undefined && !(chunk.type === 'content' && chunk.citations !== undefined);
    if (plain && held?.type === chunk.type && held.call === chunk.call) {
      held.content += chunk.content;
      return;
    }
    // Text that is void is not delivered.
    if (chunk.type === 'reset' && isVoided(chunk, held?.call)) this.#held = undefined;
    this.#letGo(out);
    if (plain) this.#held = { ...chunk };
    else out.push(this.#placed(chunk));
  }

  #letGo(out: ExecutionChunk[]): ExecutionChunk[] {
    if (this.#held !== undefined) out.push(this.#placed(this.#held));
    this.#held = undefined;
    return out;
  }

  /** The first chunk names the turn, also if the one that did so is void. */
  #placed(chunk: ExecutionChunk): ExecutionChunk {
    const index = this.#index++;
    const turnId = index === 0 ? this.#turnId : undefined;
    return turnId === undefined ? { ...chunk, index } : { ...chunk, index, turnId };
  }
}
