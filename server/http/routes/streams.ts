import * as z from 'zod';
import type { EncoderOptions, Format } from '../../formats/format.ts';
import { RequestError } from '../../requests/request-error.ts';
import type { ReadAnswer, StopAnswer } from '../../resumable/resumable.ts';
import { parseCursor } from '../../stream/cursor.ts';
import type { Cursor } from '../../stream/cursor.ts';
import { EventFold } from '../../stream/event-fold.ts';
import type { SentItem, SentStream } from '../../stream/sent-stream.ts';
import { ownerOf, parsed } from '../agent-request.ts';
import { answerStream } from '../respond.ts';
import type { ServerApp, ServerContext, Service } from '../service.ts';
import { stopConversation, stopTurn } from '../stop-turn.ts';
import { readBody, wanted } from './agent.ts';

const reason = z
  .string()
  .regex(/^[\w .:,-]{1,100}$/, 'give one line of at most 100 plain characters')
  .default('stopped');
const stopBody = z.object({ reason, org_id: z.string().optional() });
const stopConversationBody = stopBody.extend({ stream: z.string().min(1).max(200).optional() });

/** Coming back to a stream, joining the one of a conversation, and stopping both. */
export function streamRoutes(app: ServerApp, service: Service): void {
  const { basePath } = service.settings;
  const { runs } = service;

  app.get(`${basePath}/streams/:id`, async (c) => {
    const { format, include } = wanted(c, service);
    const key = { owner: ownerOf(c, service, c.req.query('org_id')), id: c.req.param('id') };
    const after = cursorOf(c);
    return answerRead(c, service, await runs.read(key, { after }), { format, include, after, none: 404 });
  });

  app.get(`${basePath}/conversations/:id/stream`, async (c) => {
    const { format, include } = wanted(c, service);
    const session = { owner: ownerOf(c, service, c.req.query('org_id')), id: c.req.param('id') };
    const after = cursorOf(c);
    // Nothing runs: there is nothing to wait for.
    return answerRead(c, service, await runs.join(session, { after }), { format, include, after, none: 204 });
  });

  app.post(`${basePath}/streams/:id/stop`, async (c) => {
    const asked = parsed(stopBody, await optionalBody(c, service));
    const owner = ownerOf(c, service, asked.org_id);
    return answerStop(c, await stopTurn(service, owner, c.req.param('id'), asked.reason));
  });

  app.post(`${basePath}/conversations/:id/stop`, async (c) => {
    const asked = parsed(stopConversationBody, await optionalBody(c, service));
    const session = { owner: ownerOf(c, service, asked.org_id), id: c.req.param('id') };
    return answerStop(c, await stopConversation(service, session, asked.stream, asked.reason));
  });
}

/** A stop needs no body. */
async function optionalBody(c: ServerContext, service: Service): Promise<unknown> {
  const isEmpty = c.req.raw.body === null || c.req.header('content-length') === '0';
  return isEmpty ? {} : readBody(c, service);
}

function answerStop(c: ServerContext, { status, turnId }: StopAnswer): Response {
  if (status === 'unknown')
    throw new RequestError('not_found', 'There is no such stream, or nothing runs.', { status: 404 });
  return c.json({ status, stream: turnId });
}

/** Where the client goes on: the header that an `EventSource` sends by itself, or the query. */
export function cursorOf(c: ServerContext): Cursor | undefined {
  const id = c.req.header('last-event-id') ?? c.req.query('last_event_id');
  if (id === undefined || id === '') return undefined;
  try {
    return parseCursor(id);
  } catch {
    throw new RequestError('invalid_request', 'last-event-id: give the id of an event of this stream.', {
      field: 'last-event-id',
    });
  }
}

/** How a stream that was found is answered. */
export interface ReadSettings {
  format: Format;
  include: ReadonlySet<string>;
  /** What else the encoder has to know. */
  encoder?: EncoderOptions;
  after: Cursor | undefined;
  /** The status if there is no such stream. */
  none: 204 | 404;
}

/** Answers with what reading a stream gave. */
export async function answerRead(
  c: ServerContext,
  service: Service,
  answer: ReadAnswer,
  { format, include, encoder: more, after, none }: ReadSettings,
): Promise<Response> {
  switch (answer.as) {
    case 'unknown':
      if (none === 204) return new Response(null, { status: 204 });
      throw new RequestError('not_found', 'There is no such stream.', { status: 404 });
    case 'gap':
      throw new RequestError(
        'not_found',
        'The beginning of the stream is not kept any more: read the conversation.',
        {
          status: 410,
        },
      );
    case 'ahead':
      throw new RequestError('conflict', 'The stream does not have the event that was named.', {
        status: 409,
      });
    case 'stream': {
      const { key, hasEnded } = answer;
      const stream = service.turns.joined(answer.stream, key, await service.counts.enter(c.var.caller));
      const encoder = { include, ...more };
      const lastEventId = after === undefined ? undefined : `${after.position}.${after.sub}`;
      if (!hasEnded || after === undefined)
        return answerStream(c, service, stream, { format, encoder, id: key.id, lastEventId });
      // All that is left is the end, at most: whether there is something to send is known before the headers.
      const items = await readAll(stream);
      const fold = new EventFold(format, encoder, after);
      for (const item of items) fold.add(item, () => undefined);
      if (fold.given === 0) return new Response(null, { status: 204 });
      return answerStream(c, service, replayed(items), { format, encoder, id: key.id, lastEventId });
    }
  }
}

async function readAll(stream: SentStream): Promise<SentItem[]> {
  const all: SentItem[] = [];
  for (;;) {
    const items = await stream.next();
    if (items === undefined) return all;
    all.push(...items);
    if (all.at(-1)?.type === 'end') return all;
  }
}

function replayed(items: SentItem[]): SentStream {
  let rest: SentItem[] | undefined = items;
  return {
    next() {
      const given = rest;
      rest = undefined;
      return Promise.resolve(given);
    },
    close: () => Promise.resolve(),
  };
}
