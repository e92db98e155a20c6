import type { EncoderOptions, ErrorBody } from './format.ts';

/** The answer of `POST /v1/messages/count_tokens`: the estimate of the parser. */
export function anthropicCount({ inputTokens = 0 }: EncoderOptions, requestId: string): ErrorBody {
  return {
    status: 200,
    headers: { 'request-id': requestId },
    body: { input_tokens: inputTokens },
  };
}
