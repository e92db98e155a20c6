import { RequestError } from '../../requests/request-error.ts';
import { formatOf, isFormatName } from '../../send/formats.ts';
import { agentFormat, summaryOf } from '../../formats/agent.ts';
import type { SentEnd } from '../../stream/parts.ts';
import { streamOfCursor, streamSuffix } from '../../stream/cursor.ts';
import type { SentItem } from '../../stream/sent-stream.ts';
import { agentTurn, ownerOf, parsed } from '../agent-request.ts';
import { readJson, readOptionalJson } from '../read-json.ts';
import type { BodyLimits } from '../read-json.ts';
import { accumulated, answerStream, collected, retriesOf } from '../respond.ts';
import type { Collected } from '../respond.ts';
import type { ServerApp, ServerContext, Service } from '../service.ts';
import type { TurnRequest } from '../turns.ts';
import { limited } from '../guards.ts';
import { answerRead, cursorOf } from '../answer-read.ts';
import * as z from 'zod';

/** What a client may ask for besides the usual events. */
const EVENTS: readonly string[] = [
  'reset',
  'tool_call_delta',
  'tool_progress',
  'file',
  'interrupted',
  'gap',
  'cost',
];
/** The same, if the server shows what is inside. */
const DEBUG_EVENTS: readonly string[] = [...EVENTS, 'warnings', 'trace'];
const NOTHING_MORE: ReadonlySet<string> = new Set();

/** `POST {base}/agent/run`, `POST {base}/agent/stream` and, where it is switched on, `GET {base}/agent/stream`. */
export function agentRoutes(app: ServerApp, service: Service): void {
  const { basePath, getStream } = service.settings;
  app.post(`${basePath}/agent/run`, limited(service), async (c) => {
    const turn = agentTurn(c, service, await readBody(c, service));
    return answerWhole(c, service, turn);
  });
  app.post(`${basePath}/agent/stream`, limited(service), async (c) => {
    const turn = agentTurn(c, service, await readBody(c, service));
    return answerTurn(c, service, turn);
  });
  if (!getStream) return;
  const path = `${basePath}/agent/stream`;
  app.get(path, async (c, next) => {
    const id = c.req.header('last-event-id') ?? c.req.query('last_event_id');
    return id === undefined ? next() : answerAgain(c, service, id);
  });
  app.get(path, limited(service), async (c) => {
    const { prompt, ...rest } = parsed(getQuery, c.req.query());
    const turn = agentTurn(c, service, { ...rest, input: prompt });
    const { format, include } = wanted(c, service);
    const stream = service.turns.start(turn, c.var.place);
    const { turnId: id } = turn;
    return answerStream(c, service, stream, { format, encoder: { include }, id, idSuffix: streamSuffix(id) });
  });
}

/**
 * A client that comes back to its stream never starts a turn again: it gets what it has missed, or 204 if there is nothing more. The id of its last event names the stream, because an
 * `EventSource` has nothing else.
 */
async function answerAgain(c: ServerContext, service: Service, lastEventId: string): Promise<Response> {
  const { turn_id, org_id } = parsed(getQuery.partial(), c.req.query());
  const id = streamOfCursor(lastEventId) ?? turn_id;
  const after = cursorOf(c);
  if (id === undefined) return new Response(null, { status: 204 });
  const { format, include } = wanted(c, service);
  const answer = await service.runs.read({ owner: ownerOf(c, service, org_id), id }, { after });
  return answerRead(c, service, answer, { format, include, after, none: 204, idSuffix: streamSuffix(id) });
}

const getQuery = z.object({
  prompt: z.string().min(1).max(100_000),
  pipeline: z.string().optional(),
  model: z.string().optional(),
  org_id: z.string().optional(),
  conversation_id: z.string().optional(),
  turn_id: z.string().optional(),
});

/** The body of a request to the server's own routes. */
export function readBody(c: ServerContext, service: Service): Promise<unknown> {
  return readJson(c.req.raw, limitsOf(service));
}

/** The body of a request that needs none. */
export async function readOptionalBody(c: ServerContext, service: Service): Promise<unknown> {
  return (await readOptionalJson(c.req.raw, limitsOf(service))) ?? {};
}

function limitsOf({ settings }: Service): BodyLimits {
  const { maxBodyBytes: maxBytes, maxDepth, bodyTimeoutMs: timeoutMs } = settings;
  return { maxBytes, maxDepth, timeoutMs };
}

/** Answers with the events of a turn, in the format that the query names. */
export function answerTurn(
  c: ServerContext,
  service: Service,
  turn: TurnRequest,
): Response | Promise<Response> {
  // First: a turn that was started has to be read.
  const { format, include } = wanted(c, service);
  const stream = service.turns.start(turn, c.get('place'));
  return answerStream(c, service, stream, { format, encoder: { include }, id: turn.turnId });
}

/** What the query says about the events: their format, and what is asked for besides the usual ones. */
export function wanted(
  c: ServerContext,
  { settings }: Service,
): { format: ReturnType<typeof formatOf>; include: ReadonlySet<string> } {
  const name = c.req.query('format') ?? 'agent';
  if (!isFormatName(name))
    throw new RequestError('invalid_request', 'format: there is no format of this name.', {
      field: 'format',
    });
  const format = formatOf(name);
  const asked = c.req.query('include');
  if (asked === undefined) return { format, include: NOTHING_MORE };
  const allowed = settings.debug ? DEBUG_EVENTS : EVENTS;
  return { format, include: new Set(asked.split(',').filter((what) => allowed.includes(what))) };
}

/** Answers with a turn in one piece. */
export async function answerWhole(c: ServerContext, service: Service, turn: TurnRequest): Promise<Response> {
  const whole = await collected(c, service.turns.start(turn, c.var.place));
  const { end } = whole;
  if (end === undefined || end.error !== undefined) {
    const { status, headers, body } = agentFormat.error(
      end?.error ?? { code: 'truncated', message: 'The answer stopped before its end.', retryable: true },
      c.var.requestId,
      retriesOf(c.req.raw.headers),
    );
    return Response.json(body, { status, headers });
  }
  return c.json(wholeBody(turn, whole, end));
}

function wholeBody(turn: TurnRequest, { items }: Collected, end: SentEnd): Record<string, unknown> {
  const { usage, cost, ...summary } = summaryOf(end, new Set(['cost']));
  const accumulator = accumulated(items);
  return {
    output: accumulator.content,
    agent: turn.served.name,
    usage,
    cost,
    execution_summary: {
      turn_id: turn.turnId,
      conversation_id: turn.session?.id,
      ...summary,
      provider: end.provider,
      tool_calls: toolCallsOf(items),
    },
  };
}

/** Each call, with what became of it. */
function toolCallsOf(items: readonly SentItem[]): Record<string, unknown>[] {
  const calls = new Map<string, Record<string, unknown>>();
  for (const item of items) {
    if (item.type !== 'chunk') continue;
    const { chunk } = item;
    if (chunk.type === 'tool_call')
      calls.set(chunk.id, { id: chunk.id, name: chunk.name, status: 'pending' });
    else if (chunk.type === 'tool_result') {
      const status = chunk.isError ? 'failed' : 'completed';
      calls.set(chunk.id, { id: chunk.id, name: chunk.name, status });
    }
  }
  return [...calls.values()];
}
