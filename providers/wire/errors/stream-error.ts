import { SluiceError, type ErrorCode } from '../../../src/index.ts';
import type { ReplyContext } from '../wire.ts';

/** An error that a decoder found in a reply. */
export function streamError(
  { provider, info }: Pick<ReplyContext, 'provider' | 'info'>,
  code: ErrorCode,
  message: string,
  retryable?: boolean,
): SluiceError {
  return new SluiceError(code, `${provider}: ${message}`, { provider, requestId: info.requestId, retryable });
}
