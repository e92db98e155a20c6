import type { ModelRequest } from '../request.ts';

/** Whose JSON Schema a server takes: each takes other keywords. */
export type SchemaDialect =
  | 'openai'
  | 'anthropic'
  | 'gemini'
  | 'xai'
  | 'cerebras'
  | 'mistral'
  | 'ollama'
  | 'llama.cpp'
  | 'vllm'
  | 'other';

/** How a model can be made to answer in a given shape. */
export interface OutputSupport {
  dialect: SchemaDialect;
  /** Whether it has a mode that keeps the answer to a schema: also beside tools, only without them, or not at all. */
  native: 'with-tools' | 'alone' | 'none';
  /** Whether a call of a tool can be forced; `unless-thinking`: only if the model does not think. `none`: it takes no tools. */
  tools: 'forced' | 'unless-thinking' | 'offered' | 'none';
  /** Whether it thinks in this request. Default: if the request asks for it. */
  thinks?: boolean | undefined;
  /** Whether the server is known to keep to the schema that it is sent, and to show it to the model. If not, the schema is in the prompt, too. Default: true. */
  isKnown?: boolean | undefined;
}

/** Says how the model of a request can be made to answer in a given shape. */
export type OutputSupportOf = (request: ModelRequest) => OutputSupport;
