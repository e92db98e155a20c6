import { tool, tools } from 'sluice/middleware/tools';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { calling, play } from './stage.ts';

async function resultOf(returned: unknown) {
  const made = tool({ name: 'give', description: 'Gives', input: z.object({}), execute: () => returned });
  const { sent, seen } = await play(tools([made]), [calling(['give', {}]), 'Ok.']);
  const content = sent[1]?.at(-1)?.content;
  const part = typeof content === 'string' ? undefined : content?.[0];
  if (part?.type !== 'tool_result') throw new Error('no result');
  return { content: part.content, isError: part.isError === true, seen };
}

test('parts are in the chunk and in the messages of the result', async () => {
  const image = { type: 'image', data: 'AAAA', mediaType: 'image/png' } as const;
  const made = tool({ name: 'give', description: 'Gives', input: z.object({}), execute: () => image });
  const { chunks, result } = await play(tools([made]), [calling(['give', {}]), 'Ok.']);
  const chunk = chunks.find(({ type }) => type === 'tool_result');
  expect(chunk).toMatchObject({ content: '(image: image/png)', parts: [image], isError: false });
  expect(result?.messages.find(({ role }) => role === 'tool')?.content).toMatchObject([{ content: [image] }]);
});

describe('the normal form of a result', () => {
  test.each<[string, unknown, unknown]>([
    ['text', 'as it is', 'as it is'],
    ['nothing', undefined, 'null'],
    ['null', null, 'null'],
    ['a number', 42, '42'],
    ['nested undefined', { a: undefined, b: [undefined] }, '{"b":[null]}'],
    ['a date', { at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
    ['a URL', new URL('https://example.org/'), '"https://example.org/"'],
    ['half a character', 'a\ud800', 'a\ufffd'],
    [
      'bytes',
      new Uint8Array([1, 2, 3]),
      [{ type: 'file', data: 'AQID', mediaType: 'application/octet-stream' }],
    ],
    ['a part', { type: 'text', text: 'hi' }, [{ type: 'text', text: 'hi' }]],
    [
      'parts',
      [
        { type: 'text', text: 'see' },
        { type: 'image', data: 'AAAA', mediaType: 'image/png' },
      ],
      [
        { type: 'text', text: 'see' },
        { type: 'image', data: 'AAAA', mediaType: 'image/png' },
      ],
    ],
    ['a key named __proto__', JSON.parse('{"__proto__":{"x":1}}'), '{"__proto__":{"x":1}}'],
  ])('%s', async (_name, returned, content) => {
    expect(await resultOf(returned)).toMatchObject({ content, isError: false });
  });

  const cycle: { self?: unknown } = {};
  cycle.self = cycle;

  test.each<[string, unknown, string]>([
    ['a bigint', { a: [1n] }, 'result.a.0 is a bigint'],
    ['a cycle', { inner: cycle }, 'result.inner.self contains itself'],
    ['a function', { call: () => 1 }, 'result.call is a function'],
    ['a map', { m: new Map() }, 'result.m is a Map'],
    [
      'bytes within data',
      { b: new Uint8Array(1) },
      'result.b is bytes: return them alone, or as a file part',
    ],
    [
      'a getter that throws',
      {
        get x(): string {
          throw new Error('gone');
        },
      },
      'reading it failed: gone',
    ],
  ])('%s is an error result that names the path', async (_name, returned, why) => {
    expect(await resultOf(returned)).toMatchObject({
      content: `The tool returned what cannot be sent: ${why}.`,
      isError: true,
    });
  });

  test('bytes are not counted as characters, nor cut', async () => {
    const { content } = await resultOf(new Uint8Array(300_000));
    expect(Array.isArray(content) && content[0]?.type === 'file' && content[0].data?.length).toBe(400_000);
  });
});
