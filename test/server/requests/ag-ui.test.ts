import { describe, expect, test } from 'vitest';
import { parseAgUi } from '../../../server/requests/ag-ui.ts';
import { RequestError } from '../../../server/requests/request-error.ts';
import type { Message } from '../../../src/index.ts';

/** The messages of a thread without a session, as ours. */
function inputOf(...messages: object[]): readonly Message[] {
  const { input } = parseAgUi({
    ...{ threadId: 't', runId: 'r', tools: [], context: [] },
    messages: messages.map((message, at) => ({ id: `m${at}`, ...message })),
  });
  if (!Array.isArray(input)) throw new Error('expected messages');
  return input as readonly Message[];
}

function fieldOf(...messages: object[]): string | undefined {
  try {
    inputOf(...messages);
  } catch (error) {
    if (error instanceof RequestError) return error.field;
    throw error;
  }
  return 'nothing';
}

const user = (...content: object[]): object => ({ role: 'user', content });
const url = (value: string, mimeType?: string): object => ({ type: 'url', value, mimeType });
const data = (value: string, mimeType?: string): object => ({ type: 'data', value, mimeType });

describe('what a user of AG-UI shows', () => {
  test('is an image, a recording or a file', () => {
    expect(
      inputOf(
        user(
          { type: 'image', source: url('https://a.example/b.png') },
          { type: 'image', source: data('AAAA', 'image/png') },
          { type: 'audio', source: data('BBBB', 'audio/mpeg') },
          { type: 'audio', source: url('http://a.example/c.mp3', 'audio/mpeg') },
          { type: 'document', source: url('data:application/pdf;base64,CCCC') },
        ),
      )[0]?.content,
    ).toEqual([
      { type: 'image', url: 'https://a.example/b.png' },
      { type: 'image', data: 'AAAA', mediaType: 'image/png' },
      { type: 'audio', data: 'BBBB', mediaType: 'audio/mpeg' },
      { type: 'file', url: 'http://a.example/c.mp3', mediaType: 'audio/mpeg' },
      { type: 'file', data: 'CCCC', mediaType: 'application/pdf' },
    ]);
  });

  test.each([
    'file:///etc/passwd',
    'ftp://a.example/b',
    'javascript:alert(1)',
    'data:text/plain,Hi',
    'b.png',
  ])('is refused at %s', (value) => {
    const at = 'messages[0].content[0].source.value';
    expect(fieldOf(user({ type: 'image', source: url(value) }))).toBe(at);
  });

  test('is refused if a provider keeps it', () => {
    const kept = { type: 'image', source: { type: 'id', value: 'file-1' } };
    expect(fieldOf(user(kept))).toBe('messages[0].content[0].source.type');
  });
});

describe('the result of a call', () => {
  const called = {
    role: 'assistant',
    toolCalls: [{ id: 'c1', type: 'function', function: { name: 'pay', arguments: '{}' } }],
  };
  const resultOf = (fields: object): unknown =>
    inputOf(called, { role: 'tool', toolCallId: 'c1', content: 'paid', ...fields })[1]?.content;

  test.each([
    [{}, undefined],
    [{ error: '' }, undefined],
    [{ error: 'No money.' }, true],
  ])('is an error if the client says which: %o', (fields, isError) => {
    const result = { type: 'tool_result', id: 'c1', name: 'pay', content: 'paid' };
    expect(resultOf(fields)).toEqual([isError === undefined ? result : { ...result, isError }]);
  });

  test('needs its call, and is text, images and documents', () => {
    const text = { type: 'text', text: 'paid' };
    const image = { type: 'image', source: data('AAAA', 'image/png') };
    expect(resultOf({ content: [text, image] })).toMatchObject([
      { content: [text, { type: 'image', data: 'AAAA' }] },
    ]);
    const audio = { type: 'audio', source: data('BBBB', 'audio/mpeg') };
    expect(fieldOf(called, { role: 'tool', toolCallId: 'c1', content: [audio] })).toBe(
      'messages[1].content[0].type',
    );
    expect(fieldOf({ role: 'tool', toolCallId: 'c1', content: 'paid' })).toBe('messages[0].toolCallId');
  });
});
