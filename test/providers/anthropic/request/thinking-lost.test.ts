import { describe, expect, it } from 'vitest';

import type { Message, Part } from '../../../../src/index.ts';
import { built, NEW, OLD } from './requests.ts';

const assistant = (...content: Part[]): Message => ({ role: 'assistant', content });
const tool = (...content: Part[]): Message => ({ role: 'tool', content });
const call = (id: string): Part => ({ type: 'tool_call', id, name: 'add', arguments: { x: 1 } });
const result = (id: string): Part => ({ type: 'tool_result', id, name: 'add', content: '2' });
const own = (data: object): { provider: string; data: object } => ({ provider: 'anthropic', data });

describe('thinking after a reply without its thinking', () => {
  const loop = (...reply: Part[]): Message[] => [
    { role: 'user', content: 'Hi' },
    assistant(...reply, call('a')),
    tool(result('a')),
  ];
  const foreign: Part = {
    type: 'thinking',
    text: 'Hm.',
    block: { provider: 'anthropic', model: 'claude-3-7-sonnet', data: { type: 'thinking' } },
  };
  const thinks = (messages: Message[], model = OLD) =>
    built({ messages, model, parameters: { reasoning: { budgetTokens: 2048 } } });

  it('is left out with a warning if the model has a budget, because the API would refuse it', () => {
    const { body, warnings } = thinks(loop(foreign));
    expect(body).not.toHaveProperty('thinking');
    expect(warnings).toEqual([
      'anthropic: a block that belongs to the model claude-3-7-sonnet is left out',
      'anthropic: the model cannot continue to think after a reply without its thinking: thinking is left out',
    ]);
  });

  it.each<[string, Message[], string]>([
    [
      'the reply begins with its own',
      loop({ type: 'thinking', text: '', block: own({ type: 'thinking' }) }),
      OLD,
    ],
    [
      'its first step began with its own',
      [
        ...loop({ type: 'thinking', text: '', block: own({ type: 'redacted_thinking', data: 'x' }) }),
        assistant(call('b')),
        tool(result('b')),
      ],
      OLD,
    ],
    [
      'the user has spoken since',
      [...loop(), assistant({ type: 'text', text: 'Hm' }), { role: 'user', content: 'Go on' }],
      OLD,
    ],
  ])('is sent if %s', (_name, messages, model) => {
    const { body, warnings } = thinks(messages, model);
    expect(body['thinking']).toEqual({ type: 'enabled', budget_tokens: 2048 });
    expect(warnings).toEqual([]);
  });

  it('is sent to a model that thinks adaptively', () => {
    const { body } = built({ messages: loop(), model: NEW, parameters: { reasoning: { effort: 'high' } } });
    expect(body['thinking']).toMatchObject({ type: 'adaptive' });
  });
});
