import { createParser } from 'eventsource-parser';
import { CodedError } from '../src/index.ts';
import type { Connection, WireEvent } from './connection.ts';
import { otherForm, parsed } from './wire.ts';

/** How much text of one event is kept while its end has not come, in characters. A longer one is a `protocol` error. */
const LONGEST_EVENT = 64 * 1024 * 1024;

/** The error for a `fetch` that gives the body only as a whole. */
export function noBodyError(): CodedError {
  return new CodedError(
    'invalid_options',
    'This fetch does not stream: pass one that does, in React Native that of "expo/fetch".',
  );
}

/** Reads an answer of server-sent events. A wait of more than `silenceMs` for its next bytes means that the connection is lost. */
export function readEvents(response: Response, silenceMs: number): Connection {
  const body: ReadableStream<Uint8Array> | null | undefined = response.body;
  if (typeof body?.getReader !== 'function') throw noBodyError();
  // The page of a proxy, or of an application that answers every path with itself.
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) throw otherForm();
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let events: WireEvent[] = [];
  const parser = createParser({
    maxBufferSize: LONGEST_EVENT,
    onEvent: ({ id, data }) => events.push({ id, data: parsed(data) }),
  });
  const close = (): void => void reader.cancel().catch(() => undefined);
  return {
    async read() {
      for (;;) {
        const timer = setTimeout(close, silenceMs);
        const { done, value } = await reader.read().finally(() => clearTimeout(timer));
        if (done) return undefined;
        parser.feed(decoder.decode(value, { stream: true }));
        if (events.length === 0) continue;
        const read = events;
        events = [];
        return read;
      }
    },
    close,
  };
}
