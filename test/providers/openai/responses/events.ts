// Events of Responses, as short as the tests need them.

export const created = (id = 'resp_1'): object => ({
  type: 'response.created',
  response: { id, model: 'm', service_tier: 'auto' },
});

export const added = (output_index: number | undefined, item: object): object => ({
  type: 'response.output_item.added',
  output_index,
  item,
});

export const done = (output_index: number | undefined, item: object): object => ({
  type: 'response.output_item.done',
  output_index,
  item,
});

export const delta = (content: string, output_index: number | undefined = 0, more: object = {}): object => ({
  type: 'response.output_text.delta',
  output_index,
  content_index: 0,
  delta: content,
  ...more,
});

export const textDone = (text: string, output_index: number | undefined = 0, more: object = {}): object => ({
  type: 'response.output_text.done',
  output_index,
  content_index: 0,
  text,
  ...more,
});

export const ended = (response: object = {}, type = 'response.completed'): object => ({
  type,
  response: { id: 'resp_1', model: 'm-2026', status: type.slice(9), output: [], ...response },
});

export const message = (text: string, more: object = {}): object => ({
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  content: [{ type: 'output_text', text, annotations: [] }],
  ...more,
});

export const functionCall = (call_id: string, args: string, more: object = {}): object => ({
  type: 'function_call',
  id: `fc_${call_id}`,
  call_id,
  name: 'add',
  arguments: args,
  ...more,
});
