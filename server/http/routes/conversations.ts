import * as z from 'zod';
import type { OpenSession, PipelineStore, SessionKey } from '../../../src/index.ts';
import { isSluiceError } from '../../../src/index.ts';
import { RequestError, fieldError } from '../../requests/request-error.ts';
import { decisionsTurn, editTurn, idInPath, ownerOf, parsed, regenerateTurn } from '../agent-request.ts';
import { limited } from '../guards.ts';
import type { ServerApp, ServerContext, Service } from '../service.ts';
import { answerTurn, answerWhole, readBody } from './agent.ts';

const listQuery = z.object({
  cursor: z.string().max(2_000).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
});
const forkBody = z.object({ at: z.int().min(1).optional() });
const branchBody = z.object({ leaf: z.string().min(1) });

/** The conversations of a caller: list, read, fork, delete, branches, and turns that go on with one. A stranger's conversation is not there: 404. */
export function conversationRoutes(app: ServerApp, service: Service): void {
  const base = `${service.settings.basePath}/conversations`;
  const one = `${base}/:id`;

  app.get(base, async (c) => {
    const { cursor, limit } = parsed(listQuery, c.req.query());
    const { store } = served(c, service).pipeline;
    const { sessions, cursor: next } = await store
      .list({ owner: owner(c, service), limit, cursor })
      .catch((error: unknown) => {
        // It is made by the store, so nobody else knows what is wrong with it.
        if (cursor !== undefined && isSluiceError(error) && error.code === 'invalid_options')
          throw fieldError('cursor', 'give the one of the last answer, of the same caller');
        throw error;
      });
    return c.json({
      conversations: sessions.map(({ id, version, updatedAt }) => ({ id, version, updated_at: updatedAt })),
      cursor: next,
    });
  });

  app.get(one, async (c) => {
    const { key, store, session } = await existing(c, service);
    const branches = await store.branches(key);
    const [running] = await service.runs.running(key);
    return c.json({ ...bodyOf(session, branches), running });
  });

  app.delete(one, async (c) => {
    const { key, store } = await existing(c, service);
    await store.delete(key);
    return new Response(null, { status: 204 });
  });

  app.post(`${one}/fork`, async (c) => {
    const { at } = parsed(forkBody, await readBody(c, service));
    const { key, store } = await existing(c, service);
    const { id } = await store.fork(key, at);
    return c.json({ id }, 201);
  });

  app.post(`${one}/branch`, async (c) => {
    const { leaf } = parsed(branchBody, await readBody(c, service));
    const { key } = await existing(c, service);
    await served(c, service).pipeline.switchTo(key, leaf);
    return new Response(null, { status: 204 });
  });

  const turns = { regenerate: regenerateTurn, edit: editTurn, decisions: decisionsTurn };
  for (const [name, turnOf] of Object.entries(turns))
    app.post(`${one}/${name}`, limited(service), async (c) => {
      const body = await readBody(c, service);
      const turn = turnOf(c, service, idInPath(c), body);
      await known(turn.served.pipeline.store, turn.session ?? '');
      return wantsWhole(c) ? answerWhole(c, service, turn) : answerTurn(c, service, turn);
    });
}

/** Whether the client wants one JSON answer and no stream. */
function wantsWhole(c: ServerContext): boolean {
  const accept = c.req.header('accept') ?? '';
  return accept.includes('application/json') && !accept.includes('text/event-stream');
}

function served(c: ServerContext, { table }: Service): Service['table']['first'] {
  return table.named(c.req.query('pipeline'));
}

function owner(c: ServerContext, service: Service): string {
  return ownerOf(c, service, c.req.query('org_id'));
}

/** The conversation of the path. Throws `not_found` if the caller has none of this id. */
async function existing(
  c: ServerContext,
  service: Service,
): Promise<{ key: SessionKey; store: PipelineStore; session: OpenSession }> {
  const id = idInPath(c);
  const { store } = served(c, service).pipeline;
  const key = { owner: owner(c, service), id };
  return { key, store, session: await known(store, key) };
}

async function known(store: PipelineStore, key: SessionKey): Promise<OpenSession> {
  const session = await store.load(key, { ids: true, open: true });
  if (session !== undefined) return session;
  throw new RequestError('not_found', 'There is no such conversation.', { status: 404 });
}

function bodyOf(
  session: OpenSession,
  branches: Awaited<ReturnType<PipelineStore['branches']>>,
): Record<string, unknown> {
  const { id, messages, ids, openTurn, usage, cost, turns, createdAt, updatedAt } = session;
  return {
    id,
    messages,
    ids,
    branches: branches.map(({ id: leaf, parent, messageCount, updatedAt: at, isHead }) => ({
      id: leaf,
      parent,
      message_count: messageCount,
      updated_at: at,
      is_head: isHead,
    })),
    open: openTurn?.turnId,
    open_messages: openTurn?.messages,
    pending: openTurn?.pending,
    usage,
    cost,
    turns,
    created_at: createdAt,
    updated_at: updatedAt,
  };
}
