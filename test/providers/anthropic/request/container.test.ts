import { afterEach, describe, expect, it, vi } from 'vitest';

import { blockFrom, originOf } from '../../../../providers/wire/index.ts';
import type { Message, Parameters, Part } from '../../../../src/index.ts';
import { at } from '../../../support/json.ts';
import { built, messagesOf, NEW, OLD } from './requests.ts';

const origin = originOf('anthropic', OLD, 'https://api.anthropic.com');

afterEach(() => {
  vi.useRealTimers();
});

describe('R48 the container of earlier replies', () => {
  const container = (id: string, expires?: string): Part => ({
    type: 'provider',
    block: blockFrom(origin, {
      type: 'container',
      id,
      ...(expires !== undefined && { expires_at: expires }),
    }),
  });
  const conversation = (...parts: Part[]): Message[] => [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: [{ type: 'text', text: 'Hello' }, ...parts] },
    { role: 'user', content: 'Go on' },
  ];

  it('is a field of the request: the latest that has not expired, and never a content block', () => {
    vi.useFakeTimers({ now: Date.parse('2026-11-01T12:00:00Z') });
    const { body, warnings } = messagesOf(
      conversation(
        container('c_1', '2026-11-01T12:30:00Z'),
        container('c_2', '2026-11-01T12:10:00Z'),
        container('c_3', '2026-11-01T11:59:59Z'),
      ),
    );
    expect(body['container']).toBe('c_2');
    expect(at(body, 'messages', 1, 'content')).toEqual([{ type: 'text', text: 'Hello' }]);
    expect(warnings).toEqual([]);
    expect(messagesOf(conversation(container('c_4'))).body['container']).toBe('c_4');
    expect(messagesOf(conversation(container('c_5', '2026-11-01T11:00:00Z'))).body).not.toHaveProperty(
      'container',
    );
  });

  it("is the caller's if the caller names one, and never that of another model", () => {
    const parameters: Parameters = { providerOptions: { anthropic: { container: 'mine' } } };
    const messages = conversation(container('c_1'));
    expect(built({ messages, parameters }).body['container']).toBe('mine');
    const other = built({ messages, parameters: {}, model: NEW });
    expect(other.body).not.toHaveProperty('container');
    expect(other.warnings).toEqual([`anthropic: a block that belongs to the model ${OLD} is left out`]);
  });
});
