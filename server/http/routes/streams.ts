import * as z from 'zod';
import { RequestError } from '../../requests/request-error.ts';
import type { StopAnswer } from '../../resumable/resumable.ts';
import { id, idInPath, ownerOf, parsed } from '../agent-request.ts';
import { answerRead, cursorOf } from '../answer-read.ts';
import type { ServerApp, ServerContext, Service } from '../service.ts';
import { stopConversation, stopTurn } from '../stop-turn.ts';
import { readOptionalBody, wanted } from './agent.ts';

const reason = z
  .string()
  .regex(/^[\w .:,-]{1,100}$/, 'give one line of at most 100 plain characters')
  .default('stopped');
const stopBody = z.object({ reason, org_id: z.string().optional() });
const stopConversationBody = stopBody.extend({ stream: id.optional() });

/** Coming back to a stream, joining the one of a conversation, and stopping both. */
export function streamRoutes(app: ServerApp, service: Service): void {
  const { basePath } = service.settings;
  const { runs } = service;

  app.get(`${basePath}/streams/:id`, async (c) => {
    const { format, include } = wanted(c, service);
    const key = { owner: ownerOf(c, service, c.req.query('org_id')), id: idInPath(c) };
    const after = cursorOf(c);
    return answerRead(c, service, await runs.read(key, { after }), { format, include, after, none: 404 });
  });

  app.get(`${basePath}/conversations/:id/stream`, async (c) => {
    const { format, include } = wanted(c, service);
    const session = { owner: ownerOf(c, service, c.req.query('org_id')), id: idInPath(c) };
    const after = cursorOf(c);
    // Nothing runs: there is nothing to wait for.
    return answerRead(c, service, await runs.join(session, { after }), { format, include, after, none: 204 });
  });

  app.post(`${basePath}/streams/:id/stop`, async (c) => {
    const asked = parsed(stopBody, await readOptionalBody(c, service));
    const owner = ownerOf(c, service, asked.org_id);
    return answerStop(c, await stopTurn(service, owner, idInPath(c), asked.reason));
  });

  app.post(`${basePath}/conversations/:id/stop`, async (c) => {
    const asked = parsed(stopConversationBody, await readOptionalBody(c, service));
    const session = { owner: ownerOf(c, service, asked.org_id), id: idInPath(c) };
    return answerStop(c, await stopConversation(service, session, asked.stream, asked.reason));
  });
}

function answerStop(c: ServerContext, { status, turnId }: StopAnswer): Response {
  if (status === 'unknown')
    throw new RequestError('not_found', 'There is no such stream, or nothing runs.', { status: 404 });
  return c.json({ status, stream: turnId });
}
