import { wellFormed } from '../../../../src/index.ts';
import type { ReasoningOptions, ResponseFormat, ToolChoice } from '../../../../src/index.ts';
import { isRecord, nothingToSend, ownCallId } from '../../../wire/index.ts';
import { markResponses } from '../../shared/cache.ts';
import { carriesData, dataIn, pairedMessages } from '../../shared/paired-messages.ts';
import { ItemIds } from './item-ids.ts';
import { reasons } from '../../server/refused-parameters.ts';
import { customCallsOf, responsesItems } from './input.ts';
import { sampling } from '../../shared/sampling.ts';
import {
  choiceOfTools,
  defined,
  jsonSchema,
  parallelCalls,
  providerFields,
  withProviderFields,
} from '../../shared/request-context.ts';
import type { RequestContext, Json } from '../../shared/request-context.ts';

/** The longest id of a call. OpenAI answers a longer one with status 400 (`string_above_max_length`). */
const MAX_ID_LENGTH = 64;

/** Fields with which the server finds the earlier conversation. */
const EARLIER = ['previous_response_id', 'conversation'];

/** Fields that may take the place of an input. */
const INSTEAD_OF_INPUT = [...EARLIER, 'input', 'prompt'];

/**
 * The body of a request to Responses. OpenAI stores nothing unless `providerOptions` has `store: true`. Instead, the
 * reasoning comes back encrypted, so that it can be sent with the next turn.
 * Source: developers.openai.com, API reference, "Create a model response"
 */
export function responsesRequest(context: RequestContext): Json {
  const { settings, request } = context;
  const { parameters } = request;
  const extra = providerFields(context);
  const model = request.model ?? settings.model;
  const stateless = (extra['store'] ?? false) === false;
  reportUnsupported(context);
  const messages = pairedMessages(context, {
    maxLength: MAX_ID_LENGTH,
    ownId: (part) => ownCallId(part, context.origin, 'call_id'),
    serverId: (part) => dataIn(context, ownCallId(part, context.origin, 'call_id')),
    hasEarlier: EARLIER.some((field) => field in extra),
  });
  const writing = {
    stateless,
    customCalls: customCallsOf(context, messages),
    itemIds: new ItemIds((id) => carriesData(context, id)),
  };
  const perMessage = messages.map((message) => responsesItems(context, message, writing));
  const cache = markResponses(context, perMessage);
  const input = perMessage.flat();
  if (input.length === 0 && !INSTEAD_OF_INPUT.some((field) => field in extra)) {
    throw nothingToSend(settings.name, request.messages);
  }
  const take = sampling(context, extra, effortOf(context, extra));
  const tools = (request.tools ?? []).map(({ name, description, parameters: schema, strict }) =>
    // The API's default is true, and it then refuses schemas that were not written for it.
    defined({ type: 'function', name, description, parameters: schema, strict: strict ?? false }),
  );
  const asksEncrypted = stateless && (settings.encryptedReasoning ?? reasons(model));
  const body = withProviderFields(
    defined({
      model,
      input,
      ...cache,
      store: false,
      include: asksEncrypted ? ['reasoning.encrypted_content'] : undefined,
      tools: tools.length > 0 ? tools : undefined,
      tool_choice: toolChoice(choiceOfTools(context, extra)),
      parallel_tool_calls: parallelCalls(context, extra),
      text: textFormat(request.responseFormat),
      temperature: take('temperature'),
      top_p: take('topP'),
      max_output_tokens: parameters.maxTokens,
      reasoning: reasoningField(parameters.reasoning),
    }),
    extra,
  );
  return wellFormed({ ...body, stream: settings.stream });
}

function effortOf({ request }: RequestContext, { reasoning }: Json): unknown {
  return (isRecord(reasoning) ? reasoning['effort'] : undefined) ?? request.parameters.reasoning?.effort;
}

/** Reports parameters that this API has no field for. */
function reportUnsupported(context: RequestContext): void {
  const { parameters } = context.request;
  const { stopSequences, reasoning } = parameters;
  if (stopSequences !== undefined && stopSequences.length > 0) {
    context.unsupported('stopSequences is not supported by this API: use api "chat"');
  }
  for (const key of ['seed', 'frequencyPenalty', 'presencePenalty'] as const) {
    if (parameters[key] !== undefined)
      context.unsupported(`${key} is not supported by this API, it is left out`);
  }
  if (reasoning?.budgetTokens !== undefined) {
    context.unsupported('reasoning.budgetTokens is not supported by this API: use reasoning.effort');
  }
}

function reasoningField(reasoning: ReasoningOptions | undefined): Json | undefined {
  const field = defined({ effort: reasoning?.effort, summary: reasoning?.summary });
  return Object.keys(field).length > 0 ? field : undefined;
}

function toolChoice(choice: ToolChoice | undefined): unknown {
  return typeof choice === 'object' ? { type: 'function', name: choice.name } : choice;
}

function textFormat(format: ResponseFormat | undefined): Json | undefined {
  switch (format?.type) {
    case undefined:
      return undefined;
    case 'text':
      return { format: { type: 'text' } };
    case 'json':
      return { format: { type: 'json_object' } };
    case 'json_schema':
      return { format: { type: 'json_schema', ...jsonSchema(format) } };
  }
}
