import type { SdkCallOptions } from '../wire/index.ts';

/** The options of one request on a client. */
export interface AnthropicCallOptions extends SdkCallOptions {
  headers?: Record<string, string>;
}

/**
 * What is needed of a client: an `Anthropic`, `AnthropicBedrock` or `AnthropicVertex` of Anthropic's packages, or any
 * object of that shape.
 */
export interface AnthropicClient {
  readonly baseURL?: string;
  readonly messages: {
    create(body: object, options?: AnthropicCallOptions): { asResponse(): Promise<Response> };
    countTokens?(body: object, options?: AnthropicCallOptions): { asResponse(): Promise<Response> };
  };
  close?(): void | Promise<void>;
}
