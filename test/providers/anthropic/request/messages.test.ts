import { describe, expect, it } from 'vitest';

import { at } from '../../../support/json.ts';
import { built, messagesOf, OLD, user } from './requests.ts';
import { ask } from '../support.ts';

describe('messages on the Messages API', () => {
  it('are sent with the model and the max_tokens that the API requires', () => {
    expect(built(ask('Hi'))).toEqual({
      body: { model: OLD, max_tokens: 16_384, messages: [user('Hi')], stream: true },
      headers: {},
      warnings: [],
    });
  });

  it('of role system are joined in order, wherever they are', () => {
    const { body } = messagesOf([
      { role: 'system', content: 'One.' },
      { role: 'user', content: 'Hi' },
      { role: 'system', content: [{ type: 'text', text: 'Two.' }] },
    ]);
    expect(body['system']).toEqual([
      { type: 'text', text: 'One.' },
      { type: 'text', text: 'Two.' },
    ]);
    expect(body['messages']).toEqual([user('Hi')]);
  });

  it('of one role that follow each other are joined', () => {
    const { body } = messagesOf([
      { role: 'user', content: 'a' },
      { role: 'user', content: 'b' },
      { role: 'assistant', content: 'c' },
      { role: 'assistant', content: 'd' },
      { role: 'user', content: 'e' },
    ]);
    expect(body['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'c' },
          { type: 'text', text: 'd' },
        ],
      },
      user('e'),
    ]);
  });

  it('that are blank, or of which nothing is left, are left out', () => {
    const { body } = messagesOf([
      { role: 'user', content: 'a' },
      { role: 'assistant', content: [{ type: 'text', text: ' \n' }] },
      {
        role: 'user',
        content: [
          { type: 'text', text: '' },
          { type: 'text', text: 'b' },
        ],
      },
    ]);
    expect(body['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ]);
  });

  it('of the assistant are trimmed at the end if they come last', () => {
    const { body } = messagesOf([
      { role: 'assistant', content: 'kept ' },
      { role: 'user', content: 'go on ' },
      { role: 'assistant', content: 'The answer is \n' },
    ]);
    expect(body['messages']).toEqual([
      { role: 'assistant', content: [{ type: 'text', text: 'kept ' }] },
      user('go on '),
      { role: 'assistant', content: [{ type: 'text', text: 'The answer is' }] },
    ]);
  });

  it('with calls and results have the results first, right after the calls', () => {
    const { body, warnings } = messagesOf([
      { role: 'user', content: 'What is 1 + 2?' },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Let me see.' },
          { type: 'tool_call', id: 'toolu_1', name: 'add', arguments: { a: 1, b: 2 } },
          { type: 'tool_call', id: 'call|2', name: 'now', arguments: undefined },
        ],
      },
      { role: 'user', content: 'Quick!' },
      {
        role: 'tool',
        content: [{ type: 'tool_result', id: 'toolu_1', name: 'add', content: '3' }],
      },
      {
        role: 'tool',
        content: [
          {
            type: 'tool_result',
            id: 'call|2',
            name: 'now',
            content: [
              { type: 'text', text: 'No clock.' },
              { type: 'image', data: 'iVBORw0KGgoAAA' },
            ],
          },
          { type: 'tool_result', id: 'toolu_3', name: 'void', content: '' },
        ],
      },
    ]);
    expect(body['messages']).toEqual([
      user('What is 1 + 2?'),
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Let me see.' },
          { type: 'tool_use', id: 'toolu_1', name: 'add', input: { a: 1, b: 2 } },
          { type: 'tool_use', id: 'call_2', name: 'now', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'toolu_1', content: '3' },
          {
            type: 'tool_result',
            tool_use_id: 'call_2',
            content: [
              { type: 'text', text: 'No clock.' },
              {
                type: 'image',
                source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgoAAA' },
              },
            ],
          },
          { type: 'text', text: 'Quick!' },
        ],
      },
    ]);
    expect(warnings).toEqual(['anthropic: a result of the tool void answers no call, it is left out']);
  });

  it('with arguments that are not an object have them wrapped, because the API refuses them', () => {
    const { body } = messagesOf([
      { role: 'assistant', content: [{ type: 'tool_call', id: 'c', name: 'n', arguments: 'ls -l' }] },
    ]);
    expect(body['messages']).toMatchObject([{ content: [{ input: { value: 'ls -l' } }] }]);
  });

  it('R28 have thinking, server tools and callers as they came', () => {
    const thinking = { type: 'thinking', thinking: 'Hm.', signature: 'EqQB==' };
    const redacted = { type: 'redacted_thinking', data: 'Em8K' };
    const search = { type: 'server_tool_use', id: 'srv', name: 'web_search', input: { query: 'x' } };
    const caller = { type: 'code_execution_20250825', tool_id: 'srv' };
    const { body, warnings } = messagesOf([
      { role: 'user', content: 'Hi' },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', text: 'Hm.', block: { provider: 'anthropic', data: thinking } },
          { type: 'thinking', text: '', block: { provider: 'anthropic', data: redacted } },
          { type: 'provider', block: { provider: 'anthropic', data: search } },
          {
            type: 'tool_call',
            id: 'toolu_1',
            name: 'add',
            arguments: { a: 1 },
            block: { provider: 'anthropic', data: { type: 'tool_use', id: 'toolu_1', name: 'add', caller } },
          },
        ],
      },
    ]);
    const sent = [0, 1, 2].map((place) => at(body, 'messages', 1, 'content', place));
    expect(JSON.stringify(sent)).toBe(JSON.stringify([thinking, redacted, search]));
    expect(at(body, 'messages', 1, 'content', 3)).toEqual({
      type: 'tool_use',
      id: 'toolu_1',
      name: 'add',
      caller,
      input: { a: 1 },
    });
    expect(warnings).toEqual([]);
  });

  it('R28 have no thinking without a block of this API, and blocks from elsewhere are reported', () => {
    const { body, warnings } = messagesOf([
      {
        role: 'assistant',
        content: [
          { type: 'thinking', text: 'Hm.' },
          { type: 'thinking', text: 'Hm.', block: { provider: 'openai.responses', data: { id: 'rs' } } },
          { type: 'provider', block: { provider: 'openai.responses', data: { id: 'ws' } } },
          { type: 'text', text: 'Yes.' },
        ],
      },
      { role: 'user', content: 'Hi' },
    ]);
    expect(body['messages']).toEqual([
      { role: 'assistant', content: [{ type: 'text', text: 'Yes.' }] },
      user('Hi'),
    ]);
    expect(warnings).toEqual(['anthropic: a block that belongs to openai.responses is left out']);
  });

  it('have the citations of this API, but only in texts of the assistant', () => {
    const own = { type: 'char_location', cited_text: 'x' };
    const citations = [own, { type: 'url_citation', url: 'u' }];
    const { body } = messagesOf([
      { role: 'user', content: [{ type: 'text', text: 'Hi', citations }] },
      { role: 'assistant', content: [{ type: 'text', text: 'Yes', citations }] },
      { role: 'user', content: 'And?' },
    ]);
    expect(body['messages']).toEqual([
      user('Hi'),
      { role: 'assistant', content: [{ type: 'text', text: 'Yes', citations: [own] }] },
      user('And?'),
    ]);
  });

  it('have images and documents by URL, as base64, as text and by file id', () => {
    const text = Buffer.from('a,b', 'utf8').toString('base64');
    const { body, warnings } = messagesOf([
      {
        role: 'user',
        content: [
          { type: 'image', url: 'https://x.test/a.png', detail: 'high' },
          { type: 'image', data: '/9j/4AAQ' },
          { type: 'image', url: 'data:image/gif;base64,R0lGODlh' },
          { type: 'file', url: 'https://x.test/a.pdf', filename: 'a.pdf' },
          { type: 'file', data: 'JVBERi0x', mediaType: 'application/pdf' },
          { type: 'file', data: text, mediaType: 'text/csv; charset=utf-8', filename: 'a.csv' },
          { type: 'file', fileId: 'file_1' },
          { type: 'file', fileId: 'file_2', mediaType: 'image/png' },
          { type: 'file', data: 'iVBORw0KGgo' },
        ],
      },
    ]);
    expect(body['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'image', source: { type: 'url', url: 'https://x.test/a.png' } },
          { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: '/9j/4AAQ' } },
          { type: 'image', source: { type: 'base64', media_type: 'image/gif', data: 'R0lGODlh' } },
          { type: 'document', source: { type: 'url', url: 'https://x.test/a.pdf' }, title: 'a.pdf' },
          { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0x' } },
          {
            type: 'document',
            source: { type: 'text', media_type: 'text/plain', data: 'a,b' },
            title: 'a.csv',
          },
          { type: 'document', source: { type: 'file', file_id: 'file_1' } },
          { type: 'image', source: { type: 'file', file_id: 'file_2' } },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo' } },
        ],
      },
    ]);
    expect(warnings).toEqual(["anthropic: images have no detail on this API: 'high' has no effect"]);
  });

  it('with parts that the API does not take are reported', () => {
    const { body, warnings } = messagesOf([
      { role: 'assistant', content: [{ type: 'image', url: 'https://x.test/a.png' }] },
      {
        role: 'user',
        content: [
          { type: 'audio', data: 'AAAA', mediaType: 'audio/wav' },
          { type: 'file', data: 'AAAA', mediaType: 'application/zip' },
          { type: 'image', data: 'AAAA' },
          { type: 'image' },
          { type: 'file' },
          { type: 'text', text: 'Hi' },
        ],
      },
    ]);
    expect(body['messages']).toEqual([user('Hi')]);
    expect(warnings).toEqual([
      'anthropic: a part of type image in a message of role assistant cannot be sent, it is left out',
      'anthropic: a part of type audio cannot be sent, it is left out',
      'anthropic: a file of type application/zip cannot be sent, it is left out',
      'anthropic: an image has no mediaType and its data does not show it, it is left out',
      'anthropic: an image has neither url nor data, it is left out',
      'anthropic: a file has neither url, data nor fileId, it is left out',
    ]);
  });
});
