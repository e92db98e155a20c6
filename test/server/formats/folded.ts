import type { EncoderOptions, Format, Frame } from '../../../server/formats/format.ts';
import { EventFold } from '../../../server/stream/event-fold.ts';
import { parseCursor } from '../../../server/stream/cursor.ts';
import type { SentItem } from '../../../server/stream/sent-stream.ts';

/** A frame with its id. */
export interface SentFrame {
  frame: Frame;
  id: string | undefined;
}

/** The frames of items, as a client gets them that has everything up to `after`. */
export function framesOf(
  items: readonly SentItem[],
  format: Format,
  options: EncoderOptions,
  after?: string,
): SentFrame[] {
  const fold = new EventFold(format, options, after === undefined ? undefined : parseCursor(after));
  const frames: SentFrame[] = [];
  for (const item of items) fold.add(item, (frame, id) => frames.push({ frame, id }));
  return frames;
}

/** The JSON of frames; `[DONE]` stays text. */
export function dataOfFrames(frames: readonly SentFrame[]): Record<string, unknown>[] {
  return frames.flatMap(({ frame }) =>
    frame.data === '[DONE]' ? [] : [JSON.parse(frame.data) as Record<string, unknown>],
  );
}
