import * as z from 'zod';
import type { UiFiles } from '../../formats/format.ts';
import { uiMessageFormat } from '../../formats/ui-message.ts';
import { isRecord } from '../../requests/read.ts';
import { RequestError } from '../../requests/request-error.ts';
import { parseUiMessages } from '../../requests/ui-message.ts';
import { id, idFrom, idInPath, ownerOf, parsed, turnIdOfMessage } from '../agent-request.ts';
import { limited } from '../guards.ts';
import { answerStream } from '../respond.ts';
import type { ServerApp, Service } from '../service.ts';
import { streamFile } from '../stream-file.ts';
import type { TurnRequest } from '../turns.ts';
import { RequestCaller } from '../../callers/caller.ts';
import { readCompatible } from './compatible.ts';
import { answerRead, cursorOf } from '../answer-read.ts';

const extra = z.object({
  pipeline: z.string().optional(),
  org_id: id.optional(),
  /** The page sends its credentials with its images, so that large files may be addresses of the server. */
  file_urls: z.boolean().optional(),
});

/** A request that comes back has no body: its query says what the page has. */
const resumed = z.object({
  version: z.literal(['5', '6', '7']).transform(versionOf).optional(),
  pipeline: z.string().optional(),
  file_urls: z.literal('true').optional(),
});

/** Where a file is: the id of its stream, and its position there. */
const filePlace = z.object({
  id: z.string().max(500),
  position: z.string().regex(/^\d{1,9}$/, 'give a number'),
});

/** Where a page finds the files of its streams. */
function filesOf(organization: string | undefined): UiFiles {
  const after = organization === undefined ? '' : `?org_id=${encodeURIComponent(organization)}`;
  return { before: '/api/chat/', after };
}

function versionOf(text: '5' | '6' | '7'): 5 | 6 | 7 {
  return text === '5' ? 5 : text === '6' ? 6 : 7;
}

/** What `useChat` of the AI SDK calls by default: `POST /api/chat`, and `GET /api/chat/:id/stream` to come back. */
export function uiMessageRoutes(app: ServerApp, service: Service): void {
  const { settings, table, runs } = service;

  app.post('/api/chat', limited(service), async (c) => {
    const body = await readCompatible(c, service);
    const asked = parsed(extra, body);
    const served = table.named(asked.pipeline);
    const { uiSessions: session } = settings;
    const request = parseUiMessages(body, { session, clientTools: served.clientTools });
    const owner = ownerOf(c, service, asked.org_id);
    const key =
      session && request.chatId !== undefined ? { owner, id: idFrom('id', request.chatId) } : undefined;
    const turn: TurnRequest = {
      ...{ served, owner, session: key, caller: c.var.caller, requestId: c.var.requestId },
      turnId: turnIdOfMessage(request.turnId),
      isNamed: request.turnId !== undefined,
      mayDetach: true,
      input: request.action === 'regenerate' && key !== undefined ? [] : request.input,
      ...(request.action === 'edit' && key !== undefined && { edit: await editedId(served, key, body) }),
      options: { ...request.options, values: [RequestCaller.with(c.var.caller)] },
    };
    // Only a stream with a log has its files later.
    const hasFiles = asked.file_urls === true && (turn.isNamed || settings.resumable);
    return answerStream(c, service, service.turns.start(turn, c.var.place), {
      format: uiMessageFormat,
      encoder: { ...request.encoder, ...(hasFiles && { files: filesOf(asked.org_id) }) },
      id: turn.turnId,
    });
  });

  app.get('/api/chat/:id/stream', async (c) => {
    const session = { owner: ownerOf(c, service, c.req.query('org_id')), id: idInPath(c) };
    const after = cursorOf(c);
    const { version, pipeline, file_urls: hasFiles } = parsed(resumed, c.req.query());
    const clientTools = new Set(table.named(pipeline).clientTools);
    const answer = await runs.join(session, { after });
    return answerRead(c, service, answer, {
      ...{ format: uiMessageFormat, include: new Set<string>(), after, none: 204 },
      encoder: {
        clientTools,
        ...(version !== undefined && { version }),
        ...(hasFiles === 'true' && { files: filesOf(c.req.query('org_id')) }),
      },
    });
  });

  app.get('/api/chat/:id/files/:position', (c) => {
    const { id: stream, position } = parsed(filePlace, c.req.param());
    const key = { owner: ownerOf(c, service, c.req.query('org_id')), id: stream };
    return streamFile(runs, key, Number(position));
  });
}

/** The stored message that the client's last one replaces. The client's ids are its own: the message of the user at the same place is meant. */
async function editedId(
  { pipeline }: TurnRequest['served'],
  key: { owner: string; id: string },
  body: unknown,
): Promise<string> {
  const messages: unknown = isRecord(body) ? body['messages'] : undefined;
  const said = Array.isArray(messages)
    ? messages.filter((message) => isRecord(message) && message['role'] === 'user').length
    : 0;
  const session = await pipeline.store.load(key, { ids: true });
  const ids = session?.messages.flatMap(({ role }, at) => (role === 'user' ? [session.ids?.[at]] : []));
  const found = ids?.[said - 1];
  if (found !== undefined) return found;
  throw new RequestError('not_found', 'There is no such message.', { status: 404 });
}
