import { Stream, end } from 'sluice';
import type { ExecutionChunk } from 'sluice';

/** One chunk of text. */
export const content = (text: string, index = 0): ExecutionChunk => ({
  type: 'content',
  content: text,
  call: 1,
  index,
});

/** Chunks of text, one per piece. */
export const chunks = (...texts: string[]): ExecutionChunk[] =>
  texts.map((text, index) => content(text, index));

type Item = readonly ExecutionChunk[] | Error | 'end';

/** A stream that a test feeds by hand. `log` records the calls to its source. */
export class Feed {
  readonly log: string[] = [];
  #items: Item[] = [];
  #wake = Promise.withResolvers<void>();
  readonly stream: Stream<ExecutionChunk, string> = Stream.fromSource<ExecutionChunk, string>(() => ({
    pull: async () => {
      this.log.push('pull');
      while (this.#items.length === 0) await this.#wake.promise;
      const item = this.#items.shift();
      if (item === 'end' || item === undefined) return end('over');
      if (item instanceof Error) throw item;
      return item;
    },
    close: (error) => void this.log.push(`close ${error.code}`),
  }));

  give(...items: Item[]): void {
    this.#items.push(...items);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}

/** Everything that a stream delivers. */
export async function collect<C>(stream: AsyncIterable<C>): Promise<C[]> {
  const all: C[] = [];
  for await (const one of stream) all.push(one);
  return all;
}
