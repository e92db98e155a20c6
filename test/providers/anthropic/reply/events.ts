/** The usage of an opening. */
export const USAGE = {
  input_tokens: 12,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: 1,
};

/** A message_start. */
export function opening(id = 'msg_1', message: object = {}): object {
  return {
    type: 'message_start',
    message: { id, type: 'message', model: 'claude-x', content: [], usage: USAGE, ...message },
  };
}

/** The start of a content block. Without an index it has none. */
export function start(index: unknown, content_block: object): object {
  return { type: 'content_block_start', ...(index !== undefined && { index }), content_block };
}

/** A delta of the content block at an index. */
export function delta(index: unknown, said: object): object {
  return { type: 'content_block_delta', ...(index !== undefined && { index }), delta: said };
}

/** The stop of the content block at an index. */
export function stop(index: unknown): object {
  return { type: 'content_block_stop', ...(index !== undefined && { index }) };
}

/** A complete content block. */
export function block(index: unknown, content_block: object, ...deltas: object[]): object[] {
  return [start(index, content_block), ...deltas.map((said) => delta(index, said)), stop(index)];
}

/** message_delta and message_stop. */
export function ending(
  stop_reason: string | null = 'end_turn',
  usage: object = { output_tokens: 9 },
): object[] {
  return [
    { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage },
    { type: 'message_stop' },
  ];
}

export const text = (content: string) => ({ type: 'text_delta', text: content });
export const json = (partial_json: string) => ({ type: 'input_json_delta', partial_json });
export const thinking = (content: string) => ({ type: 'thinking_delta', thinking: content });
export const signature = (sign: string) => ({ type: 'signature_delta', signature: sign });
export const THINKING = { type: 'thinking', thinking: '', signature: '' };
export const TEXT = { type: 'text', text: '' };

/** The start of a tool call. */
export function call(name = 'add', more: object = {}): object {
  return { type: 'tool_use', id: `toolu_${name}`, name, input: {}, ...more };
}
