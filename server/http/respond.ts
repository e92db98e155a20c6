import { Accumulator } from '../../src/index.ts';
import { onAbort } from '../../src/kit/index.ts';
import { sentError } from '../formats/errors.ts';
import type { EncoderOptions, Format } from '../formats/format.ts';
import type { SentEnd, SentStart } from '../stream/parts.ts';
import type { SentItem, SentStream } from '../stream/sent-stream.ts';
import { Sending } from '../send/sending.ts';
import type { ServerContext, Service } from './service.ts';

/** How a stream is answered. */
export interface StreamAnswer {
  format: Format;
  encoder: EncoderOptions;
  id: string;
  lastEventId?: string | undefined;
  /** What the ids of events end with, for a client that comes back with nothing else than such an id. Default: nothing. */
  idSuffix?: string | undefined;
}

/** Tells the adapter of Node that the answer was written already. */
const ALREADY_SENT = 'x-hono-already-sent';

/** How often the client says that it has sent this request before: the official clients count. */
export function retriesOf(headers: Headers): number {
  const count = Number(headers.get('x-stainless-retry-count') ?? 0);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}

/** Answers with a stream of events. On Node it is written to the response itself: the request is over for hono, with what it holds, before the first chunk is there. */
export function answerStream(
  c: ServerContext,
  { settings }: Service,
  stream: SentStream,
  answer: StreamAnswer,
): Response | Promise<Response> {
  const { statusWaitMs, heartbeatMs, slowClientMs } = settings;
  const sending = new Sending(stream, {
    ...answer,
    requestId: c.get('requestId'),
    headers: c.get('headers'),
    retries: retriesOf(c.req.raw.headers),
    statusWaitMs,
    heartbeatMs,
    slowClientMs,
  });
  const direct = c.env?.direct;
  if (direct === undefined) return sending.respond(c.req.raw.signal);
  const sent = sending.toNode(direct).catch(() => void direct.destroy());
  c.set(
    'sent',
    sent.then(() => direct.statusCode),
  );
  return alreadySent();
}

/**
 * The answer that tells the adapter of Node to write nothing. If the application lets the adapter replace the global `Response`, one without a body has a short form, whose headers
 * the adapter sends without looking at them. To read the body makes it a full one.
 */
function alreadySent(): Response {
  const response = new Response(null, { headers: { [ALREADY_SENT]: 'true' } });
  Reflect.get(response, 'body');
  return response;
}

/** A whole turn. */
export interface Collected {
  start: SentStart | undefined;
  end: SentEnd | undefined;
  /** What the turn gave, in order. */
  items: SentItem[];
}

/** Reads a stream to its end, for an answer in one piece. A client that leaves cancels it. */
export async function collected(c: ServerContext, stream: SentStream): Promise<Collected> {
  const whole: Collected = { start: undefined, end: undefined, items: [] };
  using _listening = onAbort(c.req.raw.signal, () => void stream.close().catch(() => undefined));
  for (;;) {
    const items = await stream.next();
    if (items === undefined) return whole;
    for (const item of items) {
      whole.items.push(item);
      if (item.type === 'start') whole.start = item.start;
      else if (item.type === 'end') whole.end = item.end;
    }
    if (whole.end !== undefined) return whole;
  }
}

/** What the chunks of a turn add up to, after resets. */
export function accumulated(items: readonly SentItem[]): Accumulator {
  const accumulator = new Accumulator();
  for (const item of items) if (item.type === 'chunk') accumulator.add(item.chunk);
  return accumulator;
}

/** An error in the words of a format. */
export function answerError(c: ServerContext, format: Format, thrown: unknown): Response {
  const error = sentError(thrown);
  const { status, headers, body } = format.error(error, c.get('requestId'), retriesOf(c.req.raw.headers));
  return Response.json(body, { status, headers });
}
