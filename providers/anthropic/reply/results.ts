import type { Message, StreamChunk } from '../../../src/index.ts';
import { blockFrom, isRecord, text, type ReplyContext } from '../../wire/index.ts';
import { wholeBlock, type OpenBlock } from './blocks.ts';

/** The call that a result answers. */
export interface AnsweredCall {
  id: string;
  name: string;
}

/** The suffix that the types of all results have. */
const RESULT = 'tool_result';

/** The id of the call that a block answers; undefined if the block is no result. */
export function answeredId(start: Record<string, unknown>): string | undefined {
  return text(start['type'])?.endsWith(RESULT) === true ? text(start['tool_use_id']) : undefined;
}

/** Opens the result of a call that the provider has run. It goes back as it came; its content is what can be read of it. */
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
 * The name of the tool that a result belongs to if its call is not in the same reply: a program that waited for the caller's tools
 * is answered one reply later.
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

/** A result's content as text: JSON without the fields that only the API can decrypt. */
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
