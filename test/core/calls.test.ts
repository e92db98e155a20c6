import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError } from 'sluice';
import type { Call, CallEnd, Middleware, Span, StreamChunk } from 'sluice';
import { Model, answers, failureOf, readAll, says, settled, stop, text, texts, tokens } from './harness.ts';

/** Logs every call below: its number, its chunks and its end. */
function observer(log: string[], ends: CallEnd[] = []): Middleware {
  return function observer(_context, next) {
    return next().tap({
      call(call) {
        log.push(`${call.number} starts`);
        return {
          chunk: (chunk) =>
            log.push(`${call.number} ${chunk.type === 'content' ? chunk.content : chunk.type}`),
          end: (end) => {
            ends.push(end);
            log.push(`${call.number} ${end.outcome}`);
          },
        };
      },
    });
  };
}

const retrying: Middleware = async function* retrying(_context, next) {
  try {
    return yield* next();
  } catch {
    return yield* next();
  }
};

describe('a tap of calls', () => {
  test('sees every call below it, numbered over retries, and so are their chunks', async () => {
    const log: string[] = [];
    const { middleware } = answers([texts('a'), new SluiceError('server', 'down')], [texts('b'), stop()]);
    const seen: [number, number][] = [];
    const pipeline = new Pipeline([observer(log), retrying, middleware]);
    for await (const chunk of pipeline.executeStream('user', 'hi')) seen.push([chunk.index, chunk.call]);
    expect(log).toEqual(['1 starts', '1 a', '1 failed', '2 starts', '2 b', '2 completed']);
    expect(seen).toEqual([
      [0, 1],
      [1, 2],
      [2, 0],
    ]);
  });

  test('inside the layer that retries, each attempt has a tap of its own: no call is heard twice', async () => {
    const log: string[] = [];
    const { middleware } = answers([new SluiceError('server', 'down')], [texts('b'), stop()]);
    await new Pipeline([retrying, observer(log), middleware]).execute('user', 'hi');
    expect(log).toEqual(['1 starts', '1 failed', '2 starts', '2 b', '2 completed']);
  });

  test('context.run of another terminal is a call of its own', async () => {
    const log: string[] = [];
    const both: Middleware = async function* both(context, next) {
      yield* context.run(says('aside'));
      return yield* next();
    };
    await new Pipeline([observer(log), both, says('main')]).execute('user', 'hi');
    expect(log).toEqual(['1 starts', '1 aside', '1 completed', '2 starts', '2 main', '2 completed']);
  });

  test('hedged calls are numbered in the order of their start, the loser is cancelled', async () => {
    const log: string[] = [];
    const hedge: Middleware = async function* hedge(context, next) {
      const slow = context.run(new Model().middleware);
      const fast = next();
      void slow.ready().catch(() => undefined);
      await fast.ready();
      return yield* fast;
    };
    await new Pipeline([observer(log), hedge, says('a')]).execute('user', 'hi');
    expect(log).toEqual(['1 starts', '2 starts', '2 a', '2 completed', '1 cancelled']);
  });

  test('a layer that answers by itself makes no call: nothing is heard and nothing is billed', async () => {
    const log: string[] = [];
    const canned: Middleware = async function* canned() {
      yield text('a');
      return { finishReason: 'stop' };
    };
    const result = await new Pipeline([observer(log), canned]).execute('user', 'hi');
    expect([log, result.response.content, result.usage.totalTokens, result.warnings]).toEqual([
      [],
      'a',
      0,
      [],
    ]);
    expect(result.trace.map(({ kind }) => kind)).toEqual(['execution']);
  });

  test('one at the end of the stack whose reply has usage is named by a warning, since nothing is billed', async () => {
    const model: Middleware = async function* model() {
      yield text('a');
      return { finishReason: 'stop', usage: tokens(3, 4) };
    };
    const { usage, warnings } = await new Pipeline([model]).execute('user', 'hi');
    expect(usage.totalTokens).toBe(0);
    expect(warnings).toEqual([
      '"model" answered by itself, so the usage in its reply is not counted. If it calls a model, make it with terminal().',
    ]);
    const replayed = await new Pipeline([model, says('never')]).execute('user', 'hi');
    expect(replayed.warnings).toEqual([]);
  });

  test('an observer that throws at the start refuses the call: nothing is sent and nothing is billed', async () => {
    const model = new Model();
    const limit: Middleware = function limit(_context, next) {
      return next().tap({
        call() {
          throw new SluiceError('budget', 'spent');
        },
      });
    };
    const error = await failureOf(new Pipeline([limit, model.middleware]).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'budget', partial: { usage: { totalTokens: 0 } } });
    expect(model.log).toEqual([]);
  });

  test('one that throws at the end adds a warning; the others hear it', async () => {
    const log: string[] = [];
    const bad: Middleware = function bad(_context, next) {
      return next().tap({
        call: () => ({
          end: () => {
            throw new TypeError('x');
          },
        }),
      });
    };
    const { warnings } = await new Pipeline([observer(log), bad, says('a')]).execute('user', 'hi');
    expect(warnings).toEqual(['"bad" threw TypeError in the end() of its tap on call 1.']);
    expect(log.at(-1)).toBe('1 completed');
  });
});

describe('usage and cost', () => {
  /** Charges a dollar a token of output, or what `price` says. */
  const charge = (price: (call: Call) => Call['cost']): Middleware =>
    function charge(_context, next) {
      return next().tap({
        call: (call) => ({
          end: () => {
            call.cost = price(call);
          },
        }),
      });
    };

  test('usage of an execution is the sum over its calls, the failed ones too', async () => {
    const failing = new SluiceError('truncated', 'cut');
    const { middleware } = answers(
      [texts('abcdefgh'), failing],
      [texts('b'), stop({ usage: tokens(10, 20) })],
    );
    const ends: CallEnd[] = [];
    const { usage } = await new Pipeline([observer([], ends), retrying, middleware]).execute('user', 'hi');
    expect(ends[0]?.usage).toMatchObject({ outputTokens: 2, estimated: true });
    expect(ends[1]?.usage).toEqual(tokens(10, 20));
    expect(usage).toMatchObject({
      inputTokens: (ends[0]?.usage.inputTokens ?? 0) + 10,
      outputTokens: 22,
      estimated: true,
    });
  });

  test('R38 a cancelled stream is estimated from what had come', async () => {
    const ends: CallEnd[] = [];
    const model = new Model().give(texts('abcd', 'efgh'));
    const stream = new Pipeline([observer([], ends), model.middleware]).executeStream(
      'user',
      'four word long prompt',
    );
    await stream.next();
    await stream.close();
    expect(ends[0]).toMatchObject({ outcome: 'cancelled', usage: { outputTokens: 2, estimated: true } });
    expect(ends[0]?.usage.inputTokens).toBeGreaterThan(5);
    const { partial } = await failureOf(stream.result);
    expect(partial?.usage).toEqual({ ...ends[0]?.usage });
  });

  test('R38 what the provider reported before the cut counts, and is marked estimated', async () => {
    const ends: CallEnd[] = [];
    const reporting: Middleware = function reporting(_context, next) {
      return next().tap({ call: (call) => ({ chunk: () => void (call.usage = tokens(100, 1)) }) });
    };
    const model = new Model().give(texts('abcd', 'efgh'));
    const stream = new Pipeline([reporting, observer([], ends), model.middleware]).executeStream(
      'user',
      'hi',
    );
    await stream.next();
    await stream.close();
    expect(ends[0]?.usage).toMatchObject({
      inputTokens: 100,
      outputTokens: 2,
      totalTokens: 102,
      estimated: true,
    });
  });

  test('a call that the provider refuses costs nothing', async () => {
    const ends: CallEnd[] = [];
    const { middleware } = answers([new SluiceError('rate_limited', 'slow down', { status: 429 })]);
    const error = await failureOf(new Pipeline([observer([], ends), middleware]).execute('user', 'hi'));
    expect([ends[0]?.usage.totalTokens, ends[0]?.usage.estimated]).toEqual([0, undefined]);
    expect(error.partial?.usage?.totalTokens).toBe(0);
  });

  test.each([
    [['exact', 'exact'], { status: 'exact', totalUsd: 3 }],
    [['exact', 'estimated'], { status: 'estimated', totalUsd: 3 }],
    [['exact', 'unknown'], { status: 'unknown' }],
    [['exact', undefined], { status: 'unknown' }],
  ] as const)('costs of %j sum to %j', async (statuses, expected) => {
    const { middleware } = answers([new SluiceError('server', 'x')], [texts('b'), stop()]);
    const priced = charge(({ number }) => {
      const status = statuses[number - 1];
      return status === undefined ? undefined : { status, ...(status !== 'unknown' && { totalUsd: number }) };
    });
    const { cost } = await new Pipeline([priced, retrying, middleware]).execute('user', 'hi');
    expect(cost).toEqual(expected);
  });
});

describe('resets', () => {
  test('the answer, its parts and messages are what remains', async () => {
    const restarting: Middleware = async function* restarting(_context, next) {
      yield* next();
      yield { type: 'reset', from: 2, reason: 'retry' };
      yield* next();
      yield { type: 'reset', from: 3, reason: 'retry' };
      return yield* next();
    };
    const call = (id: string): StreamChunk => ({ type: 'tool_call', id, name: 'add', arguments: { a: 1 } });
    const { middleware } = answers(
      [texts('first '), stop()],
      [[text('lost'), call('lost'), { type: 'thinking', content: 'hm' }], stop()],
      [[text('second'), call('kept')], stop({ finishReason: 'tool_calls' })],
    );
    // The first reset comes before call 2, so it voids nothing; the second one voids call 3 onward.
    const { response, messages, usage } = await new Pipeline([restarting, middleware]).execute('user', 'hi');
    expect(response.content).toBe('first lostsecond');
    expect(response.toolCalls.map(({ id }) => id)).toEqual(['lost', 'kept']);
    expect(messages).toHaveLength(2);
    expect(usage.estimated).toBe(true);
  });

  test('a reset voids text, thinking, tool calls and results of the calls from its number on', async () => {
    const restarting: Middleware = async function* restarting(_context, next) {
      yield* next();
      yield { type: 'tool_result', id: 'x', name: 'add', content: '1', isError: false };
      yield* next();
      yield { type: 'reset', from: 2, reason: 'retry' };
      return yield* next();
    };
    const { middleware } = answers(
      [texts('kept '), stop()],
      [
        [
          text('void'),
          { type: 'thinking', content: 'void' },
          { type: 'tool_call', id: 'void', name: 'n', arguments: {} },
        ],
        stop(),
      ],
      [texts('new'), stop()],
    );
    const { content, result } = await readAll(
      new Pipeline([restarting, middleware]).executeStream('user', 'hi'),
    );
    expect(content).toBe('kept voidnew');
    expect(result?.response).toMatchObject({ content: 'kept new', thinking: '', toolCalls: [] });
    expect(result?.response.parts.map(({ type }) => type)).toEqual(['text', 'tool_result', 'text']);
    expect(result?.messages).toEqual([
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: 'kept ' },
      { role: 'tool', content: [{ type: 'tool_result', id: 'x', name: 'add', content: '1' }] },
      { role: 'assistant', content: 'new' },
    ]);
  });
});

describe('trace', () => {
  test('an execution span holds a span for each call, with usage, outcome and the code of an error', async () => {
    const { middleware } = answers(
      [new SluiceError('overloaded', 'x', { status: 529 })],
      [texts('a'), stop({ usage: tokens(3, 4), model: 'model-1-dated', requestId: 'req_1' })],
    );
    const { trace, id } = await new Pipeline([retrying, middleware]).execute('user', 'hi');
    const [execution, first, second] = trace;
    expect(execution).toMatchObject({ kind: 'execution', outcome: 'completed', usage: { totalTokens: 7 } });
    expect(execution?.id.startsWith(id)).toBe(true);
    expect(first).toMatchObject({
      kind: 'call',
      name: 'model',
      parentId: execution?.id,
      outcome: 'failed',
      errorCode: 'overloaded',
      attributes: { call: 1, provider: 'model', model: 'model-1' },
    });
    expect(second).toMatchObject({
      parentId: execution?.id,
      outcome: 'completed',
      usage: tokens(3, 4),
      attributes: { call: 2, model: 'model-1-dated', requestId: 'req_1' },
    });
    for (const span of trace) expect(span.durationMs).toBeGreaterThanOrEqual(0);
  });

  test('onSpan is called at each start and end, and of spans that run already', async () => {
    const log: string[] = [];
    const exporter: Middleware = function exporter(context, next) {
      context.trace.onSpan({
        start: ({ kind, name }: Span) => void log.push(`start ${kind} ${name}`),
        end: ({ kind, outcome }: Span) => void log.push(`end ${kind} ${outcome}`),
      });
      const span = context.trace.span('tool', 'add', { id: 'x' });
      span.set({ rows: 3 });
      span.end();
      span.end({ outcome: 'failed' });
      return next();
    };
    const { trace } = await new Pipeline([exporter, says('a')]).execute('user', 'hi');
    expect(log).toEqual([
      'start execution execution',
      'start tool add',
      'end tool completed',
      'start call model',
      'end call completed',
      'end execution completed',
    ]);
    expect(trace[1]).toMatchObject({
      kind: 'tool',
      parentId: trace[0]?.id,
      attributes: { id: 'x', rows: 3 },
    });
  });

  test('no listener can break the execution it looks at', async () => {
    const bad: Middleware = function bad(context, next) {
      const fail = (): never => {
        throw new TypeError('x');
      };
      context.trace.onSpan({ start: fail, end: fail });
      return next();
    };
    const { response, warnings } = await new Pipeline([bad, says('a')]).execute('user', 'hi');
    expect(response.content).toBe('a');
    expect(warnings).toEqual(['A span listener threw TypeError at the start of a span.']);
  });
});

test('a chunk that a layer makes of nothing has a number of its own, a later one that of what came; indices are dense', async () => {
  const frame: Middleware = async function* frame(_context, next) {
    yield text('<');
    yield* next();
    yield text('>');
  };
  const seen: [number, number, string][] = [];
  for await (const chunk of new Pipeline([frame, says('a', 'b')]).executeStream('user', 'hi'))
    seen.push([chunk.index, chunk.call, chunk.type]);
  await settled();
  expect(seen).toEqual([
    [0, 1, 'content'],
    [1, 2, 'content'],
    [2, 2, 'content'],
    [3, 2, 'content'],
    [4, 0, 'done'],
  ]);
});
