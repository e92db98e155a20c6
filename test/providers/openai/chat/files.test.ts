import { describe, expect, it } from 'vitest';

import { chat, decode, finish, joined } from '../support.ts';
import type { Told } from '../support.ts';

const filesOf = ({ chunks }: Told): unknown[] => chunks.filter((chunk) => chunk.type === 'file');

describe('images of Chat Completions', () => {
  const png = 'iVBORw0KGgo=';

  it.each<[string, unknown, object]>([
    [
      'a data URL',
      { type: 'image_url', image_url: { url: `data:image/webp;base64,${png}` }, index: 0 },
      { mediaType: 'image/webp', data: png },
    ],
    [
      'a data URL as a text',
      { type: 'image_url', image_url: `data:image/png;base64,${png}` },
      { mediaType: 'image/png', data: png },
    ],
    [
      'a data URL without base64',
      { image_url: { url: 'data:image/svg+xml;charset=utf-8,%3Csvg/%3E' } },
      { mediaType: 'image/svg+xml', data: btoa('<svg/>') },
    ],
    [
      'a data URL that cannot be read',
      { image_url: { url: 'data:image/svg+xml,%zz' } },
      { mediaType: 'image/svg+xml', url: 'data:image/svg+xml,%zz' },
    ],
    [
      'an address',
      { image_url: { url: 'https://x.ai/a/b.jpeg?c=1' } },
      { mediaType: 'image/jpeg', url: 'https://x.ai/a/b.jpeg?c=1' },
    ],
    [
      'an address without an ending',
      { url: 'https://x.ai/constructor' },
      { mediaType: 'image/png', url: 'https://x.ai/constructor' },
    ],
    ['base64', { b64_json: png }, { mediaType: 'image/png', data: png }],
    [
      'base64 with its type',
      { b64_json: png, media_type: 'image/gif' },
      { mediaType: 'image/gif', data: png },
    ],
    ['a text', `data:image/png;base64,${png}`, { mediaType: 'image/png', data: png }],
  ])('become files: %s', (_name, image, file) => {
    const told = decode('chat', [chat({ content: 'Here: ', images: [image] }), finish('stop')]);
    expect(told.chunks).toEqual([
      { type: 'content', content: 'Here: ' },
      { type: 'file', ...file },
    ]);
  });

  it('are read from a complete message and from parts, several at once', () => {
    const image = (data: string): object => ({
      type: 'image_url',
      image_url: { url: `data:image/png;base64,${data}` },
    });
    const message = { role: 'assistant', content: '', images: [image('AAAA'), image('BBBB')] };
    const whole = decode('chat', [{ choices: [{ index: 0, message, finish_reason: 'stop' }] }]);
    expect([filesOf(whole).length, whole.reply?.finishReason]).toEqual([2, 'stop']);
    const parts = decode('chat', [
      chat({ content: [{ type: 'text', text: 'a' }, image('AAAA'), { type: 'text', text: 'b' }] }),
      finish('stop'),
    ]);
    expect(parts.chunks).toEqual([
      { type: 'content', content: 'a' },
      { type: 'file', mediaType: 'image/png', data: 'AAAA' },
      { type: 'content', content: 'b' },
    ]);
  });

  it('without anything in them are left out', () => {
    const told = decode('chat', [
      chat({ content: 'x', images: [{}, null, { image_url: {} }] }),
      finish('stop'),
    ]);
    expect(filesOf(told)).toEqual([]);
  });
});

describe('audio of Chat Completions', () => {
  const bytes = Buffer.from('The sound of the reply, as bytes.');
  const base64 = bytes.toString('base64');
  const sound = (fields: object): object => chat({ audio: fields });

  /** The reply of a stream whose audio data comes in these pieces. */
  function told(pieces: readonly string[], audio?: object): Told {
    const request = audio && { parameters: { providerOptions: { openai: { audio } } } };
    return decode(
      'chat',
      [
        sound({ id: 'audio_1', transcript: 'Hel' }),
        ...pieces.map((data) => sound({ data })),
        sound({ transcript: 'lo' }),
        sound({ expires_at: 1_730_000_000 }),
        finish('stop'),
      ],
      { request: request ?? {} },
    );
  }

  it('is text as it is spoken, and one file at the end with the id to send back', () => {
    const { chunks } = told([base64.slice(0, 8), base64.slice(8)], { format: 'pcm16', voice: 'alloy' });
    expect(chunks).toEqual([
      { type: 'content', content: 'Hel' },
      { type: 'content', content: 'lo' },
      {
        type: 'file',
        mediaType: 'audio/pcm',
        data: base64,
        id: 'audio_1',
        block: {
          provider: 'openai.chat',
          model: 'gpt-6-luna',
          baseURL: 'https://api.openai.com/v1',
          data: { type: 'audio', id: 'audio_1', expires_at: 1_730_000_000 },
        },
      },
    ]);
  });

  it.each([1, 2, 3, 5, 7])('is joined if its base64 is cut every %s characters', (length) => {
    const pieces = base64.match(new RegExp(`.{1,${length}}`, 'g')) ?? [];
    expect(filesOf(told(pieces))).toMatchObject([{ data: base64 }]);
  });

  it.each([1, 2, 4, 5])('is joined if every %s bytes are base64 of their own', (length) => {
    const pieces: string[] = [];
    for (let at = 0; at < bytes.length; at += length) {
      pieces.push(bytes.subarray(at, at + length).toString('base64'));
    }
    expect(filesOf(told(pieces))).toMatchObject([{ data: base64 }]);
  });

  it.each([
    ['wav', 'audio/wav'],
    ['mp3', 'audio/mpeg'],
    ['opus', 'audio/opus'],
    ['constructor', 'audio/constructor'],
    [undefined, 'audio/pcm'],
  ])('that was requested as %s has the type %s', (format, mediaType) => {
    expect(filesOf(told([base64], { format }))).toMatchObject([{ mediaType }]);
  });

  it('is read from a complete message', () => {
    const audio = { id: 'audio_1', data: base64, transcript: 'Hello', expires_at: 1 };
    const message = { role: 'assistant', content: null, audio };
    const whole = decode('chat', [{ choices: [{ index: 0, message, finish_reason: 'stop' }] }]);
    expect([joined(whole.chunks, 'content'), filesOf(whole)]).toMatchObject([
      'Hello',
      [{ type: 'file', data: base64 }],
    ]);
  });

  it('that is complete ends a reply without a finish reason', () => {
    const { reply, chunks } = decode('chat', [sound({ id: 'a', data: base64 }), sound({ expires_at: 1 })], {
      sentinel: false,
    });
    expect([reply?.finishReason, chunks.length]).toEqual(['stop', 1]);
    expect(decode('chat', [sound({ id: 'a', data: base64 })], { sentinel: false }).error?.code).toBe(
      'truncated',
    );
  });

  it('S10 over maxOutputCharacters fails', () => {
    const { error } = decode('chat', [sound({ data: 'x'.repeat(60) }), sound({ data: 'x'.repeat(60) })], {
      options: { limits: { maxOutputCharacters: 100 } },
    });
    expect([error?.code, error?.retryable]).toEqual(['protocol', false]);
  });
});

describe('sources of Chat Completions', () => {
  const source = (url: string): object => ({ title: 'A', url, date: '2026-01-01', snippet: '...' });

  it('that come with each chunk are delivered once, the search results after the citations', () => {
    const beside = { citations: ['https://a', 'https://b'], search_results: [source('https://a')] };
    const { chunks } = decode('chat', [
      { ...chat({ content: 'x[1]' }), ...beside },
      { ...chat({ content: '' }), ...beside, search_results: [source('https://a'), source('https://b')] },
      { ...finish('stop'), ...beside, search_results: [source('https://a'), source('https://b')] },
    ]);
    expect(chunks).toEqual([
      { type: 'content', content: 'x[1]' },
      {
        type: 'content',
        content: '',
        citations: ['https://a', 'https://b', source('https://a'), source('https://b')],
      },
    ]);
  });

  it('that are very many come in several chunks', () => {
    const citations = Array.from({ length: 150_000 }, (_, at) => `https://a/${at}`);
    const { chunks } = decode('chat', [chat({ content: 'x' }), { ...finish('stop'), citations }]);
    const sizes = chunks.map((chunk) => (chunk.type === 'content' ? (chunk.citations?.length ?? 0) : 0));
    expect([Math.max(...sizes), sizes.reduce((sum, size) => sum + size)]).toEqual([1_000, 150_000]);
  });

  it('are citations if there are only search results', () => {
    const { chunks } = decode('chat', [
      chat({ content: 'x' }),
      { ...finish('stop'), search_results: [source('https://a')] },
    ]);
    expect(chunks.at(-1)).toEqual({ type: 'content', content: '', citations: [source('https://a')] });
  });

  it('in the delta are citations, as are annotations and others', () => {
    const { chunks } = decode('chat', [
      chat({ content: 'x', annotations: [{ type: 'url_citation' }], citations: [{ type: 'document' }] }),
      finish('stop'),
    ]);
    expect(chunks.slice(1)).toEqual([
      { type: 'content', content: '', citations: [{ type: 'url_citation' }] },
      { type: 'content', content: '', citations: [{ type: 'document' }] },
    ]);
  });
});

describe('S10 a value that is nested too deep to be kept', () => {
  const deep = JSON.parse(`{"url":${'['.repeat(70)}${']'.repeat(70)}}`);

  it('is left out, and nothing else', () => {
    const { chunks, reply } = decode('chat', [
      chat({ content: 'x', annotations: [{ type: 'url_citation' }, deep], extra_content: { google: deep } }),
      chat({ reasoning_details: [{ type: 'reasoning.text', text: 'Hm', other: deep }] }),
      chat({
        tool_calls: [{ index: 0, id: 'a', function: { name: 'now', arguments: '{}' }, extra_content: deep }],
      }),
      { ...finish('tool_calls'), search_results: [deep, { url: 'https://a' }] },
    ]);
    expect(chunks.filter((chunk) => chunk.type !== 'tool_call_delta')).toMatchObject([
      { type: 'content', content: 'x' },
      { citations: [{ type: 'url_citation' }] },
      { type: 'thinking', content: 'Hm' },
      { citations: [{ url: 'https://a' }] },
      { block: { data: { type: 'message', reasoning_details: [{ type: 'reasoning.text', text: 'Hm' }] } } },
      { type: 'tool_call', id: 'a', name: 'now' },
    ]);
    expect([JSON.stringify(chunks).includes('[[['), reply?.finishReason]).toEqual([false, 'tool_calls']);
  });
});

describe('output that no chunk has a place for', () => {
  const logprobs = { content: [{ token: 'x', logprob: -0.1, top_logprobs: [] }] };
  const events = [
    chat({ content: 'x' }, { logprobs }),
    chat({ content: [{ type: 'document_url', document_url: 'https://a' }] }, { logprobs }),
    {
      ...finish('stop'),
      search_results: [{ url: 'https://a' }],
      images: [{ image_url: 'https://a/b.png' }],
      related_questions: ['Why?'],
    },
  ];

  it('is a warning, once each', () => {
    expect(decode('chat', events).warnings).toEqual([
      'openai: logprobs are only in result.raw: set includeRaw',
      'openai: parts of type document_url are only in result.raw: set includeRaw',
      'openai: images are only in result.raw: set includeRaw',
      'openai: related_questions are only in result.raw: set includeRaw',
    ]);
  });

  it('gives no warning with includeRaw', () => {
    const request = { parameters: { includeRaw: true } };
    expect(decode('chat', events, { request }).warnings).toEqual([]);
  });

  it('gives no warning if there is none', () => {
    const { warnings } = decode('chat', [chat({ content: 'x' }, { logprobs: null }), finish('stop')]);
    expect(warnings).toEqual([]);
  });
});
