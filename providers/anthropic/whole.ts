import { isRecord } from '../wire/index.ts';

/**
 * A whole answer of the Messages API (`stream: false`) as the events that the decoder reads.
 * Source: https://platform.claude.com/docs/en/api/messages
 */
export function* wholeMessageEvents(body: Record<string, unknown>): Generator<Record<string, unknown>, void> {
  if (body['type'] !== 'message') {
    // An error body that came with status 200, or something else, which the decoder then calls truncated.
    yield body;
    return;
  }
  const { content, stop_reason, stop_sequence, stop_details, usage, ...message } = body;
  yield { type: 'message_start', message: { ...message, content: [], usage } };
  const blocks: unknown[] = Array.isArray(content) ? content : [];
  for (const [index, block] of blocks.entries()) {
    if (!isRecord(block)) continue;
    yield { type: 'content_block_start', index, content_block: block };
    yield { type: 'content_block_stop', index };
  }
  yield { type: 'message_delta', delta: { stop_reason, stop_sequence, stop_details }, usage };
  yield { type: 'message_stop' };
}
