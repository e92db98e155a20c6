import { endError } from './ending.ts';
import { openaiErrorBody, retryHeaders, wireError } from './errors.ts';
import type { Encoder, EncoderOptions, ErrorBody, Format } from './format.ts';
import { keptItems } from './kept-items.ts';
import { modelHeader } from '../send/headers.ts';
import type { SentChunk, SentEnd, SentError, SentStart } from '../stream/parts.ts';
import type { SentItem } from '../stream/sent-stream.ts';

/** A format of OpenAI's APIs. Nothing that was sent can be taken back. */
export function openaiFormat(name: string, encoder: (options: EncoderOptions) => Encoder): Format {
  const heartbeat = ': heartbeat\n\n';
  return { name, showsResets: () => false, encoder, heartbeat, headers: {}, error: openaiError };
}

/** An error in the form of OpenAI's APIs. */
export function openaiError(error: SentError, requestId: string, retries = 0): ErrorBody {
  return {
    status: wireError(error, 'openai').status,
    headers: { 'x-request-id': requestId, ...retryHeaders(error, retries) },
    body: openaiErrorBody(error),
  };
}

/** What an answer in one piece is made of. */
export interface WholeAnswer {
  start: SentStart;
  end: SentEnd;
  /** All that was said and not taken back, whole: no pieces of calls. */
  chunks: SentChunk[];
}

/** Joins the items of a stream. If it did not end as an answer, its error. */
export function wholeAnswer(items: readonly SentItem[]): WholeAnswer | SentError {
  const chunks: SentChunk[] = [];
  let start: SentStart | undefined;
  let end: SentEnd | undefined;
  for (const item of keptItems(items)) {
    if (item.type === 'start') start = item.start;
    else if (item.type === 'end') end = item.end;
    else if (item.chunk.type !== 'tool_call_delta') chunks.push(item.chunk);
  }
  if (start === undefined || end === undefined || end.outcome === 'failed' || end.outcome === 'cancelled')
    return endError(end);
  return { start, end, chunks };
}

/** A call that the client was shown is not the one that the pipeline let through in the end. */
export const CHANGED: SentError = {
  code: 'truncated',
  message: 'The answer stopped before its end.',
  retryable: false,
};

/** Headers of an answer in one piece. The body has the model that was asked for. */
export function answerHeaders({ model, latencyMs }: SentEnd, requestId: string): Record<string, string> {
  return {
    'x-request-id': requestId,
    ...modelHeader(model),
    ...(latencyMs !== undefined && { 'openai-processing-ms': String(Math.round(latencyMs)) }),
  };
}

/** Whether a value is an error and not an answer. */
export function isSentError(value: WholeAnswer | SentError): value is SentError {
  return 'retryable' in value;
}

/** What the ids of a turn's parts have in common, so that they differ from those of other turns. At most 25 letters, digits, `-` and `_`. */
export function idTail({ turnId }: SentStart): string {
  return `${turnId.replaceAll(/[^\w-]/g, '').slice(-24)}_`;
}
