import { sseText } from './sse-text.ts';
import type { Sink } from './send-stream.ts';

/** How many bytes may wait for a client before the stream waits for it. */
export const MAX_WAITING_BYTES = 65_536;

/** A sink that writes into a web stream, the body of a `Response`. `onGone`: the client has left. */
export function webSink(
  heartbeat: string,
  onGone: () => void,
): { sink: Sink; body: ReadableStream<Uint8Array> } {
  const encoder = new TextEncoder();
  let waiting = Promise.withResolvers<void>();
  let isOpen = true;
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start: (started) => {
        controller = started;
      },
      pull: () => waiting.resolve(),
      cancel() {
        isOpen = false;
        waiting.resolve();
        onGone();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: MAX_WAITING_BYTES }),
  );
  const write = (text: string): boolean => {
    if (!isOpen || controller === undefined) return true;
    controller.enqueue(encoder.encode(text));
    if ((controller.desiredSize ?? 0) > 0) return true;
    waiting = Promise.withResolvers();
    return false;
  };
  const sink: Sink = {
    event: (frame, id) => write(sseText(frame, id)),
    heartbeat: () => void write(heartbeat),
    drained: () => waiting.promise,
    end() {
      if (isOpen) controller?.close();
      isOpen = false;
    },
    cut() {
      if (isOpen) controller?.error(new Error('The stream was cut.'));
      isOpen = false;
    },
  };
  return { sink, body };
}
