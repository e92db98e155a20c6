import type { ResponseFormat, ToolChoice } from '../../src/index.ts';
import { markChat } from './cache.ts';
import { chatMessages } from './chat-messages.ts';
import {
  choiceOfTools,
  defined,
  jsonSchema,
  parallelCalls,
  providerFields,
  withProviderFields,
} from './shared.ts';
import type { Building, Json } from './shared.ts';

/**
 * The body of a request to Chat Completions.
 * Fields: developers.openai.com, API reference, "Create chat completion".
 */
export function chatRequest(build: Building): Json {
  const { settings, request } = build;
  const { parameters } = request;
  const fields = providerFields(build);
  const { reasoning, stopSequences } = parameters;
  const tools = (request.tools ?? []).map(({ name, description, parameters: schema, strict }) => ({
    type: 'function',
    function: defined({ name, description, parameters: schema, strict }),
  }));
  if (reasoning?.budgetTokens !== undefined) {
    build.unsupported('reasoning.budgetTokens cannot be honoured: give reasoning.effort');
  }
  if (reasoning?.summary !== undefined) {
    build.unsupported('reasoning.summary cannot be honoured on this wire: use api "responses"');
  }
  const perMessage = request.messages.map((message) => chatMessages(build, message));
  const cache = markChat(build, perMessage);
  const body = withProviderFields(
    defined({
      model: request.model ?? settings.model,
      messages: perMessage.flat(),
      ...cache,
      tools: tools.length > 0 ? tools : undefined,
      tool_choice: toolChoice(choiceOfTools(build, fields)),
      parallel_tool_calls: parallelCalls(build, fields),
      response_format: responseFormat(request.responseFormat),
      temperature: parameters.temperature,
      top_p: parameters.topP,
      [settings.maxTokensField]: parameters.maxTokens,
      stop: stopSequences !== undefined && stopSequences.length > 0 ? stopSequences : undefined,
      seed: parameters.seed,
      frequency_penalty: parameters.frequencyPenalty,
      presence_penalty: parameters.presencePenalty,
      reasoning_effort: reasoning?.effort,
      ...(settings.stream && settings.includeUsage && { stream_options: { include_usage: true } }),
    }),
    fields,
  );
  return { ...body, stream: settings.stream };
}

function toolChoice(choice: ToolChoice | undefined): unknown {
  return typeof choice === 'object' ? { type: 'function', function: { name: choice.name } } : choice;
}

function responseFormat(format: ResponseFormat | undefined): Json | undefined {
  switch (format?.type) {
    case undefined:
      return undefined;
    case 'text':
      return { type: 'text' };
    case 'json':
      return { type: 'json_object' };
    case 'json_schema':
      return { type: 'json_schema', json_schema: jsonSchema(format) };
  }
}
