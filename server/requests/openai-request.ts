import type { Input, Parameters, ResponseFormat } from '../../src/index.ts';
import type { EncoderOptions } from '../formats/format.ts';
import { jsonSchemaAt, metadataAt, oneOfAt } from './openai-fields.ts';
import type { ChosenTools, OpenAITools } from './openai-tools.ts';
import { flagAt, objectAt, optionalAt } from './read.ts';
import type { Fields } from './read.ts';
import type { ParsedRequest } from './request.ts';

/** What a parser of OpenAI's APIs has found in a body. */
export interface FoundRequest {
  model: string;
  input: Input;
  parameters: Parameters;
  all: OpenAITools;
  chosen: ChosenTools;
  responseFormat: ResponseFormat | undefined;
  /** Fields that the provider gets as they are, by its name. */
  providerOptions: Record<string, Record<string, unknown>>;
  /** What the encoder has to know besides. */
  encoder: EncoderOptions;
}

/** A request of one of OpenAI's APIs. */
export function openaiRequest(body: Fields, found: FoundRequest): ParsedRequest {
  const { model, input, parameters, all, chosen, responseFormat, providerOptions } = found;
  const { tools, toolChoice } = chosen;
  const metadata = optionalAt(body, 'metadata', '', metadataAt);
  return {
    input,
    options: {
      parameters: {
        ...parameters,
        ...(toolChoice !== undefined && { toolChoice }),
        ...(Object.keys(providerOptions).length > 0 && { providerOptions }),
      },
      ...(tools.length > 0 && { tools }),
      ...(responseFormat !== undefined && { responseFormat }),
      ...(metadata !== undefined && { metadata }),
    },
    encoder: {
      model,
      clientTools: new Set(tools.map(({ name }) => name)),
      ...(all.wireTools.size > 0 && { wireTools: all.wireTools }),
      ...found.encoder,
    },
    stream: optionalAt(body, 'stream', '', flagAt) === true,
  };
}

/** The shape of the answer that a body asks for at a path. The APIs differ in where they have a schema (`schemaIn`; undefined: beside the type). */
export function responseFormatAt(
  value: unknown,
  path: string,
  schemaIn?: string,
): ResponseFormat | undefined {
  if (value === undefined || value === null) return undefined;
  const fields = objectAt(value, path);
  switch (oneOfAt(fields['type'], `${path}.type`, ['text', 'json_object', 'json_schema'])) {
    case 'text':
      return { type: 'text' };
    case 'json_object':
      return { type: 'json' };
    case 'json_schema': {
      if (schemaIn === undefined) return jsonSchemaAt(fields, path);
      return jsonSchemaAt(objectAt(fields[schemaIn], `${path}.${schemaIn}`), `${path}.${schemaIn}`);
    }
  }
}
