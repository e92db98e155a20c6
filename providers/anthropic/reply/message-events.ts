import { isRecord } from '../../wire/index.ts';

/**
 * Turns a complete response of the Messages API (`stream: false`) into the events that the decoder reads. Some servers
 * leave out its type, or send its content as text.
 * Source: https://platform.claude.com/docs/en/api/messages
 */
export function* messageEvents(body: Record<string, unknown>): Generator<Record<string, unknown>, void> {
  const isMessage =
    body['type'] === 'message' || (body['type'] === undefined && Array.isArray(body['content']));
  if (!isMessage) {
    // An error with status 200, or something else. The decoder reports the latter as truncated.
    yield body;
    return;
  }
  const { content, stop_reason, stop_sequence, stop_details, usage, ...message } = body;
  yield { type: 'message_start', message: { ...message, content: [], usage } };
  for (const [index, block] of blocksOf(content).entries()) {
    if (!isRecord(block)) continue;
    yield { type: 'content_block_start', index, content_block: block };
    yield { type: 'content_block_stop', index };
  }
  yield { type: 'message_delta', delta: { stop_reason, stop_sequence, stop_details }, usage };
  yield { type: 'message_stop' };
}

function blocksOf(content: unknown): unknown[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return Array.isArray(content) ? content : [];
}
