import { expect, test } from 'vitest';

import { Pipeline, SluiceError } from '../../src/index.ts';
import type { Middleware, PartialReply } from '../../src/index.ts';
import { provider } from '../../middleware/provider.ts';
import { scripted } from '../../testing/index.ts';

const down = () => new SluiceError('server', 'It is down.', { status: 500 });

/** Shows the first piece, holds back the rest, and says so in its error. */
const holding: Middleware = async function* holding(_context, next) {
  const stream = next();
  const first = await stream.next();
  if (first.done !== true) yield first.value;
  let held = '';
  try {
    for await (const chunk of stream) if (chunk.type === 'content') held += chunk.content;
  } catch (error) {
    throw new SluiceError('guard', 'It was not shown.', { cause: error, partial: textOnly(held) });
  }
};

function textOnly(text: string): PartialReply {
  return { content: text, thinking: '', toolCalls: [], parts: [{ type: 'text', text }] };
}

async function partialOf(pipeline: Pipeline): Promise<PartialReply | undefined> {
  const error: unknown = await pipeline.execute('user', 'Hi').catch((thrown: unknown) => thrown);
  if (error instanceof SluiceError) return error.partial;
  throw new Error('It did not fail.');
}

test('what a layer held back when it failed comes after what the consumer saw, in the partial of its error', async () => {
  const model = provider(
    scripted({
      text: ['Rivers ', 'run ', 'down'],
      error: down(),
      usage: { inputTokens: 7, outputTokens: 4 },
    }),
  );
  const partial = await partialOf(new Pipeline([holding, model]));
  expect([partial?.content, partial?.usage?.totalTokens]).toEqual(['Rivers run down', 11]);
  expect(partial?.parts).toEqual([
    { type: 'text', text: 'Rivers ' },
    { type: 'text', text: 'run down' },
  ]);
});

test('what one execution received is not in the partial of another that meets the same error', async () => {
  const error = down();
  const answers = [
    { text: 'First', error },
    { text: 'Second', error },
  ];
  const pipeline = new Pipeline([provider(scripted(answers))]);
  expect((await partialOf(pipeline))?.content).toBe('First');
  expect((await partialOf(pipeline))?.content).toBe('Second');
});
