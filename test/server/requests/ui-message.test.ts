import { describe, expect, test } from 'vitest';
import { decide } from 'sluice';
import { sealedBlock } from '../../../server/formats/sealed-block.ts';
import { RequestError } from '../../../server/requests/request-error.ts';
import { parseUiMessages } from '../../../server/requests/ui-message.ts';
import type { Message } from '../../../src/index.ts';

/** What a page without a session sends of its history, as messages of ours. */
function inputOf(...messages: { role: string; parts: object[] }[]): readonly Message[] {
  const { input } = parseUiMessages({
    messages: messages.map((message, at) => ({ id: `m${at}`, ...message })),
  });
  if (!Array.isArray(input)) throw new Error('expected messages');
  return input as readonly Message[];
}

const contentOf = (role: string, ...parts: object[]): unknown => inputOf({ role, parts })[0]?.content;

function fieldOf(...parts: object[]): string | undefined {
  try {
    contentOf('user', ...parts);
  } catch (error) {
    if (error instanceof RequestError) return error.field;
    throw error;
  }
  return 'nothing';
}

const png = { type: 'file', mediaType: 'image/png', url: 'data:image/png;base64,AAAA' };
const mp3 = { type: 'file', mediaType: 'audio/mpeg', url: 'data:audio/mpeg;base64,BBBB' };
const pdf = { type: 'file', mediaType: 'application/pdf', url: 'https://a.example/b.pdf', filename: 'b.pdf' };

describe('a file of a page', () => {
  test('of the user is an image, a recording or a file', () => {
    expect(contentOf('user', png, mp3, pdf, { ...png, url: 'http://a.example/c.png' })).toEqual([
      { type: 'image', data: 'AAAA', mediaType: 'image/png' },
      { type: 'audio', data: 'BBBB', mediaType: 'audio/mpeg' },
      { type: 'file', url: 'https://a.example/b.pdf', mediaType: 'application/pdf', filename: 'b.pdf' },
      { type: 'image', url: 'http://a.example/c.png', mediaType: 'image/png' },
    ]);
    const odd = 'https://a.example/b;base64,AAAA';
    expect(contentOf('user', { ...png, url: odd })).toEqual([
      { type: 'image', url: odd, mediaType: 'image/png' },
    ]);
    // Only the bytes of a recording can be sent on as one.
    expect(contentOf('user', { ...mp3, url: 'https://a.example/d.mp3' })).toEqual([
      { type: 'file', url: 'https://a.example/d.mp3', mediaType: 'audio/mpeg' },
    ]);
  });

  test('that the model made is a file, whatever it shows, with all that it has', () => {
    expect(contentOf('assistant', png, mp3, pdf)).toEqual([
      { type: 'file', data: 'AAAA', mediaType: 'image/png' },
      { type: 'file', data: 'BBBB', mediaType: 'audio/mpeg' },
      { type: 'file', url: 'https://a.example/b.pdf', mediaType: 'application/pdf', filename: 'b.pdf' },
    ]);
  });

  test.each([
    'file:///etc/passwd',
    'ftp://a.example/b',
    'javascript:alert(1)',
    'data:text/plain,Hi',
    'b.png',
    '',
  ])('at %s is refused', (url) => {
    expect(fieldOf({ ...png, url })).toBe('messages[0].parts[0].url');
  });
});

describe('a call in the history of a page', () => {
  const called = { type: 'tool-pay', toolCallId: 'c1', input: { amount: 2 } };
  const resultOf = (fields: object): unknown =>
    inputOf({ role: 'assistant', parts: [{ ...called, ...fields }] })[1]?.content;

  test.each([
    [{ state: 'output-available', output: 'paid' }, { content: 'paid' }],
    [{ state: 'output-available', output: { paid: 2 } }, { content: '{"paid":2}' }],
    [{ state: 'output-available' }, { content: '' }],
    [
      { state: 'output-error', errorText: 'No money.' },
      { content: 'No money.', isError: true },
    ],
    [{ state: 'output-error' }, { content: 'The tool failed.', isError: true }],
    [
      { state: 'output-denied', approval: { id: 'c1', approved: false, reason: 'too much' } },
      { content: 'The user denied this call: too much' },
    ],
    [{ state: 'output-denied' }, { content: 'The user denied this call.' }],
  ])('has the result that the page shows: %o', (fields, result) => {
    expect(resultOf(fields)).toEqual([{ type: 'tool_result', id: 'c1', name: 'pay', ...result }]);
  });

  test('is left out as long as it has none', () => {
    expect(inputOf({ role: 'assistant', parts: [{ ...called, state: 'input-streaming' }] })).toEqual([]);
  });
});

test('the version of a page is one that there is', () => {
  const versionOf = (version: unknown): unknown => parseUiMessages({ messages: [], version }).encoder.version;
  expect([5, 6, 7, undefined].map(versionOf)).toEqual([5, 6, 7, 5]);
  for (const wrong of [4, 8, '7']) expect(() => versionOf(wrong)).toThrow('version');
});

test('all that the user says beside a decision goes with it', () => {
  const approval = { id: 'c1', approved: true };
  const part = { type: 'tool-pay', toolCallId: 'c1', state: 'approval-responded', input: {}, approval };
  const said = [
    { id: 'u1', role: 'user', parts: [{ type: 'text', text: 'Now.' }, png] },
    { id: 'u2', role: 'user', parts: [{ type: 'text', text: 'It rains.' }] },
  ];
  const turn = (...more: object[]): unknown => {
    const messages = [{ id: 'a1', role: 'assistant', parts: [part] }, ...more];
    return parseUiMessages({ messages }, { session: true }).input;
  };
  const now = { type: 'text', text: 'Now.' } as const;
  const image = { type: 'image', data: 'AAAA', mediaType: 'image/png' } as const;
  const on = { c1: { approve: true } } as const;
  expect(turn()).toEqual(decide(on));
  expect(turn(said[1] ?? {})).toEqual(decide(on, { message: 'It rains.' }));
  expect(turn(...said)).toEqual(
    decide(on, { message: { role: 'user', content: [now, image, { type: 'text', text: 'It rains.' }] } }),
  );
});

test('reasoning has the form of its provider again, if the page was given it', () => {
  const block = {
    provider: 'anthropic',
    model: 'm',
    data: { type: 'thinking', thinking: 'Hm.', signature: 's' },
  };
  const reasoning = { type: 'reasoning', text: 'Hm.' };
  const sealed = { sluice: { block: sealedBlock(block) } };
  expect(contentOf('assistant', { ...reasoning, providerMetadata: sealed })).toEqual([
    { type: 'thinking', text: 'Hm.', block },
  ]);
  for (const providerMetadata of [undefined, {}, { sluice: {} }, { sluice: { block: 'made up' } }])
    expect(contentOf('assistant', { ...reasoning, providerMetadata })).toEqual([
      { type: 'thinking', text: 'Hm.' },
    ]);
});
