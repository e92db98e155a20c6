import { describe, expect, test } from 'vitest';
import { execute, refusal } from './refusal.ts';

describe('the error for a message of the wrong shape names the field, the kind of value and what to give', () => {
  const part = (value: unknown): unknown[] => ['user', [value]];
  test.each<[string, unknown[], string]>([
    [
      'a text part without text',
      part({ type: 'text' }),
      'message.content[0].text is undefined: give a string.',
    ],
    [
      'a misspelled type',
      part({ type: 'txt', text: 'x' }),
      'message.content[0].type is the string "txt": give one of text, thinking,',
    ],
    [
      'a string as part',
      part('x'),
      "message.content[0] is a string: give an object such as { type: 'text', text }.",
    ],
    [
      'an empty image',
      part({ type: 'image' }),
      'message.content[0] of type image has no content: give url or data.',
    ],
    [
      'bytes',
      part({ type: 'image', data: Buffer.from('x'), mediaType: 'image/png' }),
      'message.content[0].data is an object: give the bytes as a base64 string.',
    ],
    [
      'data without a type',
      part({ type: 'image', data: 'AAAA' }),
      'message.content[0].mediaType is undefined: data needs a media type such as "image/png".',
    ],
    [
      'an unknown detail',
      part({ type: 'image', url: 'https://a.example/b.png', detail: 'ultra' }),
      'message.content[0].detail is a string: give "auto" or "low" or "high" or "original", or leave it out.',
    ],
    [
      "another library's field",
      part({ type: 'image', url: 'https://a.example/b.png', image_url: 'x' }),
      'message.content[0].image_url is not a field of a part of type image: remove it, or fix its name. The fields are url, data, mediaType, detail.',
    ],
    [
      'audio without a type',
      part({ type: 'audio', data: 'AAAA' }),
      'message.content[0].mediaType is undefined: give a media type such as "audio/wav".',
    ],
    [
      'an empty file',
      part({ type: 'file' }),
      'message.content[0] of type file has no content: give url or data or fileId.',
    ],
    [
      'a result without content',
      ['tool', [{ type: 'tool_result', id: 'a', name: 'b' }]],
      'message.content[0].content is undefined: give a string or an array of parts.',
    ],
    [
      'a result without a call',
      ['tool', [{ type: 'tool_result', name: 'b', content: 'x' }]],
      "message.content[0].id is undefined: give the call's id.",
    ],
    [
      'audio in a result',
      ['tool', [{ type: 'tool_result', id: 'a', name: 'b', content: [{ type: 'audio' }] }]],
      'message.content[0].content[0].type is the string "audio": give one of text, image, file.',
    ],
    [
      'a tool answer that is only text',
      ['tool', '42'],
      'message.content is a string: a message of role tool needs an array of parts',
    ],
    [
      'the second of several',
      [
        [
          { role: 'user', content: 'x' },
          { role: 'usr', content: 'x' },
        ],
      ],
      'messages[1].role is the string "usr": give one of system, user, assistant, tool.',
    ],
  ])('%s', async (_, given, message) => {
    expect(await refusal(() => execute(...given))).toContain(`invalid_options: ${message}`);
  });
});
