import { Timer, withDeadline } from '../../src/kit/index.ts';
import type { Frame } from '../formats/format.ts';
import type { SentItem, SentStream } from '../stream/sent-stream.ts';
import type { EventFold } from '../stream/event-fold.ts';
import type { Opening } from './opening.ts';

/** The client's end of a stream: a response, or a socket. */
export interface Sink {
  /** Writes one event at once. False: more waits for the client than it should, so wait for `drained()`. */
  event(frame: Frame, id: string | undefined): boolean;
  /** Writes what is sent while nothing happens. */
  heartbeat(): void;
  /** Resolves when the client has taken what was written, or has left. */
  drained(): Promise<void>;
  /** Ends the stream in good order. */
  end(): void;
  /** Cuts the connection: the client learns that something is missing. */
  cut(): void;
}

/** How a stream is sent. */
export interface SendSettings {
  /** The longest silence, in milliseconds. */
  heartbeatMs: number;
  /** How long a client that does not keep up has to take what waits for it, in milliseconds. */
  slowClientMs: number;
  /** What the ids of events end with. */
  idSuffix?: string | undefined;
}

/**
 * Sends a stream to a client, up to its end. A client that does not keep up slows the stream down, and loses it after `slowClientMs`. A stream that cannot be read on is
 * cut, and so is one that stops without an end. Never rejects. Whoever owns the sink closes the stream if the client leaves.
 */
export async function sendStream(
  stream: SentStream,
  opening: Opening,
  fold: EventFold,
  sink: Sink,
  { heartbeatMs, slowClientMs, idSuffix = '' }: SendSettings,
): Promise<void> {
  let last = Date.now();
  let keepsUp = true;
  const emit = (frame: Frame, id: string | undefined): void => {
    keepsUp = sink.event(frame, id && id + idSuffix);
  };
  const beat = (): void => {
    const idle = Date.now() - last;
    if (idle >= heartbeatMs && keepsUp) sink.heartbeat();
    heart.start(idle >= heartbeatMs ? heartbeatMs : heartbeatMs - idle);
  };
  using heart = new Timer(beat);
  heart.start(heartbeatMs);
  try {
    let items: SentItem[] | undefined = opening.items;
    let { pending } = opening;
    while (items !== undefined) {
      for (const item of items) {
        fold.add(item, emit);
        if (!keepsUp) {
          await withDeadline(sink.drained(), slowClientMs);
          keepsUp = true;
        }
      }
      if (items.length > 0) last = Date.now();
      if (fold.ended) break;
      items = await (pending ?? stream.next());
      pending = undefined;
    }
    if (fold.ended) sink.end();
    else sink.cut();
  } catch {
    // The log cannot be read, or the client is too slow. Only a cut says that something is missing.
    sink.cut();
  }
  await stream.close().catch(() => undefined);
}
