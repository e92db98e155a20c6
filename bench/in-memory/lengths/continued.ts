import { Pipeline, SluiceError, Stream, noUsage } from 'sluice';
import type { Provider, Reply, StreamChunk } from 'sluice';
import { constant } from 'sluice/kit';
import { provider } from 'sluice/middleware';
import { retry } from 'sluice/middleware/retry';
import { logger } from '../../contestants/the-five.ts';
import { CHARACTERS_PER_PIECE, Pieces } from './pieces.ts';
import { expectLength, repeated } from './prepare.ts';

/**
 * Answers that break off at their end, and a model that says all of it again before it goes on. The text has the same characters over and over,
 * so that the repetition may begin at any of them: nothing is harder to find.
 */
export async function continuedAnswers(length: number, times: number): Promise<() => Promise<void>> {
  const pipeline = new Pipeline(
    [
      retry({ afterContent: 'continue', backoff: constant(0), budget: false }),
      provider(breakingOff(length / CHARACTERS_PER_PIECE)),
    ],
    { logger },
  );
  return () =>
    repeated(times, async () => {
      const { response } = await pipeline.execute('user', 'Go on.');
      expectLength(response.content.length, length + CHARACTERS_PER_PIECE);
    });
}

function breakingOff(pieces: number): Provider {
  let calls = 0;
  const repeating = (at: number): StreamChunk => ({
    type: 'content',
    content: at < pieces ? 'abab' : 'done',
  });
  return {
    name: 'openai',
    model: 'gpt-4.1-nano',
    stream() {
      const breaks = calls++ % 2 === 0;
      const reply = (): Reply => {
        if (breaks) throw new SluiceError('network', 'The connection broke off.');
        return { finishReason: 'stop', usage: noUsage() };
      };
      return Stream.fromSource<StreamChunk, Reply>(
        () => new Pieces(breaks ? pieces : pieces + 1, repeating, reply),
      );
    },
  };
}
