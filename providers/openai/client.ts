import type { SdkCallOptions } from '../wire/index.ts';

/** The options of one request on a client. */
export type OpenAICallOptions = SdkCallOptions;

/** The part of an SDK endpoint that is used: the raw response of `create`. */
export interface OpenAIEndpoint {
  create(body: object, options?: OpenAICallOptions): { asResponse(): Promise<Response> };
}

/** What is needed of a client: an `OpenAI` or `AzureOpenAI` of the `openai` package, or any object of that shape. */
export interface OpenAIClient {
  readonly baseURL?: string;
  /** Read only to keep it out of messages. */
  readonly apiKey?: string | null;
  chat: { completions: OpenAIEndpoint };
  responses: OpenAIEndpoint;
  close?(): void | Promise<void>;
}
