import { describe, expect, it } from 'vitest';
import { Pipeline } from 'sluice';
import { provider, system } from 'sluice/middleware';
import { scripted } from 'sluice/testing';

function stage() {
  const model = scripted(['One.', 'Two.']);
  const pipeline = new Pipeline([system('You are Ada.'), provider(model)]);
  const sent = () =>
    model.requests.map(({ messages }) => messages.map(({ role, content }) => [role, content]));
  return { model, pipeline, sent };
}

describe('the option system', () => {
  it('is sent before all messages of an execution, and is not in its result', async () => {
    const { pipeline, sent } = stage();
    const { messages } = await pipeline.execute('user', 'Hi', { system: 'Be short.' });
    expect(sent()).toEqual([
      [
        ['system', 'Be short.'],
        ['system', 'You are Ada.'],
        ['user', 'Hi'],
      ],
    ]);
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
  });

  it('holds for one turn of a session and is not stored', async () => {
    const { pipeline, sent } = stage();
    await pipeline.executeWithContext('s', 'user', 'Hi', { system: [{ type: 'text', text: 'Be short.' }] });
    await pipeline.executeWithContext('s', [], { system: 'Be long.' });
    expect(sent().map(([first]) => first)).toEqual([
      ['system', [{ type: 'text', text: 'Be short.' }]],
      ['system', 'Be long.'],
    ]);
    const session = await pipeline.store.load('s');
    expect(session?.messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
  });
});
