import type { EncoderOptions, Format, Frame } from '../../../server/formats/format.ts';
import type { SentChunk, SentEnd } from '../../../server/stream/parts.ts';
import type { SentItem } from '../../../server/stream/sent-stream.ts';
import type { StreamChunk } from '../../../src/index.ts';

/** A chunk of which only the content matters. Its number is 1. */
export type Said = StreamChunk & { call?: number };

/** The items of a stream that says this and ends so. */
export function itemsOf(said: readonly Said[], end: SentEnd): SentItem[] {
  return [
    { type: 'start', start: { turnId: 'turn-1', startedAt: 1_700_000_000_500 } },
    ...said.map((chunk, index): SentItem => {
      const stamped = { call: 1, ...chunk, index } as SentChunk;
      return { type: 'chunk', chunk: stamped, position: index + 1, at: 0 };
    }),
    { type: 'end', end, position: said.length + 1, at: 0 },
  ];
}

/** The frames that an encoder makes of items, one after the other. */
export function framesOf(format: Format, items: readonly SentItem[], options: EncoderOptions = {}): Frame[] {
  const encoder = format.encoder(options);
  return items.flatMap((item) => {
    if (item.type === 'start') return encoder.start(item.start);
    if (item.type === 'end') return encoder.end(item.end, item.position, item.at);
    return encoder.chunk(item.chunk, item.position, item.at);
  });
}
