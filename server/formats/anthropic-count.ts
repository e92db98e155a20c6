import type { EncoderOptions, ErrorBody } from './format.ts';

/** The answer of `POST /v1/messages/count_tokens`. `tokens`: a real count, if somebody has one; else it is the estimate of the parser. */
export function anthropicCount(options: EncoderOptions, requestId: string, tokens?: number): ErrorBody {
  return {
    status: 200,
    headers: { 'request-id': requestId },
    body: { input_tokens: tokens ?? options.inputTokens ?? 0 },
  };
}
