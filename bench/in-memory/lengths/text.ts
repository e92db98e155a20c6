import { Pipeline, Stream, noUsage } from 'sluice';
import type { ContentChunk, ExecutionChunk, Provider, Reply, StreamChunk } from 'sluice';
import { provider } from 'sluice/middleware';
import { logger } from '../../contestants/the-five.ts';
import { CHARACTERS_PER_PIECE, Pieces } from './pieces.ts';
import { expectLength, repeated } from './prepare.ts';
import type { Prepare } from './prepare.ts';

type TextStream = Stream<ExecutionChunk, undefined>;

/** One line without an end, read with `lines()`. */
export const line: Prepare = reading((pieces) => lengthOf(stream(pieces, whole).lines()));

/** Characters of two code units, cut in the middle, read with `textStream()`. */
export const halves: Prepare = reading((pieces) =>
  lengthOf(stream(pieces, (at) => (at % 2 === 0 ? 'abc\ud83d' : '\ude00abc')).textStream()),
);

/** A text that two branches of `tee()` read at the same time. */
export const branches: Prepare = reading(async function read(pieces) {
  const [one = 0, other = 0] = await Promise.all(
    stream(pieces, whole)
      .tee(2)
      .map((branch) => lengthOf(branch.textStream())),
  );
  return (one + other) / 2;
});

/** A whole answer with a citation in each chunk. */
export const citations: Prepare = reading(async function read(pieces) {
  const cited: Provider = {
    name: 'openai',
    model: 'gpt-4.1-nano',
    stream: () =>
      Stream.fromSource<StreamChunk, Reply>(
        () =>
          new Pieces<StreamChunk, Reply>(
            pieces,
            (at) => ({ type: 'content', content: whole(), citations: [{ index: at }] }),
            () => ({ finishReason: 'stop', usage: noUsage() }),
          ),
      ),
  };
  const { response } = await new Pipeline([provider(cited)], { logger }).execute('user', 'Go on.');
  return response.content.length;
});

function reading(read: (pieces: number) => Promise<number>): Prepare {
  return async (length, times) => () =>
    repeated(times, async () => expectLength(await read(length / CHARACTERS_PER_PIECE), length));
}

function whole(): string {
  return 'abc ';
}

function stream(pieces: number, content: (at: number) => string): TextStream {
  const chunk = (at: number): ContentChunk & ExecutionChunk => ({
    type: 'content',
    content: content(at),
    call: 1,
    index: at,
  });
  return Stream.fromSource<ExecutionChunk, undefined>(() => new Pieces(pieces, chunk, () => undefined));
}

async function lengthOf(texts: AsyncIterable<string>): Promise<number> {
  let length = 0;
  for await (const text of texts) length += text.length;
  return length;
}
