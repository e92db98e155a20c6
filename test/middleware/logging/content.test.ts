import { Pipeline, SluiceError } from 'sluice';
import type { LoggerLike, Message } from 'sluice';
import { logging } from 'sluice/middleware/logging';
import type { LoggingOptions } from 'sluice/middleware/logging';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';
import type { ScriptedReply } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { LineContent } from '../../../middleware/logging/content.ts';

type Fields = Record<string, unknown>;

/** The fields of the lines that are logged while a model is asked, by the event. */
async function linesOf(
  input: Message[],
  options: LoggingOptions = {},
  reply: ScriptedReply = { text: 'Hello' },
) {
  const lines = new Map<unknown, Fields>();
  const write = (_message: unknown, fields?: unknown): void => {
    const line: Fields = { ...Object(fields) };
    lines.set(line['event'], line);
  };
  const logger: LoggerLike = { debug: write, info: write, warn: write, error: write };
  const stack = [logging({ logger, content: true, ...options }), provider(scripted(reply))];
  await new Pipeline(stack).execute(input).catch(() => undefined);
  return lines;
}

const bytes = (count: number): string => Buffer.alloc(count, 7).toString('base64');
const user = (content: Message['content']): Message => ({ role: 'user', content });

describe('data in what is logged is a placeholder with its kind and size', () => {
  test.each<[string, Message['content'], unknown]>([
    [
      'an image of 7 MB',
      [{ type: 'image', data: bytes(7_000_000), mediaType: 'image/png' }],
      [{ type: 'image', data: '[image, image/png, 7000000 bytes]', mediaType: 'image/png' }],
    ],
    [
      'a small image',
      [{ type: 'image', data: bytes(4), mediaType: 'image/png' }],
      [{ type: 'image', data: '[image, image/png, 4 bytes]', mediaType: 'image/png' }],
    ],
    [
      'a sound',
      [{ type: 'audio', data: bytes(1_001), mediaType: 'audio/wav' }],
      [{ type: 'audio', data: '[audio, audio/wav, 1001 bytes]', mediaType: 'audio/wav' }],
    ],
    [
      'a data URL',
      [{ type: 'image', url: `data:image/jpeg;base64,${bytes(5_000)}` }],
      [{ type: 'image', url: '[image/jpeg, 5000 bytes]' }],
    ],
    ['a data URL as text', `data:text/plain,${'a'.repeat(100)}`, '[text/plain, 100 bytes]'],
    ['base64 as text', bytes(3_000), '[base64, 3000 bytes]'],
    [
      'a result of a tool',
      [
        { type: 'text', text: 'See: ' },
        { type: 'image', data: bytes(9), mediaType: 'image/gif' },
      ],
      [
        { type: 'text', text: 'See: ' },
        { type: 'image', data: '[image, image/gif, 9 bytes]', mediaType: 'image/gif' },
      ],
    ],
  ])('%s', async (_what, content, logged) => {
    const lines = await linesOf([user(content)]);
    for (const event of ['execution_start', 'attempt_start'])
      expect(lines.get(event)?.['messages']).toEqual([{ role: 'user', content: logged }]);
    expect(JSON.stringify([...lines.values()]).length).toBeLessThan(3_000);
  });

  test('in the arguments of a call and the data of a provider', () => {
    const block = {
      provider: 'made',
      data: { b64_json: bytes(600), signature: bytes(300), raw: new Uint8Array(8) },
    };
    expect(new LineContent(1_000).value({ arguments: { file: bytes(600) }, block })).toEqual({
      arguments: { file: '[base64, 600 bytes]' },
      block: {
        provider: 'made',
        data: { b64_json: '[base64, 600 bytes]', signature: '[base64, 300 bytes]', raw: '[bytes, 8 bytes]' },
      },
    });
  });

  test('words are no data, however long', () => {
    const words = 'a word and '.repeat(50);
    expect(new LineContent(10_000).text(words)).toBe(words);
  });
});

describe('a line has so many characters of content at most', () => {
  test('the newest messages are kept, and what is left out is told', async () => {
    const input = ['a', 'b', 'c', 'd'].map((letter) => user(`${letter} `.repeat(200)));
    const lines = await linesOf(input, { maxCharacters: 1_000 });
    expect(lines.get('execution_start')?.['messages']).toEqual([
      '… (1 earlier messages)',
      { role: 'user', content: expect.stringMatching(/^(b )+b?… \(\d+ more characters\)$/) },
      user('c '.repeat(200)),
      user('d '.repeat(200)),
    ]);
  });

  test.each([100, 5_000])('%i, whatever the content is', async (maxCharacters) => {
    const long = 'some words '.repeat(10_000);
    const reply: ScriptedReply = {
      text: long,
      thinking: long,
      toolCalls: [
        { id: 't', name: 'look', arguments: { list: Array.from({ length: 9_999 }, (_, at) => at), long } },
      ],
    };
    const lines = await linesOf([user(long), user(long)], { maxCharacters }, reply);
    expect([...lines.keys()]).toEqual(['execution_start', 'attempt_start', 'attempt_end', 'execution_end']);
    for (const line of lines.values())
      expect(JSON.stringify(line).length).toBeLessThan(2 * maxCharacters + 1_200);
  });

  test('also of the message of an error', async () => {
    const error = new SluiceError('server', 'It broke. '.repeat(1_000));
    const lines = await linesOf([user('Hi')], { maxCharacters: 50 }, { error });
    expect(lines.get('execution_end')?.['errorMessage']).toMatch(/^It broke\. .*… \(9950 more characters\)$/);
  });

  test('16,384 without the option', async () => {
    const lines = await linesOf([user('some words '.repeat(10_000))]);
    const logged = JSON.stringify(lines.get('execution_start'));
    expect([logged.length > 16_000, logged.length < 17_000]).toEqual([true, true]);
  });

  test('S1 keys in it are replaced, also where it is cut', () => {
    const key = `sk-${'canary'.repeat(10)}`;
    expect(new LineContent(1_000).value({ said: `My key is ${key}.` })).toEqual({ said: 'My key is ***' });
    for (let room = 1; room < 80; room++)
      expect(new LineContent(room).text(`My key is ${key} and so on`)).not.toContain('cana');
  });

  test('what is nested deep or in a circle ends', () => {
    const circle: Fields = { name: 'a' };
    circle['circle'] = circle;
    expect(JSON.stringify(new LineContent(100_000).value(circle))).toMatch(
      /^(\{"name":"a","circle":)+"…"\}+$/,
    );
  });
});
