import { describe, expect, it } from 'vitest';
import { errorIn } from '../../../../providers/wire/index.ts';

describe('R46 a parsed event', () => {
  it.each([
    [{ error: { message: 'x' } }],
    [{ error: 'x' }],
    [{ error: true, message: 'x' }],
    [{ error: 500 }],
    [{ error: ['x'] }],
    [{ choices: [{ delta: { content: 'a' } }], error: { message: 'x' } }],
    [{ errors: [{ message: 'x' }] }],
    [{ object: 'error', message: 'x' }],
    [{ type: 'error', code: null, message: 'x', param: null, sequence_number: 2 }],
    [{ type: 'overloaded_error', message: 'x' }],
    [{ message: 'x', type: 'server_exception' }],
    [{ base_resp: { status_code: 1027, status_msg: 'x' }, choices: [] }],
    [{ success: false }],
    [{ ok: false, msg: 'x' }],
    [{ status: 'failed' }],
    [{ status: 429, title: 'Too Many Requests' }],
    [{ statusCode: '503' }],
    [{ error_code: 336501, error_msg: 'x' }],
    [{ error_message: 'x' }],
    [{ error_msg: 'x', id: 'r' }],
    [{ error_code: 336501 }],
    [{ Error: 'x' }],
    [{ status: 400, id: 'r' }],
    [{ status: 599, id: 'r' }],
    [{ status: 'error', id: 'r' }],
    [{ status: 'fail', id: 'r' }],
    [{ status: 'failure', id: 'r' }],
    [{ code: 'InternalError', message: 'x', id: 'r' }],
    [{ message: 'x', id: null }],
    [{ code: 'InternalError', message: 'x', request_id: 'r' }],
    [{ code: 20012, message: 'x', data: null }],
    [{ detail: 'x' }],
    [{ detail: [{ msg: 'x' }] }],
    [{ message: 'x' }],
    [{ msg: 'x', request_id: 'r' }],
    [{ message: { text: 'x' } }],
  ])('%j is an error', (data) => {
    expect(errorIn(data)).toBe(data);
  });

  it('is an error as the first object of a list, too', () => {
    const data = { error: { message: 'x' } };
    expect(errorIn([data])).toBe(data);
  });

  it.each([
    [{}],
    [{ error: null }],
    [{ error: '' }],
    [{ error: false, errors: [] }],
    [{ error: 0 }],
    [{ choices: [{ delta: { content: 'a' } }], message: 'ok', code: 'x' }],
    [{ choices: [], usage: { prompt_tokens: 1 }, detail: 'x' }],
    [{ base_resp: { status_code: 0, status_msg: '' }, choices: [{}] }],
    [{ id: 'x', object: 'chat.completion.chunk', choices: [], status_code: 200 }],
    [{ message: { role: 'assistant', content: 'a' }, done: false }],
    [{ type: 'ping' }],
    [{ type: 'response.code_interpreter_call_code.done', code: 'print(1)', output_index: 1 }],
    [{ type: 'response.progress', code: 'x', message: 'Searching' }],
    [{ type: 'message_start', message: { role: 'assistant', content: [] } }],
    [{ status: 'processing', message: 'You are third in the queue' }],
    [{ tool: 'search', message: 'Searching' }],
    [{ code: 0, message: 'success', data: null }],
    [{ code: 200, msg: 'ok' }],
    [{ title: 'A new chat' }],
    [{ raw: 'x' }],
    [{ status: 399, title: 'x' }],
    [{ status: 600, title: 'x' }],
    [{ status: '4000', title: 'x' }],
    [{ status: 'x429', title: 'x' }],
    [{ type: 'error_count', title: 'x' }],
    [{ code: 'x', message: ' ' }],
    [{ code: 'ok', message: 'x' }],
    [{ message: 'x', id: 'r' }],
    [{ error: ' ' }],
    [{ base_resp: { status_code: '1027' } }],
    ['error'],
    [['error']],
    [null],
    [404],
  ])('%j is not an error', (data) => {
    expect(errorIn(data)).toBeUndefined();
  });
});
