import { describe, expect, test } from 'vitest';
import { openConversation } from 'sluice/conversation';
import { scripted } from 'sluice/testing';
import { refusal } from '../cases/refusal.ts';
import { pack, required } from './packs.ts';
import type { Json } from './packs.ts';

function opened(prompt: Json) {
  const provider = scripted('ok', { repeat: true });
  return { provider, conversation: openConversation({ pack: pack(prompt), prompt: 'chat', provider }) };
}

describe('values of variables with a pattern', () => {
  test('are matched with the flag u: by whole characters, and with Unicode properties', () => {
    const matches = (pattern: string, value: string): boolean => {
      const variables = [required('name', { validation: { pattern } })];
      const { conversation } = opened({ variables });
      try {
        conversation.setVariable('name', value);
        return true;
      } catch {
        return false;
      }
    };
    expect(matches('^.$', '😀')).toBe(true);
    expect(matches('^\\p{L}+$', 'Zoë')).toBe(true);
    expect(matches('^\\p{L}+$', 'pL')).toBe(true);
    expect(matches('^\\p{L}+$', 'p{L}')).toBe(false);
    expect(matches('^\\u{1F600}$', '😀')).toBe(true);
    expect(matches('[😀]', '\uDE00')).toBe(false);
  });

  test('may have 10,000 characters, or as many as their max_length allows', async () => {
    const variables = (max_length?: number): Json[] => [
      required('name', { validation: { pattern: '^a*$', max_length } }),
    ];
    const { conversation } = opened({ variables: variables() });
    conversation.setVariable('name', 'a'.repeat(10_000));
    const long = 'a'.repeat(10_001);
    expect(await refusal(() => conversation.setVariable('name', long))).toBe(
      'invalid_options: Variable name: what was given is a string: give at most 10000 characters.',
    );
    const { conversation: longer, provider } = opened({
      system_template: '{{name}}',
      variables: variables(20_000),
    });
    longer.setVariable('name', long);
    await longer.send('x');
    expect(provider.requests[0]?.messages[0]?.content).toBe(long);
  });
});
