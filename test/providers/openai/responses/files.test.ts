import { describe, expect, it } from 'vitest';

import type { StreamChunk } from '../../../../src/index.ts';
import { added, created, delta, done, ended, message } from './events.ts';
import { ask, blockOf, decode } from '../support.ts';

/** The chunks of a stream without deltas of calls, and how it ended. */
function told(
  events: readonly object[],
  request = ask(),
): { chunks: StreamChunk[]; finishReason: string | undefined; warnings: string[] } {
  const { chunks, reply, error, warnings } = decode('responses', [created(), ...events], { request });
  expect(error).toBeUndefined();
  const kept = chunks.filter((chunk) => chunk.type !== 'tool_call_delta');
  return { chunks: kept, finishReason: reply?.finishReason, warnings };
}

describe('images, audio and other output', () => {
  const image = {
    type: 'image_generation_call',
    id: 'ig_1',
    status: 'generating',
    result: 'iVBORw0KGgo=',
    output_format: 'webp',
    quality: 'high',
    action: 'generate',
    revised_prompt: 'A cat',
  };

  it('a generated image is a file, whose block has neither the data nor fields that the API refuses', () => {
    const { chunks, finishReason } = told([
      added(0, { ...image, result: null }),
      {
        type: 'response.image_generation_call.partial_image',
        output_index: 0,
        item_id: 'ig_1',
        partial_image_b64: 'AAAA',
        partial_image_index: 0,
      },
      done(0, image),
      ended({ output: [image] }),
    ]);
    expect(chunks).toEqual([
      {
        type: 'file',
        mediaType: 'image/webp',
        data: 'iVBORw0KGgo=',
        id: 'ig_1',
        block: blockOf({ type: 'image_generation_call', id: 'ig_1', status: 'completed' }),
      },
    ]);
    expect(finishReason).toBe('stop');
  });

  it.each([
    [{ output_format: 'jpg' }, { mediaType: 'image/jpeg', data: 'iVBORw0KGgo=' }],
    [{ output_format: undefined }, { mediaType: 'image/png', data: 'iVBORw0KGgo=' }],
    [
      { output_format: null, result: '/9j/4AA=' },
      { mediaType: 'image/jpeg', data: '/9j/4AA=' },
    ],
    [
      { output_format: null, result: 'UklGRg==' },
      { mediaType: 'image/webp', data: 'UklGRg==' },
    ],
    [{ result: 'data:image/gif;base64,R0lG' }, { mediaType: 'image/gif', data: 'R0lG' }],
    [{ result: 'https://a/b.png' }, { mediaType: 'image/png', url: 'https://a/b.png' }],
  ])('an image with %j is %j', (fields, file) => {
    const [chunk] = told([done(0, { ...image, ...fields }), ended()]).chunks;
    expect(chunk).toMatchObject({ type: 'file', ...file });
  });

  it('an image that failed is a warning', () => {
    const { chunks, warnings } = told([
      done(0, { ...image, status: 'failed', result: null }),
      delta('Sorry', 1),
      ended({ output: [{ ...image, status: 'failed', result: null }] }),
    ]);
    expect(chunks).toEqual([{ type: 'content', content: 'Sorry' }]);
    expect(warnings).toEqual(['openai: an item of type image_generation_call came without its content']);
  });

  it('the images of the code interpreter are files after its result', () => {
    const item = {
      type: 'code_interpreter_call',
      id: 'ci_1',
      code: 'plot()',
      outputs: [
        { type: 'image', url: 'https://a/plot.png' },
        { type: 'image', url: 'data:image/png;base64,iVBO' },
      ],
    };
    const { chunks } = told([done(0, item), ended()]);
    expect(chunks.slice(2)).toEqual([
      { type: 'file', mediaType: 'image/png', url: 'https://a/plot.png' },
      { type: 'file', mediaType: 'image/png', data: 'iVBO' },
    ]);
  });

  it('an image in a message is a file', () => {
    const part = { type: 'output_image', image_url: 'data:image/png;base64,iVBO' };
    const { chunks } = told([
      done(0, message('', { content: [part] })),
      ended({ output: [message('', { content: [part] })] }),
    ]);
    expect(chunks).toEqual([{ type: 'file', mediaType: 'image/png', data: 'iVBO' }]);
  });

  it('audio is a file, and its transcript is text', () => {
    const request = ask({ parameters: { providerOptions: { openai: { audio: { format: 'mp3' } } } } });
    const { chunks } = told(
      [
        // Each piece is encoded for itself: 'a' and 'b'.
        { type: 'response.audio.delta', delta: 'YQ==' },
        { type: 'response.audio.transcript.delta', delta: 'Hel' },
        { type: 'response.audio.transcript.delta', delta: 'lo' },
        { type: 'response.audio.delta', delta: 'Yg==' },
        { type: 'response.audio.done' },
        ended(),
      ],
      request,
    );
    expect(chunks).toEqual([
      { type: 'content', content: 'Hel' },
      { type: 'content', content: 'lo' },
      { type: 'file', mediaType: 'audio/mpeg', data: 'YWI=' },
    ]);
  });

  it('audio in a message is a file, too', () => {
    const part = { type: 'output_audio', data: 'YWI=', transcript: 'Hello', format: 'wav' };
    const { chunks } = told([done(0, message('', { content: [part] })), ended()]);
    expect(chunks).toEqual([
      { type: 'content', content: 'Hello' },
      { type: 'file', mediaType: 'audio/wav', data: 'YWI=' },
    ]);
  });

  it('audio without an end is limited', () => {
    const piece = 'A'.repeat(4 * 1024 * 1024);
    const pieces = Array.from({ length: 5 }, () => ({ type: 'response.audio.delta', delta: piece }));
    expect(decode('responses', [created(), ...pieces]).error?.message).toContain('maxOutputCharacters');
  });

  it('logprobs are one warning that points to includeRaw', () => {
    const logprobs = [{ token: 'Hi', logprob: -0.1 }];
    const part = { type: 'output_text', text: 'Hi', annotations: [], logprobs };
    const events = [
      { type: 'response.output_text.done', output_index: 0, content_index: 0, text: 'Hi', logprobs },
      done(0, message('', { content: [part] })),
      ended(),
    ];
    expect(told(events).warnings).toEqual(['openai: logprobs are only in result.raw: set includeRaw']);
    expect(told(events, ask({ parameters: { includeRaw: true } })).warnings).toEqual([]);
  });

  it('a part of an unknown type is one warning', () => {
    const parts = [{ type: 'output_smell' }, { type: 'output_smell' }, { type: 'output_text', text: 'Hi' }];
    const { chunks, warnings } = told([done(0, message('', { content: parts })), ended()]);
    expect(chunks).toEqual([{ type: 'content', content: 'Hi' }]);
    expect(warnings).toEqual(['openai: parts of type output_smell are only in result.raw: set includeRaw']);
  });
});

describe('the block for the next turn', () => {
  it('has the fields of a message other than its text, even if the message never ended', () => {
    const item = message('Hm', {
      phase: 'commentary',
      extra_content: { google: { thought_signature: 's' } },
    });
    const header = {
      type: 'message',
      id: 'msg_1',
      role: 'assistant',
      phase: 'commentary',
      extra_content: { google: { thought_signature: 's' } },
    };
    expect(told([delta('Hm'), done(0, item), ended()]).chunks.at(-1)).toMatchObject({
      block: blockOf(header),
    });
    expect(told([added(0, { ...item, content: [] }), delta('Hm'), ended()]).chunks.at(-1)).toMatchObject({
      block: blockOf(header),
    });
    expect(told([done(0, message('Hm', { status: 'completed', phase: null })), ended()]).chunks).toEqual([
      { type: 'content', content: 'Hm' },
    ]);
  });

  it('has a reasoning item as it came, with all fields of its server', () => {
    const item = {
      type: 'reasoning',
      id: 'rs_1',
      summary: [],
      content: [{ type: 'reasoning_text', text: 'Hm' }],
      encrypted_content: 'gAAAA',
      format: 'anthropic-claude-v1',
      signature: 's',
      reasoning_details: [{ type: 'reasoning.encrypted', data: 'd' }],
    };
    expect(told([done(0, item), ended({ output: [item] })]).chunks).toEqual([
      { type: 'thinking', content: 'Hm' },
      { type: 'thinking', content: '', block: blockOf(item) },
    ]);
  });
});
