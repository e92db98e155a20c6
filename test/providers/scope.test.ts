import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { scripted } from 'sluice/testing';
import { expect, test } from 'vitest';

const sdks = { openai: () => new OpenAI({ apiKey: 'k' }), anthropic: () => new Anthropic({ apiKey: 'k' }) };

test.each(['openai', 'anthropic'] as const)(
  '%s() frees what it owns at the end of its scope',
  async (name) => {
    let closed = 0;
    const close = (): void => {
      closed++;
    };
    {
      await using _model =
        name === 'openai'
          ? openai({ client: Object.assign(sdks.openai(), { close }), own: true })
          : anthropic({ client: Object.assign(sdks.anthropic(), { close }), own: true });
      expect(closed).toBe(0);
    }
    expect(closed).toBe(1);
  },
);

test('scripted() counts the end of its scope as a close', async () => {
  const model = scripted('Hello');
  {
    await using _same = model;
    expect(model.closed).toBe(0);
  }
  expect(model.closed).toBe(1);
});
