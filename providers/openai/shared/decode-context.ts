import { SluiceError } from '../../../src/index.ts';
import type { ErrorCode, ProviderCall, Usage } from '../../../src/index.ts';
import { mostUsage } from '../../wire/index.ts';
import type { Limits, Origin, ResponseInfo } from '../../wire/index.ts';
import type { ThinkTagsOption } from '../server/think-tags.ts';

/** What both decoders of OpenAI's wires are made with. */
export interface Decoding {
  provider: string;
  call: ProviderCall;
  limits: Limits;
  info: ResponseInfo;
  /** What the blocks of the reply are marked with. */
  origin: Origin;
  /** Whether thinking stands in tags in the text (chat). */
  thinkTags?: ThinkTagsOption | undefined;
}

/** The fields that the caller gave for this provider with the request. */
export function providerOptionsOf({ provider, call }: Decoding): Record<string, unknown> {
  const all = call.call.request.parameters.providerOptions;
  return all !== undefined && Object.hasOwn(all, provider) ? (all[provider] ?? {}) : {};
}

/** An error that a decoder found in the stream. */
export function streamError(
  { provider, info }: Decoding,
  code: ErrorCode,
  message: string,
  retryable?: boolean,
): SluiceError {
  return new SluiceError(code, `${provider}: ${message}`, { provider, requestId: info.requestId, retryable });
}

/** Writes on the record of the call what the wire has told so far. */
export function noteUsage({ call }: Decoding, usage: Usage | undefined): void {
  if (usage !== undefined) call.call.usage = mostUsage(call.call.usage, usage);
}
