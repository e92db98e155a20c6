import { describe, expect, expectTypeOf, test } from 'vitest';
import { MemoryStore, Pipeline, contextKey, toLogger } from 'sluice';
import type {
  ContextEntry,
  ExecutionContext,
  Middleware,
  Next,
  PipelineOptions,
  Reply,
  Stream,
  StreamChunk,
} from 'sluice';
import { failureOf, says } from './harness.ts';

/** The error of a call that throws at once, whatever its arguments' types. */
function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return 'nothing thrown';
}

const construct = (...given: unknown[]): unknown => thrownBy(() => Reflect.construct(Pipeline, given));
const call = (...given: unknown[]): unknown => {
  const pipeline = new Pipeline([says('a')]);
  return thrownBy(() => Reflect.apply(pipeline.executeStream, pipeline, given));
};

describe('options of a pipeline', () => {
  test('all that are wrong are named at once, with what they are, never with their value', () => {
    const error = construct([says('a')], {
      maxConcurrentExecutions: 0,
      streamBufferSize: 1.5,
      executionTimeoutMs: 'secret',
      idleTimeoutMs: -1,
      saveTimeoutMs: 0,
      shutdownTimeoutMs: -1,
      store: {},
      logger: 'secret',
      own: 'yes',
      color: 'secret',
    });
    expect(error).toMatchObject({ code: 'invalid_options' });
    const message = String(error);
    for (const name of [
      'maxConcurrentExecutions',
      'streamBufferSize',
      'executionTimeoutMs',
      'idleTimeoutMs',
      'saveTimeoutMs',
      'shutdownTimeoutMs',
      'store',
      'logger',
      'own',
      'color',
    ])
      expect(message).toContain(name);
    expect(message).toContain('color is not an option');
    expect(message).toContain('executionTimeoutMs is a string');
    expect(message).not.toContain('secret');
  });

  test.each([
    ['no array', [says('a')].at(0), /middleware is a function: give an array/],
    ['an empty array', [], /empty array: put at least a provider in it/],
    [
      'a value that is not a function',
      [says('a'), { name: 'retry' }],
      /middleware\[1\] is an object: give a function/,
    ],
    ['NaN', [says('a')], /executionTimeoutMs/, { executionTimeoutMs: Number.NaN }],
  ])('%s is refused', (_, middleware, message, options?: object) => {
    expect(String(construct(middleware, ...(options === undefined ? [] : [options])))).toMatch(message);
  });

  test('an option that is not given has its default, and 0 is a value', () => {
    expect(construct([says('a')], { executionTimeoutMs: 0, streamBufferSize: 0, maxQueuedTurns: 0 })).toBe(
      'nothing thrown',
    );
    expect(construct([says('a')], { store: new MemoryStore(), logger: console })).toBe('nothing thrown');
  });
});

describe('what an execution is called with', () => {
  test.each([
    [['robot', 'hi'], /role.*robot/],
    [['user', 7], /content is a number: give a string or an array of parts/],
    [[{ role: 'user' }], /message\.content is undefined: give a string or an array of parts/],
    [
      [[{ role: 'user', content: 'a' }, { content: 'b' }]],
      /messages\[1\]\.role is undefined: give one of system, user, assistant, tool/,
    ],
    [[{ role: 'user', content: [{ type: 'video' }] }], /content\[0\]\.type is/],
    [[null], /null/],
    [[[]], /empty array: give at least one message/],
    [['user', 'hi', { timeout: 1 }], /timeout is not an option/],
    [['user', 'hi', { timeoutMs: -1 }], /timeoutMs/],
    [['user', 'hi', { signal: {} }], /signal is an object/],
    [[{ role: 'user', content: 'hi' }, 'oops'], /options is a string/],
  ])('%j is refused before anything starts', (given, message) => {
    const error = call(...given);
    expect(error).toMatchObject({ code: 'invalid_options' });
    expect(String(error)).toMatch(message);
  });

  test('execute() rejects with what executeStream() throws', async () => {
    const pipeline = new Pipeline([says('a')]);
    const failing: Promise<unknown> = Reflect.apply(pipeline.execute, pipeline, ['robot', 'hi']);
    expect((await failureOf(failing)).code).toBe('invalid_options');
  });

  test.each([[''], [7], [{ id: 'x' }], [{ owner: 'a', id: '' }], [null]])('%j is not a session', (key) => {
    const pipeline = new Pipeline([says('a')]);
    const error = thrownBy(() =>
      Reflect.apply(pipeline.executeStreamWithContext, pipeline, [key, 'user', 'hi']),
    );
    expect(String(error)).toMatch(/sessionId(\.owner|\.id)? is/);
  });

  test('[] is refused without a session, and runs the stored conversation with one', async () => {
    const pipeline = new Pipeline([says('a')]);
    expect((await failureOf(pipeline.execute([]))).code).toBe('invalid_options');
    await pipeline.executeWithContext('s', 'user', 'hi');
    expect((await pipeline.executeWithContext('s', [])).outcome).toBe('completed');
  });
});

describe('logging', () => {
  test("context.log writes to the pipeline's logger, of the console's shape or of pino's", () => {
    const lines: unknown[][] = [];
    const level = (...given: unknown[]): void => void lines.push(given);
    const shape = { debug: level, info: level, warn: level, error: level };
    toLogger(shape).info('hello', { a: 1 });
    toLogger(Object.assign({ bindings: () => ({}) }, shape)).info('hello', { a: 1 });
    toLogger(shape).warn('alone');
    expect(lines).toEqual([['hello', { a: 1 }], [{ a: 1 }, 'hello'], ['alone']]);
  });
});

describe('types', () => {
  test('keys carry their type into get, set and values', async () => {
    const Tenant = contextKey<string>('tenant');
    const Count = contextKey<number>('count');
    expectTypeOf(Tenant.with('acme')).toEqualTypeOf<ContextEntry>();
    // @ts-expect-error a number is not a tenant
    Tenant.with(1);
    const reads: Middleware = function reads(context, next) {
      expectTypeOf(context.get(Tenant)).toEqualTypeOf<string | undefined>();
      expectTypeOf(context.session?.get(Count)).toEqualTypeOf<number | undefined>();
      // @ts-expect-error there is no untyped bag
      expect(() => context.get('tenant')).toThrow('the key is a string');
      context.log.info(context.get(Tenant) ?? 'none');
      return next();
    };
    const lines: unknown[] = [];
    const note = (line: unknown): void => void lines.push(line);
    const logger = { debug: note, info: note, warn: note, error: note };
    await new Pipeline([reads, says('a')], { logger }).execute('user', 'hi', {
      values: [Tenant.with('acme'), Count.with(2)],
    });
    expect(lines).toEqual(['acme']);
  });

  test('a plugin needs no annotations: parameters, chunks and replies are inferred', () => {
    const tap = ((context, next) => {
      expectTypeOf(context).toEqualTypeOf<ExecutionContext>();
      expectTypeOf(next).toEqualTypeOf<Next>();
      return next().tap((chunk) => expectTypeOf(chunk).toEqualTypeOf<StreamChunk>());
    }) satisfies Middleware;
    const mapped = ((_context, next) => {
      const stream = next().filter((chunk) => chunk.type !== 'reset');
      expectTypeOf(stream).toEqualTypeOf<Stream<StreamChunk, Reply>>();
      return stream;
    }) satisfies Middleware;
    const ends = (async (_context, next) => {
      const stream = next();
      await stream.ready();
      return stream.tap({ end: (end) => expectTypeOf(end.reply).toEqualTypeOf<Reply | undefined>() });
    }) satisfies Middleware;
    const generator = async function* generator(_context, next) {
      const reply = yield* next();
      expectTypeOf(reply).toEqualTypeOf<Reply>();
      return { model: `${reply.model}!` };
    } satisfies Middleware;
    expect([tap, mapped, ends, generator].map((one) => typeof one)).toEqual(Array(4).fill('function'));
    expectTypeOf<PipelineOptions['store']>().toExtend<MemoryStore | object | undefined>();
    // @ts-expect-error a plugin must return a stream
    const wrong: Middleware = () => 'text';
    expect(wrong).toBeTypeOf('function');
  });
});
