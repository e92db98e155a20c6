import { Pipeline, compose, contextKey } from 'sluice';
import type { Message, Middleware } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { system } from 'sluice/middleware/system';
import { describe, expect, test } from 'vitest';
import { model, text } from './models.ts';

async function sent(stack: Middleware[], messages: Message[]): Promise<string[]> {
  const made = model({ chunks: [text('ok')] });
  await new Pipeline([...stack, provider(made)]).execute(messages);
  return (made.requests[0]?.messages ?? []).map(({ role, content }) => `${role}: ${JSON.stringify(content)}`);
}

const question: Message = { role: 'user', content: 'Hi' };

describe('system', () => {
  test('adds a message before the conversation', async () => {
    expect(await sent([system('Be brief.')], [question])).toEqual(['system: "Be brief."', 'user: "Hi"']);
  });

  test('several are in order, the outermost first, composed ones too', async () => {
    const stack = [system('one'), compose(system('two'), system('three')), system('four')];
    expect(await sent(stack, [question])).toEqual([
      'system: "one"',
      'system: "two"',
      'system: "three"',
      'system: "four"',
      'user: "Hi"',
    ]);
  });

  test('system messages at the start of the conversation stay first, later ones stay in place', async () => {
    const messages: Message[] = [
      { role: 'system', content: 'own' },
      question,
      { role: 'system', content: 'late' },
    ];
    expect(await sent([system('added')], messages)).toEqual([
      'system: "own"',
      'system: "added"',
      'user: "Hi"',
      'system: "late"',
    ]);
  });

  test('a function makes the text from the context, also asynchronously', async () => {
    const Name = contextKey<string>('name');
    const made = model({ chunks: [text('ok')] });
    const pipeline = new Pipeline([
      system((context) => `You are ${context.get(Name) ?? 'nobody'}.`),
      system(({ request }) => Promise.resolve(`Speak ${String(request.metadata?.['language'])}.`)),
      provider(made),
    ]);
    await pipeline.execute('user', 'Hi', { values: [Name.with('Ada')], metadata: { language: 'Dutch' } });
    expect(made.requests[0]?.messages.map(({ content }) => content)).toEqual([
      'You are Ada.',
      'Speak Dutch.',
      'Hi',
    ]);
  });

  test('a function that returns no text adds no message', async () => {
    expect(await sent([system(() => undefined), system(() => '')], [question])).toEqual(['user: "Hi"']);
  });

  test('is sent but not stored with the session', async () => {
    const made = model({ chunks: [text('ok')] });
    const pipeline = new Pipeline([system('Be brief.'), provider(made)]);
    await pipeline.executeWithContext('s', 'user', 'one');
    const result = await pipeline.executeWithContext('s', 'user', 'two');
    expect(made.requests[1]?.messages.map(({ role }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'user',
    ]);
    expect(result.messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
  });

  test.each([[''], [undefined], [7]])('refuses %j when it is made', (value) => {
    expect(() => Reflect.apply(system, undefined, [value])).toThrow(
      expect.objectContaining({ code: 'invalid_options' }),
    );
  });

  test('a function that returns something else fails the execution', async () => {
    const broken = Reflect.apply(system, undefined, [() => 7]);
    await expect(new Pipeline([broken, provider(model())]).execute(question)).rejects.toMatchObject({
      code: 'invalid_options',
    });
  });
});
