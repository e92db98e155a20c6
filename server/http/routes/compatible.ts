import type { Input, Message, Part } from '../../../src/index.ts';
import { newId } from '../../../src/kit/index.ts';
import { ToolLimits } from '../../../middleware/tools.ts';
import { RequestCaller } from '../../callers/caller.ts';
import { anthropicAnswer, anthropicFormat } from '../../formats/anthropic.ts';
import { anthropicCount } from '../../formats/anthropic-count.ts';
import { anthropicModel, anthropicModels } from '../../formats/anthropic-models.ts';
import type { ListedModel } from '../../formats/anthropic-models.ts';
import { openaiModel, openaiModels } from '../../formats/openai-models.ts';
import { chatCompletion, chatCompletions } from '../../formats/chat-completions.ts';
import type { EncoderOptions, ErrorBody, Format } from '../../formats/format.ts';
import { response, responses } from '../../formats/responses.ts';
import { parseAnthropicCount, parseAnthropicMessages } from '../../requests/anthropic-messages.ts';
import { parseChatCompletion } from '../../requests/chat-completions.ts';
import type { OpenAISettings } from '../../requests/openai-fields.ts';
import { isRecord } from '../../requests/read.ts';
import { fieldError } from '../../requests/request-error.ts';
import type { ParsedRequest } from '../../requests/request.ts';
import { parseResponse } from '../../requests/responses.ts';
import type { SentItem } from '../../stream/sent-stream.ts';
import { idFrom, ownerOf } from '../agent-request.ts';
import { limited } from '../guards.ts';
import { newInput } from '../new-input.ts';
import type { PipelineTable, Served } from '../pipelines.ts';
import { readJson } from '../read-json.ts';
import { answerStream, collected, retriesOf } from '../respond.ts';
import type { ServerApp, ServerContext, Service } from '../service.ts';
import type { TurnRequest } from '../turns.ts';

/** A protocol of another service, which its clients speak with a changed address. */
interface Protocol {
  path: string;
  format: Format;
  parse: (body: unknown, c: ServerContext, served: Served, inSession: boolean) => ParsedRequest;
  answer: (
    items: readonly SentItem[],
    options: EncoderOptions,
    requestId: string,
    retries: number,
  ) => ErrorBody;
}

const PROTOCOLS: readonly Protocol[] = [
  {
    path: '/v1/chat/completions',
    format: chatCompletions,
    parse: (body, _c, served, session) => parseChatCompletion(body, openaiSettings(served, session)),
    answer: chatCompletion,
  },
  {
    path: '/v1/responses',
    format: responses,
    parse: (body, _c, served, session) => parseResponse(body, openaiSettings(served, session)),
    answer: response,
  },
  {
    path: '/v1/messages',
    format: anthropicFormat,
    parse: (body, c, { tools, provider }) =>
      parseAnthropicMessages(body, c.req.raw.headers, {
        ownTools: tools,
        verbatim: provider === 'anthropic',
      }),
    answer: anthropicAnswer,
  },
];

function openaiSettings(
  { tools: ownTools, provider, passFields, hostedTools }: Served,
  session: boolean,
): OpenAISettings {
  return { ownTools, session, provider, passFields, hostedTools };
}

/** The header that makes a request a turn of a conversation: then only its new messages are taken. */
const SESSION_HEADER = 'x-sluice-session';

/** The protocol of a path, for errors that come before its route. */
export function formatOfPath(path: string, headers: Headers): Format | undefined {
  if (!path.startsWith('/v1/')) return undefined;
  if (path.startsWith('/v1/messages') || headers.has('anthropic-version')) return anthropicFormat;
  return path.startsWith('/v1/responses') ? responses : chatCompletions;
}

/** The routes of OpenAI and Anthropic. */
export function compatibleRoutes(app: ServerApp, service: Service): void {
  for (const protocol of PROTOCOLS)
    app.post(protocol.path, limited(service), async (c) => {
      const body = await readCompatible(c, service);
      const { served, model } = servedFor(service.table, body);
      const session = c.req.header(SESSION_HEADER);
      const request = protocol.parse(body, c, served, session !== undefined);
      const turn = await turnOf(c, service, { request, served, model, session });
      const stream = service.turns.start(turn, c.var.place);
      const { format } = protocol;
      if (request.stream)
        return answerStream(c, service, stream, { format, encoder: request.encoder, id: turn.turnId });
      const { items } = await collected(c, stream);
      return sent(protocol.answer(items, request.encoder, c.var.requestId, retriesOf(c.req.raw.headers)));
    });

  app.post('/v1/messages/count_tokens', async (c) => {
    const body = await readCompatible(c, service);
    const { served } = servedFor(service.table, body);
    const settings = { ownTools: served.tools, verbatim: served.provider === 'anthropic' };
    return sent(
      anthropicCount(parseAnthropicCount(body, c.req.raw.headers, settings).encoder, c.var.requestId),
    );
  });

  app.get('/v1/models', (c) => {
    const { requestId } = c.var;
    const models = modelsOf(service.table);
    if (c.req.header('anthropic-version') === undefined) return sent(openaiModels(models, requestId));
    return sent(anthropicModels(models, new URL(c.req.url).searchParams, requestId));
  });

  app.get('/v1/models/:id{.+}', (c) => {
    const name = c.req.param('id');
    const isAnthropic = c.req.header('anthropic-version') !== undefined;
    return sent((isAnthropic ? anthropicModel : openaiModel)(modelsOf(service.table), name, c.var.requestId));
  });
}

function sent({ status, headers, body }: ErrorBody): Response {
  return Response.json(body, { status, headers });
}

/** The body of a request to a compatible route: images make it large. */
export function readCompatible(c: ServerContext, { settings }: Service): Promise<unknown> {
  const { maxCompatibleBodyBytes: maxBytes, maxDepth, bodyTimeoutMs: timeoutMs } = settings;
  return readJson(c.req.raw, { maxBytes, maxDepth, timeoutMs });
}

function servedFor(table: PipelineTable, body: unknown): { served: Served; model?: string } {
  const model = isRecord(body) ? body['model'] : undefined;
  if (typeof model !== 'string') throw fieldError('model', 'give the name of a model');
  return table.forModel(model);
}

function modelsOf({ all }: PipelineTable): ListedModel[] {
  return all.flatMap(({ name, models }) => [name, ...models].map((id) => ({ id })));
}

interface Asked {
  request: ParsedRequest;
  served: Served;
  model: string | undefined;
  session: string | undefined;
}

async function turnOf(c: ServerContext, service: Service, asked: Asked): Promise<TurnRequest> {
  const { request, served, model, session } = asked;
  const caller = c.get('caller');
  const requestId = c.get('requestId');
  const owner = ownerOf(c, service, undefined);
  const key = session === undefined ? undefined : { owner, id: idFrom(SESSION_HEADER, session) };
  const given = c.req.header('idempotency-key');
  // The tools of the client and ours in one round could not be answered without a store.
  const hasBoth = session === undefined && (request.options.tools?.length ?? 0) > 0;
  const { model: _asked, ...options } = request.options;
  return {
    ...{ served, caller, owner, requestId },
    session: key,
    turnId: given === undefined ? newId() : idFrom('idempotency-key', given),
    isNamed: given !== undefined,
    // These clients do not come back to a stream.
    mayDetach: given !== undefined,
    model: request.encoder.model,
    input:
      key === undefined || !isMessages(request.input)
        ? request.input
        : await newInput(served, key, request.input, given),
    options: {
      ...options,
      ...(model !== undefined && { model }),
      ...(key !== undefined && systemOf(request.input)),
      values: [
        RequestCaller.with(caller),
        // Nobody can approve a call here.
        ...(session === undefined
          ? [ToolLimits.with({ approvals: 'deny', ownTools: !hasBoth || service.settings.ownTools })]
          : []),
      ],
    },
  };
}

/** In a session the client's instructions are those of the request, and not part of what is stored: it repeats them with each one, and may change them. */
function systemOf(input: Input): { system?: string | Part[] } {
  if (!isMessages(input)) return {};
  const all = input.filter(({ role }) => role === 'system').map(({ content }) => content);
  const given = all.filter((content) => content.length > 0);
  const [only, ...more] = given;
  if (only === undefined) return {};
  if (more.length === 0) return { system: only };
  return { system: given.flatMap((one) => (typeof one === 'string' ? { type: 'text', text: one } : one)) };
}

function isMessages(input: Input): input is readonly Message[] {
  return Array.isArray(input);
}
