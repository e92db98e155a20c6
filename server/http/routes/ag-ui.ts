import * as z from 'zod';
import { inputIdOf } from '../../../src/kit/index.ts';
import { RequestCaller } from '../../callers/caller.ts';
import { agUiFormat } from '../../formats/ag-ui.ts';
import { parseAgUi, threadIdOf, unansweredIds } from '../../requests/ag-ui.ts';
import { RequestError } from '../../requests/request-error.ts';
import type { SentItem, SentStream } from '../../stream/sent-stream.ts';
import { id, idFrom, ownerOf, parsed, turnIdOfMessage } from '../agent-request.ts';
import { limited } from '../guards.ts';
import type { Served } from '../pipelines.ts';
import { answerStream } from '../respond.ts';
import type { ServerApp, Service } from '../service.ts';
import type { TurnRequest } from '../turns.ts';
import { readCompatible } from './compatible.ts';

const query = z.object({ pipeline: z.string().optional(), org_id: id.optional() });

/** What an `HttpAgent` of AG-UI calls: `POST /api/ag-ui` to run, and `POST /api/ag-ui/join`, with the same body, to join the run that is going on in a thread. */
export function agUiRoutes(app: ServerApp, service: Service): void {
  app.post('/api/ag-ui', limited(service), async (c) => {
    const asked = parsed(query, c.req.query());
    const served = service.table.named(asked.pipeline);
    const { uiSessions: session } = service.settings;
    const body = await readCompatible(c, service);
    const owner = ownerOf(c, service, asked.org_id);
    const { tools: ownTools, clientTools } = served;
    const known = session ? await knownIds(served, owner, body) : new Set<string>();
    const request = parseAgUi(body, { session, ownTools, clientTools, known });
    const turnId = turnIdOfMessage(request.turnId);
    const turn: TurnRequest = {
      ...{ served, owner, turnId, caller: c.var.caller, requestId: c.var.requestId },
      session: session ? { owner, id: idFrom('threadId', request.threadId) } : undefined,
      isNamed: request.turnId !== undefined,
      mayDetach: true,
      input: request.input,
      options: { ...request.options, values: [RequestCaller.with(c.var.caller)] },
    };
    const stream = service.turns.start(turn, c.var.place);
    return answerStream(c, service, stream, { format: agUiFormat, encoder: request.encoder, id: turnId });
  });

  app.post('/api/ag-ui/join', limited(service), async (c) => {
    const request = parseAgUi(await readCompatible(c, service));
    const owner = ownerOf(c, service, parsed(query, c.req.query()).org_id);
    const answer = await service.runs.join({ owner, id: idFrom('threadId', request.threadId) });
    if (answer.as !== 'stream')
      throw new RequestError('not_found', 'Nothing runs in this thread.', { status: 404 });
    const { key } = answer;
    const { stream, joinAt } = await begun(service.turns.joined(answer.stream, key, c.var.place));
    const { run } = request.encoder;
    const encoder = { ...request.encoder, ...(run !== undefined && { run: { ...run, joinAt } }) };
    return answerStream(c, service, stream, { format: agUiFormat, encoder, id: key.id });
  });
}

/** What the user has said in runs that failed: a client sends it again, and the session has it. */
async function knownIds({ pipeline }: Served, owner: string, body: unknown): Promise<Set<string>> {
  const ids = unansweredIds(body);
  if (ids.length === 0) return new Set();
  const key = { owner, id: idFrom('threadId', threadIdOf(body)) };
  const turns = await Promise.all(ids.map((turnId) => pipeline.store.turn(key, inputIdOf(turnId))));
  return new Set(ids.filter((_, at) => turns[at] !== undefined));
}

/** Reads what there is of a stream, and gives it again. `joinAt`: up to here it is told as a snapshot. */
async function begun(stream: SentStream): Promise<{ stream: SentStream; joinAt: number }> {
  let first: SentItem[] | undefined = await stream.next();
  const joinAt = (first ?? []).reduce((at, item) => (item.type === 'chunk' ? item.position : at), 0);
  return {
    joinAt,
    stream: {
      next() {
        const given = first;
        first = undefined;
        return given === undefined ? stream.next() : Promise.resolve(given);
      },
      close: (reason) => stream.close(reason),
    },
  };
}
