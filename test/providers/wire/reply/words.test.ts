import { describe, expect, it } from 'vitest';
import { NonEventText, isKeepAlive, isWords } from '../../../../providers/wire/reply/non-event-text.ts';
import { Utf8Reader } from '../../../../providers/wire/reply/utf8.ts';

describe('data that is not JSON', () => {
  it.each([
    ['ping', true],
    ['[heartbeat]', true],
    ['[heartbeat', false],
    ['OPENROUTER PROCESSING', true],
    ['x'.repeat(200), true],
    ['x'.repeat(201), false],
    ['', false],
    ['{', false],
    ['}', false],
    ['"', false],
    ['\u0000', false],
    ['\u0008', false],
    ['\t\n', true],
    ['\u000e', false],
    ['\u001f', false],
    ['\u007f', false],
    ['\ufffd', false],
    ['mirror', true],
    ['An ERROR', false],
    ['timed out', false],
    ['timeout', false],
    ['Unauthorised', false],
    ['Unauthorized', false],
  ])('%j keeps the connection alive: %s', (data, expected) => {
    expect(isKeepAlive(data)).toBe(expected);
  });

  it.each([
    ['x', true],
    ['', false],
    ['a "quoted" word', false],
  ])('%j is words: %s', (text, expected) => {
    expect(isWords(text)).toBe(expected);
  });
});

describe('text in place of events', () => {
  const info = { provider: 'p' };
  const added = (pieces: string[], most = 1_000_000) => {
    const text = new NonEventText(most);
    const complete = pieces.map((piece) => {
      text.add(piece);
      return text.isComplete;
    });
    return { text, complete };
  };

  it.each([
    [
      ['{"a":', '1}', ''],
      [false, true, true],
    ],
    [
      ['{"a":"}', '"}'],
      [false, true],
    ],
    [
      ['[1', ']'],
      [false, true],
    ],
    [
      ['"words', '"'],
      [false, true],
    ],
    [['{"a":1} '], [true]],
    [[' \n{"a":1}'], [true]],
    [['\ufeff<html>'], [true]],
    [
      ['<ht', 'ml>'],
      [true, true],
    ],
    [
      ['some', ' words'],
      [false, false],
    ],
    [
      ['some', '\n'],
      [false, true],
    ],
    [['some\r'], [true]],
    [
      ['x'.repeat(16 * 1024), 'x'],
      [false, true],
    ],
    [['{"a":\ndata'], [false]],
    [
      ['{"a":\nda', 'ta:'],
      [false, true],
    ],
    [
      ['{"a":\n', 'event:'],
      [false, true],
    ],
    [
      ['{"a":\r', ': ping'],
      [false, true],
    ],
    [['{"a":\nfoo:'], [false]],
  ])('%j is complete: %j', (pieces, expected) => {
    expect(added(pieces).complete).toEqual(expected);
  });

  it('takes nothing after it is complete', () => {
    const { text } = added(['{"content":[]}', '{"content":[1]}']);
    expect(text.reply()).toEqual({ content: [] });
  });

  it.each([
    ['{"choices":[]}', { choices: [] }],
    ['{"output":[]}', { output: [] }],
    ['{"content":[]}', { content: [] }],
    ['{"content":[]}\n\ndata: [DONE]', { content: [] }],
    ['{"other":[]}', undefined],
    ['{"error":"x","choices":[]}', undefined],
    ['[]', undefined],
    ['words', undefined],
  ])('%j is the reply %j', (body, expected) => {
    expect(added([body]).text.reply()).toEqual(expected);
  });

  it.each([
    [10, false],
    [9, true],
  ])('of 10 characters with a limit of %i fails: %s', (most, fails) => {
    const add = () => added(['x'.repeat(5), 'x'.repeat(5)], most);
    if (!fails) expect(add).not.toThrow();
    else
      expect(add).toThrow(
        expect.objectContaining({
          code: 'protocol',
          status: 200,
          retryable: false,
          message: 'The reply exceeds limits.maxEventCharacters (9).',
        }),
      );
  });

  const page = '<html><body>Bad Gateway</body></html>';
  it.each([
    ['{"error":{"message":"Down"}}', '', 'server', 'p sent an error: Down'],
    ['error: {"error":{"message":"Down"}}', '', 'server', 'p sent an error: Down'],
    ['{"message":"Down","id":1}', '', 'server', 'p sent an error: Down'],
    ['{"message":"Down","choices":[1]}', '', 'protocol', 'p sent JSON instead of events.'],
    ['{"a":1}', 'application/json', 'protocol', 'p sent JSON (application/json) instead of events.'],
    ['[1]', '', 'protocol', 'p sent JSON instead of events.'],
    ['"Down now"', '', 'server', 'p sent an error: Down now'],
    [page, 'text/html', 'protocol', 'p sent an HTML page (text/html) instead of events: Bad Gateway'],
    [page, 'text/event-stream', 'protocol', 'p sent an HTML page instead of events: Bad Gateway'],
    ['{broken', '', 'protocol', 'p sent text instead of events.'],
    ['It is down', '', 'server', 'p sent an error: It is down'],
    ['oops', '', 'protocol', 'p sent text instead of events: oops'],
    ['error: oops', '', 'server', 'p sent an error: error: oops'],
    ['detail: oops', '', 'protocol', 'p sent text instead of events: detail: oops'],
    ['oops\nIt is down', '', 'protocol', 'p sent text instead of events: oops'],
    ['oops', 'x'.repeat(70), 'protocol', `p sent text (${'x'.repeat(60)}) instead of events: oops`],
  ])('%j of type %j is an error', (body, type, code, message) => {
    const error = added([body]).text.error({ ...info, requestId: 'r' }, type);
    expect([error.code, error.message, error.provider, error.requestId]).toEqual([code, message, 'p', 'r']);
    if (code === 'protocol') expect(error.retryable).toBe(false);
  });
});

describe('bytes as UTF-8', () => {
  it.each(['ü', '€', '😀', 'a😀b', '\ufeffa', '\ufffd'])('%s may be cut anywhere', (text) => {
    const bytes = Buffer.from(text);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new Utf8Reader();
      const parts = [bytes.subarray(0, cut), bytes.subarray(cut)].map((part) => reader.read(part));
      expect([parts.join(''), reader.badLine]).toEqual([text, -1]);
    }
    const reader = new Utf8Reader();
    expect(Array.from(bytes, (byte) => reader.read(Uint8Array.of(byte))).join('')).toBe(text);
  });

  it.each([
    ['a\nb', -1],
    ['a\n\xffb\nc', 2],
    ['\xffa\nb', 0],
    ['a\nb\n\xffx', 4],
    ['a\n\xef\xbf\xbd\n\xffx', 4],
    ['\xef\xbf\xbd\xff\na', 0],
    ['\xef\xbf\xbd\xef\xbf\xbd\n\xffx', 3],
    ['a\n\xc3\n', 2],
    ['\xef\xbf\xff\n', 0],
  ])('%j has invalid bytes in the line that begins at %i', (latin, line) => {
    const reader = new Utf8Reader();
    reader.read(Buffer.from(latin, 'latin1'));
    expect(reader.badLine).toBe(line);
  });

  it('forgets the invalid bytes of an earlier read', () => {
    const reader = new Utf8Reader();
    reader.read(Buffer.from([0xff, 0x0a]));
    expect(reader.read(Buffer.from('a'))).toBe('a');
    expect(reader.badLine).toBe(-1);
  });
});
