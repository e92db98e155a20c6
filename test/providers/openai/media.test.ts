import { describe, expect, it } from 'vitest';

import type { FilePart, Message } from '../../../src/index.ts';
import { ask, bodyOf } from './support.ts';

const FILES: FilePart[] = [
  { type: 'file', mediaType: 'image/png', data: 'AAAA' },
  { type: 'file', mediaType: 'image/png', url: 'https://h/i.png' },
  { type: 'file', url: 'data:image/gif;base64,BBBB' },
  { type: 'file', mediaType: 'audio/mpeg', data: 'CCCC' },
  { type: 'file', url: 'data:audio/wav;base64,DDDD' },
  { type: 'file', mediaType: 'application/pdf', data: 'EEEE', filename: 'a.pdf' },
  { type: 'file', fileId: '', mediaType: 'application/pdf', data: 'FFFF' },
];

function contentOf(api: 'chat' | 'responses', content: FilePart[]): { content: unknown; warnings: string[] } {
  const messages: Message[] = [{ role: 'user', content }];
  const { body, warnings } = bodyOf(ask({ messages }), { api });
  const [message]: { content?: unknown }[] = Object(body[api === 'chat' ? 'messages' : 'input']);
  return { content: message?.content, warnings };
}

describe('a file that is an image or audio', () => {
  it('is sent as such to Chat Completions', () => {
    expect(contentOf('chat', FILES)).toEqual({
      content: [
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
        { type: 'image_url', image_url: { url: 'https://h/i.png' } },
        { type: 'image_url', image_url: { url: 'data:image/gif;base64,BBBB' } },
        { type: 'input_audio', input_audio: { data: 'CCCC', format: 'mp3' } },
        { type: 'input_audio', input_audio: { data: 'DDDD', format: 'wav' } },
        { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,EEEE' } },
        { type: 'file', file: { filename: 'file', file_data: 'data:application/pdf;base64,FFFF' } },
      ],
      warnings: [],
    });
  });

  it('is sent as such to Responses, also an uploaded image', () => {
    const uploaded: FilePart = { type: 'file', fileId: 'file-1', mediaType: 'image/png' };
    expect(contentOf('responses', [...FILES, uploaded])).toEqual({
      content: [
        { type: 'input_image', image_url: 'data:image/png;base64,AAAA', detail: 'auto' },
        { type: 'input_image', image_url: 'https://h/i.png', detail: 'auto' },
        { type: 'input_image', image_url: 'data:image/gif;base64,BBBB', detail: 'auto' },
        { type: 'input_audio', input_audio: { data: 'CCCC', format: 'mp3' } },
        { type: 'input_audio', input_audio: { data: 'DDDD', format: 'wav' } },
        { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,EEEE' },
        { type: 'input_file', filename: 'file', file_data: 'data:application/pdf;base64,FFFF' },
        { type: 'input_image', file_id: 'file-1', detail: 'auto' },
      ],
      warnings: [],
    });
  });

  it('is left out with a warning if the API does not take the audio format', () => {
    const ogg: FilePart = { type: 'file', mediaType: 'audio/ogg', data: 'AAAA' };
    const image: FilePart = { type: 'file', mediaType: 'image/png', data: 'AAAA' };
    expect(contentOf('chat', [ogg, image]).warnings).toEqual([
      'openai: audio other than wav and mp3 cannot be sent, it is left out',
    ]);
  });
});
