import { describe, expect, test } from 'vitest';
import { Stream, end, terminal } from 'sluice';
import type { Middleware, Reply } from 'sluice';
import { text, texts } from './harness.ts';
import { consumed, down, examples, retrying, scripts } from './plugins.ts';

const WORDS = ['one ', 'two ', 'th', 'ree'];
const WHOLE = WORDS.join('');

/** Fails in its first runs: in each after so many chunks of what is below. */
const breaking = (...after: number[]): Middleware =>
  async function* breaking(_context, next) {
    const limit = after.shift();
    if (limit === 0) throw down();
    let seen = 0;
    const stream = next();
    for await (const chunk of stream) {
      yield chunk;
      if (++seen === limit) throw down();
    }
    return stream.reply;
  };

const rows = Object.entries(examples).map(([name, example]) => ({ name, ...example }));

describe.each(rows)('R56 $name', ({ name, make, effect }) => {
  test.each([0, 1, 2, 3, 4, 5, 6])('inside retry, failing after %i chunks of it', async (after) => {
    const turns = [texts(...WORDS).map((chunk) => [chunk])];
    const stack = [retrying(), breaking(after, 2), make(), scripts(...turns, ...turns, ...turns)];
    expect(await consumed(stack)).toMatchObject({ content: effect(WHOLE), error: undefined, faults: [] });
  });

  test.each([0, 1, 2, 3, 4])('outside retry, failing after %i chunks of the model', async (after) => {
    const turns = [texts(...WORDS).map((chunk) => [chunk])];
    const stack = [make(), retrying(), breaking(after, 2), scripts(...turns, ...turns, ...turns)];
    expect(await consumed(stack)).toMatchObject({ content: effect(WHOLE), error: undefined, faults: [] });
  });

  test.each([0, 1, 2, 3, 4])('between two retries, failing after %i chunks of the model', async (after) => {
    const turns = Array.from({ length: 4 }, () => texts(...WORDS).map((chunk) => [chunk]));
    const stack = [
      ...[retrying(), breaking(2), make()],
      ...[retrying({ maxRetries: 1 }), breaking(after, 1), scripts(...turns)],
    ];
    expect(await consumed(stack)).toMatchObject({ content: effect(WHOLE), error: undefined, faults: [] });
  });

  test('twice in one stack', async () => {
    const twice = make();
    const turns = Array.from({ length: 3 }, () => texts(...WORDS).map((chunk) => [chunk]));
    const stack = [twice, retrying(), breaking(2, 1), twice, scripts(...turns)];
    const content = effect(effect(WHOLE));
    expect(await consumed(stack)).toMatchObject({ content, error: undefined, faults: [] });
  });

  /** A model that continues what it is told that it said. */
  const continues = terminal({ name: 'model' }, ({ request }) => {
    const said = request.messages.findLast(({ role }) => role === 'assistant')?.content ?? '';
    const rest = typeof said === 'string' && WHOLE.startsWith(said) ? WHOLE.slice(said.length) : '?';
    const pieces = rest === '' ? [] : (rest.match(/.{1,3}/g) ?? []);
    let at = 0;
    return Stream.fromSource<ReturnType<typeof text>, Reply>({
      async pull() {
        await Promise.resolve();
        const piece = pieces[at++];
        return piece === undefined ? end({ finishReason: 'stop' }) : [text(piece)];
      },
      close: () => undefined,
    });
  });

  // The footer of a failed attempt is taken for what the model said: nothing tells it from text that was held back.
  const last = name.startsWith('a footer') ? 4 : 6;
  test.each([0, 1, 2, 3, 4, 5, 6].filter((after) => after <= last))(
    'with continue inside retry, failing after %i chunks of it',
    async (after) => {
      const stack = [retrying({ afterContent: 'continue' }), breaking(after), make(), continues];
      expect(await consumed(stack)).toMatchObject({ content: effect(WHOLE), error: undefined, faults: [] });
    },
  );

  test.each([0, 1, 2, 3, 4])(
    'with continue outside retry, failing after %i chunks of the model',
    async (after) => {
      const stack = [make(), retrying({ afterContent: 'continue' }), breaking(after), continues];
      expect(await consumed(stack)).toMatchObject({ content: effect(WHOLE), error: undefined, faults: [] });
    },
  );
});
