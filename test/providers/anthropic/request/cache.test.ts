import { describe, expect, it } from 'vitest';

import type { Message, ModelRequest, Parameters } from '../../../../src/index.ts';
import { built, TOOL, user } from './requests.ts';

describe('prompt caching on the Messages API', () => {
  const messages: Message[] = [
    { role: 'system', content: 'You are terse.' },
    { role: 'user', content: 'a' },
    { role: 'assistant', content: 'b' },
    { role: 'user', content: 'c' },
  ];
  const mark = { type: 'ephemeral' };

  function cached(promptCache: Parameters['promptCache'], more: Partial<ModelRequest> = {}) {
    return built({ messages, tools: [TOOL], parameters: { promptCache }, ...more });
  }

  it('marks the tools, the system prompt and the last message with auto, and changes no object of the caller', () => {
    const { body, warnings } = cached('auto');
    expect(body).toMatchObject({
      tools: [{ name: 'add', cache_control: mark }],
      system: [{ text: 'You are terse.', cache_control: mark }],
      messages: [user('a'), { content: [{ text: 'b' }] }, { content: [{ text: 'c', cache_control: mark }] }],
    });
    expect(JSON.stringify(body).match(/cache_control/g)).toHaveLength(3);
    expect(warnings).toEqual([]);
    expect(cached('auto', { messages: messages.slice(1, 2), tools: [] }).warnings).toEqual([]);
  });

  it('marks the given breakpoints, with their time to live', () => {
    const { body } = cached([{ at: 'tools', ttl: '1h' }, 1, { at: -2, ttl: '5m' }]);
    expect(body).toMatchObject({
      tools: [{ cache_control: { type: 'ephemeral', ttl: '1h' } }],
      messages: [
        { content: [{ text: 'a', cache_control: mark }] },
        { content: [{ text: 'b', cache_control: { type: 'ephemeral', ttl: '5m' } }] },
        user('c'),
      ],
    });
    expect(JSON.stringify(body).match(/cache_control/g)).toHaveLength(3);
  });

  it('sends the last four breakpoints, and reports one that nothing comes before', () => {
    const { body, warnings } = cached(['tools', 'system', 1, 2, 3]);
    const marked = { cache_control: mark };
    expect(body).toMatchObject({
      system: [marked],
      messages: [{ content: [marked] }, { content: [marked] }, { content: [marked] }],
    });
    // The API refuses a fifth one.
    expect(JSON.stringify(body['tools'])).not.toContain('cache_control');
    expect(warnings).toEqual(['anthropic: only the last 4 promptCache breakpoints are sent']);
    expect(cached([99, 'tools'], { tools: [] }).warnings).toEqual([
      'anthropic: there is nothing before the promptCache breakpoint at 99, it is left out',
      'anthropic: there is nothing before the promptCache breakpoint at tools, it is left out',
    ]);
  });

  it('marks no thinking and changes no block of the caller', () => {
    const data = Object.freeze({ type: 'web_search_tool_result', tool_use_id: 'srv', content: [] });
    const { body } = cached([-1], {
      messages: [
        { role: 'user', content: 'a' },
        {
          role: 'assistant',
          content: [
            { type: 'provider', block: { provider: 'anthropic', data } },
            {
              type: 'thinking',
              text: 'Hm',
              block: { provider: 'anthropic', data: { type: 'thinking', thinking: 'Hm', signature: 's' } },
            },
          ],
        },
      ],
    });
    expect(body['messages']).toMatchObject([
      user('a'),
      {
        content: [
          { ...data, cache_control: mark },
          { type: 'thinking', thinking: 'Hm', signature: 's' },
        ],
      },
    ]);
    expect(data).not.toHaveProperty('cache_control');
    expect(JSON.stringify(body).match(/cache_control/g)).toHaveLength(1);
  });
});
