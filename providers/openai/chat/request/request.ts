import { wellFormed } from '../../../../src/index.ts';
import type { ResponseFormat, ToolChoice } from '../../../../src/index.ts';
import { nothingToSend, ownCallId } from '../../../wire/index.ts';
import { markChat } from '../../shared/cache.ts';
import { pairedMessages } from '../../shared/paired-messages.ts';
import { chatMessages, resultsFirst } from './messages.ts';
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
import { toolTurns } from '../../server/thinking-back.ts';

/** The longest id of a tool call. OpenAI answers a longer one with status 400 (`string_above_max_length`). */
const MAX_ID_LENGTH = 40;

/**
 * The body of a request to Chat Completions.
 * Source: developers.openai.com, API reference, "Create chat completion"
 */
export function chatRequest(context: RequestContext): Json {
  const { settings, request } = context;
  const { parameters } = request;
  const fields = providerFields(context);
  const model = request.model ?? settings.model;
  const { reasoning } = parameters;
  const tools = (request.tools ?? []).map(({ name, description, parameters: schema, strict }) => ({
    type: 'function',
    function: defined({ name, description, parameters: schema, strict }),
  }));
  if (reasoning?.budgetTokens !== undefined) {
    context.unsupported('reasoning.budgetTokens is not supported by this API: use reasoning.effort');
  }
  if (reasoning?.summary !== undefined) {
    context.unsupported('reasoning.summary is not supported by this API: use api "responses"');
  }
  const perMessage = wireMessages(context);
  const cache = markChat(context, perMessage);
  const messages = resultsFirst(perMessage.flat());
  if (messages.length === 0 && !('messages' in fields)) throw nothingToSend(settings.name, request.messages);
  const take = sampling(context, fields, fields['reasoning_effort'] ?? reasoning?.effort);
  const body = withProviderFields(
    defined({
      model,
      messages,
      ...cache,
      tools: tools.length > 0 ? tools : undefined,
      tool_choice: toolChoice(choiceOfTools(context, fields)),
      parallel_tool_calls: parallelCalls(context, fields),
      response_format: responseFormat(context, request.responseFormat),
      temperature: take('temperature'),
      top_p: take('topP'),
      [settings.maxTokensField]: parameters.maxTokens,
      stop: parameters.stopSequences?.length === 0 ? undefined : take('stopSequences'),
      [settings.preset?.seedField ?? 'seed']: parameters.seed,
      frequency_penalty: take('frequencyPenalty'),
      presence_penalty: take('presencePenalty'),
      reasoning_effort: reasoning?.effort,
      ...(settings.stream && settings.includeUsage && { stream_options: { include_usage: true } }),
    }),
    fields,
  );
  return wellFormed({ ...body, stream: settings.stream });
}

/** The messages to send for each message of the request. */
function wireMessages(context: RequestContext): Json[][] {
  const messages = pairedMessages(context, {
    maxLength: MAX_ID_LENGTH,
    ownId: () => undefined,
    // Kept with a call only if the server needs it back.
    serverId: (part) => (context.settings.isOpenAI ? undefined : ownCallId(part, context.origin, 'id')),
  });
  const back = context.thinkingBack;
  const hasTools = (context.request.tools?.length ?? 0) > 0;
  const inAll = back?.inToolTurns !== true || (hasTools && back.inAllWithTools === true);
  const inToolTurn = inAll ? undefined : toolTurns(messages);
  return messages.map((message, at) =>
    chatMessages(context, message, inToolTurn === undefined || inToolTurn[at] === true ? back : undefined),
  );
}

function toolChoice(choice: ToolChoice | undefined): unknown {
  return typeof choice === 'object' ? { type: 'function', function: { name: choice.name } } : choice;
}

function responseFormat(context: RequestContext, format: ResponseFormat | undefined): Json | undefined {
  const { preset } = context.settings;
  switch (format?.type) {
    case undefined:
      return undefined;
    case 'text':
      return { type: 'text' };
    case 'json':
      // A schema that takes any object asks for the same.
      return preset?.json === 'json_schema'
        ? { type: 'json_schema', json_schema: { name: 'answer', schema: { type: 'object' } } }
        : { type: 'json_object' };
    case 'json_schema':
      if (preset?.json !== 'json_object') return { type: 'json_schema', json_schema: jsonSchema(format) };
      context.unsupported(`${preset.title} takes no schema of the answer, only JSON is asked for`);
      return { type: 'json_object' };
  }
}
