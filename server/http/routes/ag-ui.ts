import * as z from 'zod';
import { RequestCaller } from '../../callers/caller.ts';
import { agUiFormat } from '../../formats/ag-ui.ts';
import { parseAgUi } from '../../requests/ag-ui.ts';
import { id, ownerOf, parsed } from '../agent-request.ts';
import { limited } from '../guards.ts';
import { answerStream } from '../respond.ts';
import type { ServerApp, Service } from '../service.ts';
import { readCompatible } from './compatible.ts';

const query = z.object({ pipeline: z.string().optional(), org_id: id.optional() });

/** What an `HttpAgent` of AG-UI calls: `POST /api/ag-ui`. */
export function agUiRoutes(app: ServerApp, service: Service): void {
  app.post('/api/ag-ui', limited(service), async (c) => {
    const asked = parsed(query, c.req.query());
    const served = service.table.named(asked.pipeline);
    const { uiSessions: session } = service.settings;
    const body = await readCompatible(c, service);
    const request = parseAgUi(body, { session, ownTools: served.tools, clientTools: served.clientTools });
    const owner = ownerOf(c, service, asked.org_id);
    const turnId = request.turnId ?? crypto.randomUUID();
    const stream = service.turns.start({
      ...{ served, owner, turnId, caller: c.var.caller, requestId: c.var.requestId },
      session: session ? { owner, id: parsed(id, request.threadId) } : undefined,
      isNamed: request.turnId !== undefined,
      mayDetach: true,
      input: request.input,
      options: { ...request.options, values: [RequestCaller.with(c.var.caller)] },
    });
    return answerStream(c, service, stream, { format: agUiFormat, encoder: request.encoder, id: turnId });
  });
}
