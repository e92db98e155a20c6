import type { Message, StreamChunk } from '../../../src/index.ts';
import { blockFrom, isRecord, text, type ReplyContext } from '../../wire/index.ts';
import { wholeBlock, type OpenBlock } from './blocks.ts';

/** The call that a result answers. */
export interface AnsweredCall {
  id: string;
  name: string;
}

/** The end of the types of all results. */
const RESULT = 'tool_result';

/** The id of the call that a block answers. Undefined if the block is not a result. */
export function answeredId(start: Record<string, unknown>): string | undefined {
  return text(start['type'])?.endsWith(RESULT) === true ? text(start['tool_use_id']) : undefined;
}

/** Opens the result of a call that the provider ran. It goes back as it came. Its content is the readable part. */
export function resultBlock(
  start: Record<string, unknown>,
  { id, name }: AnsweredCall,
  context: ReplyContext,
): OpenBlock {
  return wholeBlock(start, function push(data, out: StreamChunk[]) {
    out.push({
      type: 'tool_result',
      id,
      name,
      content: readable(data['content']),
      isError: isError(data),
      providerExecuted: true,
      block: blockFrom(context.origin, data),
      call: 0,
    });
  });
}

/**
 * The name of the tool that a result belongs to if its call is not in the same reply. A program that waited for the
 * caller's tools gets its result in a later reply.
 */
export function nameOfResult(
  start: Record<string, unknown>,
  id: string,
  messages: readonly Message[],
): string {
  for (const { content } of messages.toReversed()) {
    if (typeof content === 'string') continue;
    for (const part of content) if (part.type === 'tool_call' && part.id === id) return part.name;
  }
  return (text(start['type']) ?? '').replace(/_?tool_result$/, '') || 'tool';
}

/** The content of a result as text. The JSON has no fields that only the API can decrypt. */
function readable(content: unknown): string {
  if (typeof content === 'string') return content;
  return (
    JSON.stringify(content, (name, value: unknown) => (name.startsWith('encrypted_') ? undefined : value)) ??
    ''
  );
}

function isError(block: Record<string, unknown>): boolean {
  const { content } = block;
  if (block['is_error'] === true) return true;
  return isRecord(content) && text(content['type'])?.endsWith('_error') === true;
}
