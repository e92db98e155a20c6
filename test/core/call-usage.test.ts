import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline, SluiceError, Stream, noUsage, terminal } from 'sluice';
import type {
  Call,
  CallProgress,
  Cost,
  ExecutionResult,
  Middleware,
  Reply,
  StreamChunk,
  Usage,
} from 'sluice';
import { Model, answers, failureOf, readAll, says, stop, text, texts, tokens } from './harness.ts';

/** A model that says "Hi", reports this usage on the call and then in its reply. */
function reporting(onCall: unknown, inReply: unknown, chunks: StreamChunk[] = texts('Hi there')): Middleware {
  return terminal({ name: 'model', provider: 'model', model: 'model-1' }, (_context, call) => {
    if (onCall !== undefined) Reflect.set(call, 'usage', onCall);
    const reply: Reply = { finishReason: 'stop' };
    if (inReply !== undefined) Reflect.set(reply, 'usage', inReply);
    return Stream.from(chunks, reply);
  });
}

const run = (middleware: Middleware): Promise<ExecutionResult> =>
  new Pipeline([middleware]).execute('user', 'Hello');

const counts = ({ inputTokens, outputTokens, totalTokens }: Usage) => [
  inputTokens,
  outputTokens,
  totalTokens,
];

describe('R50 a usage is checked where it enters', () => {
  test.each([
    ['NaN', Number.NaN, 'NaN'],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a string', '12', 'a string'],
    ['less than 0', -1, 'less than 0'],
    ['a fraction', 1.5, 'not a whole number'],
    ['infinite', Infinity, 'not finite'],
  ])('input tokens that are %s are estimated, with a warning', async (_kind, value, words) => {
    for (const place of ['call', 'reply']) {
      const given = { ...tokens(0, 7), inputTokens: value };
      const { usage, warnings } = await run(
        place === 'call' ? reporting(given, undefined) : reporting(undefined, given),
      );
      // "Hello" is 2 tokens, and a message has 4 more.
      expect([counts(usage), usage.estimated]).toEqual([[6, 7, 13], true]);
      expect(warnings).toEqual([`The usage of call 1 is estimated, because inputTokens is ${words}.`]);
    }
  });

  test('output tokens that are missing are estimated from the text that came', async () => {
    const { usage, warnings } = await run(reporting(undefined, { inputTokens: 100 }));
    expect([counts(usage), usage.estimated]).toEqual([[100, 2, 102], true]);
    expect(warnings[0]).toContain('outputTokens is undefined, totalTokens is undefined');
  });

  test.each([[42], ['many'], [true]])('a usage that is %s does not count', async (given) => {
    const { usage, warnings } = await run(reporting(given, given));
    expect([counts(usage), usage.estimated]).toEqual([[6, 2, 8], true]);
    expect(warnings).toEqual(['The usage of call 1 is not an object, so its tokens were estimated.']);
  });

  test('sums stay numbers, and the turn is stored', async () => {
    const store = new MemoryStore();
    const bad = { ...noUsage(), inputTokens: Number.NaN, cachedInputTokens: 'x' };
    const pipeline = new Pipeline([reporting(bad, bad)], { store });
    const { usage, unsaved } = await pipeline.executeWithContext('s', 'user', 'Hello');
    for (const value of Object.values(usage)) expect(Number.isNaN(value)).toBe(false);
    expect(unsaved).toBeUndefined();
    const { usage: sum, turns } = await store.spend({ owner: '' });
    expect([turns, counts(sum)]).toEqual([1, counts(usage)]);
  });

  test.each([
    ['a part larger than the input', { cachedInputTokens: 90, cacheWriteTokens: 20 }, [120, 10, 130]],
    ['more reasoning than output', { reasoningTokens: 30 }, [10, 40, 50]],
    ['a larger total', { totalTokens: 100 }, [10, 90, 100]],
    ['a smaller total', { totalTokens: 5 }, [10, 10, 20]],
  ])('%s stands beside it, and the usage is an estimate', async (_what, more, expected) => {
    const { usage, warnings } = await run(reporting(undefined, { ...tokens(10, 10), ...more }));
    expect([counts(usage), usage.estimated]).toEqual([expected, true]);
    expect(warnings).toEqual(['The usage of call 1 is estimated, because the counts contradict each other.']);
  });

  test('a usage without a fault is taken as it is', async () => {
    const given = { ...tokens(10, 20), cachedInputTokens: 10, reasoningTokens: 20 };
    const { usage, warnings } = await run(reporting(given, given));
    expect([usage, warnings]).toEqual([given, []]);
  });
});

describe('R50 a report of 0 for an answer that came does not count', () => {
  const call: StreamChunk = { type: 'tool_call', id: 'a', name: 'add', arguments: { numbers: [1, 2, 3] } };
  const delta: StreamChunk = { type: 'tool_call_delta', id: 'a', argumentsDelta: '{"numbers":[1,2,3]}' };

  test('for a text', async () => {
    const { usage } = await run(reporting(undefined, noUsage()));
    expect([counts(usage), usage.estimated]).toEqual([[6, 2, 8], true]);
  });

  test('for a tool call, whose arguments count once, with deltas or without', async () => {
    for (const chunks of [[call], [delta, call]]) {
      const { usage } = await run(reporting(undefined, noUsage(), chunks));
      // 19 characters.
      expect([counts(usage), usage.estimated]).toEqual([[6, 5, 11], true]);
    }
  });

  test('for a file, of which at least the input is paid', async () => {
    const file: StreamChunk = { type: 'file', mediaType: 'image/png', data: '' };
    const { usage } = await run(reporting(undefined, noUsage(), [file]));
    expect([counts(usage), usage.estimated]).toEqual([[6, 0, 6], true]);
  });
});

describe('how far a call got decides what it is billed for', () => {
  const reset = new SluiceError('network', 'reset');
  const busy = new SluiceError('overloaded', 'busy', { status: 529 });
  const late = new SluiceError('timeout', 'late', { phase: 'first_chunk' });

  test.each<[CallProgress | undefined, SluiceError, number, boolean | undefined]>([
    ['unsent', reset, 0, undefined],
    ['unsent', late, 0, undefined],
    ['sent', reset, 6, true],
    ['sent', late, 6, true],
    ['sent', busy, 0, undefined],
    ['accepted', reset, 6, true],
    ['accepted', busy, 6, true],
    ['accepted', late, 6, true],
    [undefined, reset, 0, true],
    [undefined, busy, 0, undefined],
    [undefined, late, 6, true],
  ])('R38 %s, failed by %s: %i tokens, estimated %s', async (progress, error, total, estimated) => {
    const middleware = terminal({ name: 'model' }, (_context, call) => {
      call.progress = progress;
      return Stream.fromSource<StreamChunk, Reply>({
        pull: () => {
          throw error;
        },
        close: () => undefined,
      });
    });
    const { partial } = await failureOf(new Pipeline([middleware]).execute('user', 'Hello'));
    expect([partial?.usage?.totalTokens, partial?.usage?.estimated]).toEqual([total, estimated]);
  });
});

describe('R50 a cost is checked where it enters', () => {
  const pricing = (cost: unknown): Middleware =>
    terminal({ name: 'model' }, (_context, call) => {
      Reflect.set(call, 'cost', cost);
      return Stream.from<StreamChunk, Reply>(texts('Hi'), { finishReason: 'stop', usage: tokens(1, 1) });
    });

  test.each([
    [{ status: 'exact', totalUsd: Number.NaN }, 'totalUsd is NaN'],
    [{ status: 'exact', totalUsd: -1 }, 'totalUsd is less than 0'],
    [{ status: 'estimated' }, 'totalUsd is undefined'],
    [{ status: 'exact', totalUsd: 1, inputUsd: 'x' }, 'inputUsd is a string'],
    [{ status: 'sure', totalUsd: 1 }, 'status is a string'],
    [{}, 'status is undefined'],
  ])('%j is unknown', async (given, why) => {
    const { cost, warnings } = await run(pricing(given));
    expect(cost).toEqual({ status: 'unknown' });
    expect(warnings).toEqual([`The cost of call 1 is unknown, because its ${why}.`]);
  });

  test('a cost without a fault is taken as it is', async () => {
    const given: Cost = { status: 'estimated', totalUsd: 3, inputUsd: 1, outputUsd: 2 };
    expect((await run(pricing(given))).cost).toEqual(given);
  });
});

describe('the partial of a running execution', () => {
  test('has the usage so far: reported, else estimated', async () => {
    const model = new Model().give(texts('abcdefgh'));
    const stream = new Pipeline([model.middleware]).executeStream('user', 'Hello');
    expect(stream.partial?.usage).toEqual(noUsage());
    await stream.next();
    expect(stream.partial?.usage).toEqual({ ...tokens(6, 2), estimated: true });
    const [call] = model.calls;
    if (call !== undefined) call.usage = tokens(50, 9);
    expect(stream.partial?.usage).toEqual({ ...tokens(50, 9), estimated: true });
    model.give(stop({ usage: tokens(50, 12) }));
    await stream.result;
    expect(stream.partial?.usage).toEqual(tokens(50, 12));
  });

  test('has the cost so far as observers tell it; without one it is unknown, without a call exactly 0', async () => {
    const telling: Middleware = function telling(_context, next) {
      return next().tap({
        call: (call: Call) => ({
          cost: ({ outputTokens }) => ({ status: 'estimated', totalUsd: outputTokens }),
          end: ({ usage }) => void (call.cost = { status: 'exact', totalUsd: usage.outputTokens + 0.5 }),
        }),
      });
    };
    const costs: (Cost | undefined)[] = [];
    const model = new Model().give(texts('abcdefgh'));
    const stream = new Pipeline([telling, model.middleware]).executeStream('user', 'Hello');
    costs.push(stream.partial?.cost);
    await stream.next();
    costs.push(stream.partial?.cost);
    model.give(stop({ usage: tokens(50, 12) }));
    await stream.result;
    costs.push(stream.partial?.cost);
    expect(costs).toEqual([
      { status: 'exact', totalUsd: 0 },
      { status: 'estimated', totalUsd: 2 },
      { status: 'exact', totalUsd: 12.5 },
    ]);
    const plain = new Pipeline([says('a')]).executeStream('user', 'Hello');
    await readAll(plain);
    expect(plain.partial?.cost).toEqual({ status: 'unknown' });
  });

  test('is on the error, with the cost of all calls', async () => {
    const { middleware } = answers([[text('abcd')], new SluiceError('server', 'down')]);
    const charging: Middleware = function charging(_context, next) {
      return next().tap({
        call: (call) => ({ end: () => void (call.cost = { status: 'estimated', totalUsd: 0.25 }) }),
      });
    };
    const error = await failureOf(new Pipeline([charging, middleware]).execute('user', 'Hello'));
    expect(error.partial?.cost).toEqual({ status: 'estimated', totalUsd: 0.25 });
  });
});
