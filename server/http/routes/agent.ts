import { RequestError } from '../../requests/request-error.ts';
import { formatOf, isFormatName } from '../../send/formats.ts';
import { agentFormat, summaryOf } from '../../formats/agent.ts';
import type { SentEnd } from '../../stream/parts.ts';
import type { SentItem, SentStream } from '../../stream/sent-stream.ts';
import { agentTurn, parsed } from '../agent-request.ts';
import { readJson } from '../read-json.ts';
import { accumulated, answerStream, collected } from '../respond.ts';
import type { Collected } from '../respond.ts';
import type { ServerApp, ServerContext, Service } from '../service.ts';
import type { TurnRequest } from '../turns.ts';
import { limited } from '../guards.ts';
import * as z from 'zod';

/** What a client may ask for besides the usual events. */
const EVENTS: readonly string[] = [
  'reset',
  'tool_call_delta',
  'tool_progress',
  'file',
  'interrupted',
  'cost',
];
/** The same, if the server shows what is inside. */
const DEBUG: readonly string[] = ['warnings', 'trace'];

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
  app.get(`${basePath}/agent/stream`, limited(service), async (c) => {
    // A client that comes back must never start a turn again.
    if (c.req.header('last-event-id') !== undefined) return new Response(null, { status: 204 });
    const asked = parsed(getQuery, c.req.query());
    const { prompt, ...rest } = asked;
    return answerTurn(c, service, agentTurn(c, service, { ...rest, input: prompt }));
  });
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
export function readBody(c: ServerContext, { settings }: Service): Promise<unknown> {
  const { maxBodyBytes: maxBytes, maxDepth, bodyTimeoutMs: timeoutMs } = settings;
  return readJson(c.req.raw, { maxBytes, maxDepth, timeoutMs });
}

/** Answers with the events of a turn, in the format that the query names. */
export function answerTurn(c: ServerContext, service: Service, turn: TurnRequest): Promise<Response> {
  return answerEvents(c, service, service.turns.start(turn, c.var.place), turn.turnId);
}

/** Answers with the events of a stream, in the format that the query names. */
function answerEvents(
  c: ServerContext,
  service: Service,
  stream: SentStream,
  id: string,
  lastEventId?: string,
): Promise<Response> {
  const { format, include } = wanted(c, service);
  return answerStream(c, service, stream, { format, encoder: { include }, id, lastEventId });
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
  const allowed = new Set(settings.debug ? [...EVENTS, ...DEBUG] : EVENTS);
  const asked = (c.req.query('include') ?? '').split(',');
  return { format: formatOf(name), include: new Set(asked.filter((what) => allowed.has(what))) };
}

/** Answers with a turn in one piece. */
export async function answerWhole(c: ServerContext, service: Service, turn: TurnRequest): Promise<Response> {
  const whole = await collected(c, service.turns.start(turn, c.var.place));
  const { end } = whole;
  if (end === undefined || end.error !== undefined) {
    const { status, headers, body } = agentFormat.error(
      end?.error ?? { code: 'truncated', message: 'The answer stopped before its end.', retryable: true },
      c.var.requestId,
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
