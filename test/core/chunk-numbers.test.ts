import { describe, expect, test } from 'vitest';
import { Pipeline, Stream, isVoided } from 'sluice';
import type { Middleware, Reply, StreamChunk } from 'sluice';
import { failureOf, says, text, texts } from './harness.ts';
import { consumed, down, examples, retrying, scripts } from './plugins.ts';

const banner = examples['a banner']?.make() ?? retrying();
const toolCall = (id: string): StreamChunk => ({ type: 'tool_call', id, name: 'look', arguments: {} });

/** Answers the tool calls of each round, and asks again until there are none. */
const loop: Middleware = async function* loop(context, next) {
  const { messages } = context.request;
  for (let round = 1; ; round++) {
    const stream = next({ messages: [...messages, { role: 'user', content: `round ${round}` }] });
    let calls: { id: string; call: number | undefined }[] = [];
    for await (const chunk of stream) {
      if (chunk.type === 'tool_call') calls.push({ id: chunk.id, call: chunk.call });
      if (chunk.type === 'reset') calls = calls.filter(({ call }) => !isVoided(chunk, call));
      yield chunk;
    }
    if (calls.length === 0) return stream.reply;
    for (const { id } of calls)
      yield { type: 'tool_result', id, name: 'look', content: 'a door', isError: false };
  }
};

const rolesOf = (messages: readonly { role: string }[] | undefined) => messages?.map(({ role }) => role);

describe('R56 a tool loop', () => {
  const rounds = [
    [[text('q ')], down()],
    [[text('r1 '), toolCall('a')]],
    [[text('x')], down()],
    [[text('y')]],
  ];

  test('outside retry keeps the first round when the second is tried again', async () => {
    const { content, result, faults } = await consumed([loop, retrying(), scripts(...rounds)]);
    expect([content, result?.response.content, faults]).toEqual(['r1 y', 'r1 y', []]);
    expect(rolesOf(result?.messages)).toEqual(['user', 'assistant', 'tool', 'assistant']);
  });

  test('inside retry runs again as a whole: no result is left without its call', async () => {
    const again = scripts(
      [[text('r1 '), toolCall('a')]],
      [[text('x')], down()],
      [[text('r1b '), toolCall('b')]],
      [[text('y')]],
    );
    const { content, result } = await consumed([retrying(), loop, again]);
    expect(content).toBe('r1b y');
    expect(rolesOf(result?.messages)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    expect(result?.response.toolCalls.map(({ id }) => id)).toEqual(['b']);
  });
});

/** Answers from what the layers below gave for the same messages before, in whatever form it was kept. */
function cache(copy: (chunk: StreamChunk) => StreamChunk, give: 'one by one' | 'at once'): Middleware {
  const kept = new Map<string, StreamChunk[]>();
  return async function* cache(context, next) {
    const key = JSON.stringify(context.request.messages);
    const hit = kept.get(key);
    if (hit !== undefined && give === 'at once')
      return yield* Stream.from<StreamChunk, Reply>(hit, { finishReason: 'stop' });
    if (hit !== undefined) {
      yield* hit;
      return { finishReason: 'stop' };
    }
    const stream = next();
    const chunks: StreamChunk[] = [];
    for await (const chunk of stream) {
      chunks.push(copy(chunk));
      yield chunk;
    }
    kept.set(key, chunks);
    return stream.reply;
  };
}

const json = (chunk: StreamChunk): StreamChunk => {
  const copy = structuredClone(chunk);
  const parsed: unknown = JSON.parse(JSON.stringify(chunk));
  return typeof parsed === 'object' ? Object.assign(copy, parsed) : copy;
};
describe.each<[string, (chunk: StreamChunk) => StreamChunk]>([
  ['the chunks themselves', (chunk) => chunk],
  ['spread copies', (chunk) => ({ ...chunk })],
  ['copies through JSON', json],
  ['frozen copies', (chunk) => Object.freeze({ ...chunk })],
])('R56 a cache of %s', (_, copy) => {
  describe.each(['one by one', 'at once'] as const)('given %s', (give) => {
    test('between a tool loop and a retry: a reset of round 2 leaves the replayed round 1', async () => {
      const fresh = cache(copy, give);
      await consumed([loop, fresh, scripts([[text('r1 '), toolCall('a')]], [[text('lost')], down()])]);
      const again = await consumed([loop, fresh, retrying(), scripts([[text('x')], down()], [[text('y')]])]);
      expect([again.content, again.result?.response.content, again.faults]).toEqual(['r1 y', 'r1 y', []]);
      expect(rolesOf(again.result?.messages)).toEqual(['user', 'assistant', 'tool', 'assistant']);
      expect(again.result?.warnings).toEqual([]);
    });

    test('that has kept a reset: it voids the same chunks in the replay, and no others', async () => {
      const kept = cache(copy, give);
      const model = scripts(
        [[text('bad'), text('worse')], down()],
        [[text('r1 '), toolCall('a')]],
        [[text('lost')], down()],
      );
      await consumed([loop, kept, retrying({ maxRetries: 1 }), model]);
      const again = await consumed([
        banner,
        loop,
        kept,
        retrying(),
        scripts([[text('x')], down()], [[text('y')]]),
      ]);
      expect([again.content, again.result?.response.content, again.faults]).toEqual(['* r1 y', '* r1 y', []]);
    });

    test('a whole loop with a reset is replayed below a redactor', async () => {
      const kept = cache(copy, give);
      const redactor = examples['a redactor that holds words back']?.make() ?? banner;
      const turns = [[[text('r1 '), toolCall('a')]], [[text('x ')], down()], [[text('y')]]];
      expect((await consumed([kept, loop, retrying(), scripts(...turns)])).content).toBe('r1 y');
      const again = await consumed([redactor, banner, kept, scripts()]);
      expect([again.content, again.result?.response.content, again.faults]).toEqual(['* r1 y', '* r1 y', []]);
      expect(again.result?.usage.totalTokens).toBe(0);
    });
  });
});

describe('R56 several runs at once', () => {
  test('a reset of one of two branches that are merged leaves the other', async () => {
    const merge: Middleware = async function* merge(context, next) {
      const branches = [context.run(scripts([[text('A1 ')], [text('A2 ')]])), next()];
      for (let open = 2; open > 0;) {
        open = 0;
        for (const branch of branches) {
          const read = await branch.next();
          if (read.done !== true) {
            open++;
            yield read.value;
          }
        }
      }
      return { finishReason: 'stop' };
    };
    const model = scripts([[text('b? ')], down()], [[text('B1 ')], [text('B2 ')]]);
    const { content, result, faults } = await consumed([merge, retrying(), model]);
    expect([content, result?.response.content, faults]).toEqual(['A1 A2 B1 B2 ', 'A1 A2 B1 B2 ', []]);
  });

  test.each([['outside'], ['inside']])(
    'a hedge with a retry in it or %s of it keeps one answer',
    async (where) => {
      const hedge: Middleware = async function* hedge(context, next) {
        const slow = context.run(scripts([[text('slow')]]));
        const fast = next();
        void slow.ready().catch(() => undefined);
        await fast.ready();
        return yield* fast;
      };
      const model = scripts([[text('x')], down()], [[text('y')]]);
      const stack =
        where === 'outside' ? [retrying(), hedge, banner, model] : [banner, hedge, retrying(), model];
      const { content, result, faults } = await consumed(stack);
      expect([content, result?.response.content, faults]).toEqual(['* y', '* y', []]);
    },
  );

  test('the same chunks given twice come twice, each with a place of its own', async () => {
    const again: Middleware = async function* again(_context, next) {
      const kept: StreamChunk[] = [];
      const stream = next();
      for await (const chunk of stream) {
        kept.push(chunk);
        yield chunk;
      }
      yield* kept;
      return stream.reply;
    };
    const { content, faults } = await consumed([again, says('a ', 'b ')]);
    expect([content, faults]).toEqual(['a b a b ', []]);
  });

  test('a chunk that is used in two executions does not change what was delivered', async () => {
    const one = text('a');
    const seen: unknown[] = [];
    for (const prefix of [[], texts('-', '-')]) {
      const stream = new Pipeline([scripts([[...prefix, one]])]).executeStream('user', 'hi');
      for await (const chunk of stream) if (chunk.type === 'content') seen.push(chunk);
    }
    expect(seen).toEqual([
      { type: 'content', content: 'a', call: 1, index: 0 },
      { type: 'content', content: '-', call: 1, index: 0 },
      { type: 'content', content: '-', call: 1, index: 1 },
      { type: 'content', content: 'a', call: 1, index: 2 },
    ]);
    expect(one).toEqual({ type: 'content', content: 'a' });
  });
});

describe('R56 a reset that a plugin gives', () => {
  const fallback = (first: Middleware, second: Middleware): Middleware =>
    async function* fallback(context) {
      try {
        return yield* context.run(first);
      } catch {
        yield { type: 'reset', from: 0, reason: 'fallback' };
        return yield* context.run(second);
      }
    };
  const failing = (): Middleware => scripts([[text('x')], down()]);

  test('from 0 voids all that the run has given, and nothing that came before it', async () => {
    const { content, result } = await consumed([banner, fallback(failing(), says('y'))]);
    expect([content, result?.response.content]).toEqual(['* y', '* y']);
  });

  test('from 0 in the second round of a loop leaves the first round', async () => {
    const routed: Middleware = (context, next) =>
      context.request.messages.at(-1)?.content === 'round 2'
        ? context.run(fallback(failing(), says('y')))
        : next();
    const { content, result } = await consumed([loop, routed, scripts([[text('r1 '), toolCall('a')]])]);
    expect([content, rolesOf(result?.messages)]).toEqual([
      'r1 y',
      ['user', 'assistant', 'tool', 'assistant'],
    ]);
  });

  test('lists what it voids, and nothing of other layers', async () => {
    const stack = [banner, fallback(failing(), says('y'))];
    const resets: unknown[] = [];
    for await (const chunk of new Pipeline(stack).executeStream('user', 'hi'))
      if (chunk.type === 'reset') resets.push(chunk);
    expect(resets).toEqual([{ type: 'reset', from: 2, calls: [2], reason: 'fallback', call: 2, index: 2 }]);
  });

  test.each([Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY])(
    'from %d is an error that names the layer',
    async (from) => {
      const odd: Middleware = async function* odd(_context, next) {
        yield text('a');
        yield { type: 'reset', from, reason: 'x' };
        return yield* next();
      };
      const error = await failureOf(new Pipeline([banner, odd, says('b')]).execute('user', 'hi'));
      expect([error.code, error.message]).toEqual([
        'middleware',
        `Middleware "odd" gave a chunk that is a reset from ${from}: give a whole number, 0 for all that this run of the layer has given.`,
      ]);
      expect(error.partial?.content).toBe('* a');
    },
  );
});

describe('what is not a chunk', () => {
  /** A copy in which one field is not what its type says. */
  const spoiled = (chunk: StreamChunk, field: string): StreamChunk => {
    const copy = { ...chunk };
    Reflect.set(copy, field, 5);
    return copy;
  };
  const wrong: [string, Middleware][] = [
    ['a map to another type', (_context, next) => next().map((chunk) => spoiled(chunk, 'type'))],
    ['a map that spoils a chunk', (_context, next) => next().map((chunk) => spoiled(chunk, 'content'))],
    [
      'a generator that spoils a chunk',
      async function* odd(_context, next) {
        for await (const chunk of next()) yield spoiled(chunk, 'content');
        return { finishReason: 'stop' };
      },
    ],
  ];
  test.each(wrong)('from %s is an error that names the layer', async (_, odd) => {
    const pass = examples['a generator that hands on']?.make() ?? banner;
    const error = await failureOf(new Pipeline([pass, odd, pass, says('b')]).execute('user', 'hi'));
    expect([error.code, error.message]).toEqual([
      'middleware',
      expect.stringMatching(/^Middleware "(odd|#2)" gave a chunk that is /),
    ]);
  });

  test('a layer may map chunks to what it likes, if it reads that itself', async () => {
    const kinds: string[] = [];
    const reads: Middleware = async function* reads(_context, next) {
      for await (const kind of next().map(({ type }) => type)) kinds.push(kind);
      return { finishReason: 'stop' };
    };
    await new Pipeline([reads, says('a', 'b')]).execute('user', 'hi');
    expect(kinds).toEqual(['content', 'content']);
  });
});

test('R56 what a layer collects of new chunks that it makes with a map is what remains after resets', async () => {
  const partials: unknown[] = [];
  const keeps: Middleware = async function* keeps(_context, next) {
    const stream = next()
      .map((chunk) => (chunk.type === 'content' ? text(chunk.content.toUpperCase()) : chunk))
      .collect();
    const reply = yield* stream;
    partials.push(stream.partial?.content);
    return reply;
  };
  const { content } = await consumed([keeps, retrying(), scripts([[text('x')], down()], [[text('y')]])]);
  expect([content, partials]).toEqual(['Y', ['Y']]);
});

test('R56 after an interrupt a chunk that a layer adds is dropped', async () => {
  const adds: Middleware = async function* adds(context, next) {
    for await (const chunk of next()) {
      yield chunk;
      context.interrupt('enough');
      yield text('more');
    }
  };
  const result = await new Pipeline([adds, says('a')]).execute('user', 'hi');
  expect([result.outcome, result.response.content]).toEqual(['interrupted', 'a']);
});
