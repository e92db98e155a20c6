import type { ReasoningOptions, ResponseFormat, ToolChoice } from '../../src/index.ts';
import { markResponses } from './cache.ts';
import { customCallsOf, responsesItems } from './responses-input.ts';
import {
  choiceOfTools,
  defined,
  jsonSchema,
  parallelCalls,
  providerFields,
  withProviderFields,
} from './shared.ts';
import type { Building, Json } from './shared.ts';

/** Models that reason, by their names; the others refuse to be asked for encrypted reasoning. */
const REASONS = /^(?:ft:)?(?:o\d|gpt-(?:[5-9]|\d\d)(?!.*-chat)|gpt-oss|codex|computer-use|grok)/;

/**
 * The body of a request to Responses. Nothing is stored at OpenAI unless `providerOptions` says `store: true`; reasoning comes
 * back encrypted in its place, so that the next turn has it.
 * Fields: developers.openai.com, API reference, "Create a model response".
 */
export function responsesRequest(build: Building): Json {
  const { settings, request } = build;
  const { parameters } = request;
  const extra = providerFields(build);
  const model = request.model ?? settings.model;
  const stateless = (extra['store'] ?? false) === false;
  refuse(build);
  const writing = { stateless, customCalls: customCallsOf(build) };
  const perMessage = request.messages.map((message) => responsesItems(build, message, writing));
  const cache = markResponses(build, perMessage);
  const tools = (request.tools ?? []).map(({ name, description, parameters: schema, strict }) =>
    // Left out, it would mean true here, and schemas that were not written for that are refused.
    defined({ type: 'function', name, description, parameters: schema, strict: strict ?? false }),
  );
  const asksEncrypted = stateless && (settings.encryptedReasoning ?? REASONS.test(model));
  const body = withProviderFields(
    defined({
      model,
      input: perMessage.flat(),
      ...cache,
      store: false,
      include: asksEncrypted ? ['reasoning.encrypted_content'] : undefined,
      tools: tools.length > 0 ? tools : undefined,
      tool_choice: toolChoice(choiceOfTools(build, extra)),
      parallel_tool_calls: parallelCalls(build, extra),
      text: textFormat(request.responseFormat),
      temperature: parameters.temperature,
      top_p: parameters.topP,
      max_output_tokens: parameters.maxTokens,
      reasoning: reasoningField(parameters.reasoning),
    }),
    extra,
  );
  return { ...body, stream: settings.stream };
}

/** Names what this wire has no field for. */
function refuse(build: Building): void {
  const { parameters } = build.request;
  const { stopSequences, reasoning } = parameters;
  if (stopSequences !== undefined && stopSequences.length > 0) {
    build.unsupported('stopSequences cannot be honoured on this wire: use api "chat"');
  }
  for (const key of ['seed', 'frequencyPenalty', 'presencePenalty'] as const) {
    if (parameters[key] !== undefined) build.unsupported(`${key} cannot be honoured on this wire`);
  }
  if (reasoning?.budgetTokens !== undefined) {
    build.unsupported('reasoning.budgetTokens cannot be honoured: give reasoning.effort');
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
