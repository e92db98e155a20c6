import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline, Stream, compose, contextKey, terminal } from 'sluice';
import type { ExecutionContext, Middleware, Reply, StreamChunk } from 'sluice';
import { logging, provider, retry } from 'sluice/middleware';
import { scripted } from 'sluice/testing';
import { execute, model, refusal } from './refusal.ts';

describe('a wrong option of an execution is refused with its field and how to fix it', () => {
  test.each<[string, unknown, string]>([
    [
      'a misspelled parameter',
      { parameters: { temprature: 1 } },
      'parameters.temprature is not an option: take it out or fix its name',
    ],
    [
      'a hot temperature',
      { parameters: { temperature: 'hot' } },
      'parameters.temperature is a string: give a number',
    ],
    [
      'fewer than no tokens',
      { parameters: { maxTokens: -5 } },
      'parameters.maxTokens is a number: give a number of at least 1',
    ],
    [
      'an unknown effort',
      { parameters: { reasoning: { effort: 'lots' } } },
      'parameters.reasoning.effort is a string: give "none" or "minimal"',
    ],
    [
      'an unknown choice',
      { parameters: { toolChoice: 'any' } },
      'parameters.toolChoice is a string: give "auto", "none", "required" or { name }',
    ],
    [
      'a cache that is on',
      { parameters: { promptCache: true } },
      'parameters.promptCache is a boolean: give "auto" or an array of',
    ],
    [
      "OpenAI's shape of a tool",
      { tools: [{ type: 'function', function: {} }] },
      'tools.0.name is undefined: give a string; tools.0.parameters is undefined: a JSON Schema as an object; tools.0.type is not an option',
    ],
    [
      "Anthropic's shape of a tool",
      { tools: [{ name: 'a', input_schema: {} }] },
      'tools.0.input_schema is not an option',
    ],
    [
      'a schema that is missing',
      { responseFormat: { type: 'json_schema', name: 'a' } },
      'responseFormat.schema is undefined: a JSON Schema as an object',
    ],
    [
      'instructions that are empty',
      { system: '' },
      'system is a string: give a text or an array of parts, which is not empty',
    ],
    [
      'a controller as signal',
      { signal: new AbortController() },
      'signal is an object: give an AbortSignal, such as controller.signal',
    ],
    [
      'no date',
      { deadline: new Date('never') },
      'deadline is an object: give a valid Date, or milliseconds since the epoch',
    ],
    [
      'values without keys',
      { values: [['tenant', 'acme']] },
      'values has an entry whose key is a string: give entries of keys made by contextKey()',
    ],
    [
      'a key without a value',
      { values: [contextKey('tenant')] },
      'values has an entry that is an object: give entries',
    ],
    [
      'a function in metadata',
      { metadata: { a: { b: () => 1 } } },
      'metadata.a.b is a function: give plain data, as JSON has it',
    ],
    ['a bigint in metadata', { metadata: { a: 1n } }, 'metadata.a is a bigint: give plain data'],
  ])('%s', async (_, options, message) => {
    expect(await refusal(() => execute('user', 'x', options))).toContain(message);
  });

  test('circular metadata', async () => {
    const metadata: Record<string, unknown> = {};
    metadata.self = { metadata };
    expect(await refusal(() => execute('user', 'x', { metadata }))).toContain(
      'metadata.self.metadata.self is an object: give plain',
    );
  });

  test('several wrong options are all named', async () => {
    const text = await refusal(() => execute('user', 'x', { timeout: 1, timeoutMs: -1, model: '' }));
    expect(text).toBe(
      'invalid_options: Execution options: timeoutMs is a number: give a number of at least 0; model is a string: give one that is not empty; timeout is not an option: take it out or fix its name.',
    );
  });

  test('wrong defaults of provider()', async () => {
    const given = [scripted('x'), { temprature: 0 }];
    expect(await refusal(() => Reflect.apply(provider, undefined, given))).toContain(
      'temprature is not an option',
    );
  });
});

describe('a stack that cannot work is refused when it is built', () => {
  test('a middleware below the provider', async () => {
    const text =
      'invalid_options: middleware[0] ("scripted") makes the model call, so "logging" below it would never run: put it last.';
    expect(await refusal(() => new Pipeline([model(), logging()]))).toBe(text);
    expect(await refusal(() => new Pipeline([compose(model()), logging()]))).toBe(text);
  });

  test('a terminal middleware without a name and a body', async () => {
    expect(await refusal(() => Reflect.apply(terminal, undefined, [{}]))).toBe(
      'invalid_options: terminal(): options.name is undefined: give a name; body is undefined: give a function (context, call) that returns a Stream.',
    );
  });
});

describe('a mistake in a middleware is an error that names it, and nothing is left open', () => {
  /** A middleware in plain JavaScript, where no type prevents the mistake. */
  const layer = (name: string, body: unknown): Middleware => {
    const middleware: Middleware = (context, next) =>
      Reflect.apply(asFunction(body), undefined, [context, next]);
    return Object.defineProperty(middleware, 'name', { value: name });
  };
  const asFunction = (body: unknown): ((...given: unknown[]) => ReturnType<Middleware>) => {
    if (!isBody(body)) throw new Error('Not a function.');
    return body;
  };
  const isBody = (body: unknown): body is (...given: unknown[]) => ReturnType<Middleware> =>
    typeof body === 'function';
  const next = (...given: unknown[]): Middleware =>
    layer('odd', (_context: unknown, below: unknown) => asFunction(below)(...given));

  test.each<[string, unknown, string]>([
    ['an unknown key', { message: [] }, 'message is not an option'],
    ['a text', 'x', 'what was given is a string: give an object'],
    ['messages that are not an array', { messages: 'x' }, 'messages is a string: give an array'],
    [
      'messages of the wrong shape',
      { messages: [{ role: 'user' }] },
      'messages[0].content is undefined: give a string or an array of parts',
    ],
    [
      'undefined messages',
      { messages: undefined },
      'messages is undefined: leave it out to keep it as it is',
    ],
    ['misspelled parameters', { parameters: { maxToken: 1 } }, 'parameters.maxToken is not an option'],
  ])('next() called with %s', async (_, changes, message) => {
    const text = await refusal(() => new Pipeline([next(changes), model()]).execute('user', 'x'));
    expect(text).toContain('middleware: Middleware "odd" called next() with a wrong change: ');
    expect(text).toContain(message);
  });

  test('a factory that was not called', async () => {
    // @ts-expect-error it is not a middleware
    const pipeline = new Pipeline([retry, model()]);
    expect(await refusal(() => pipeline.execute('user', 'x'))).toBe(
      'middleware: Middleware "retry" returned a function, not a stream: was the factory passed without calling it?',
    );
  });

  test('a terminal middleware that does not return a stream', async () => {
    // @ts-expect-error it does not return a stream
    const pipeline = new Pipeline([terminal({ name: 'mine' }, () => 5)]);
    expect(await refusal(() => pipeline.execute('user', 'x'))).toContain(
      'Middleware "mine" returned a number, not a stream',
    );
  });

  test.each<[string, unknown]>([
    ['a text', 'x'],
    ['nothing', undefined],
    ['a misspelled type', { type: 'contnt', content: 'x' }],
    ['no text', { type: 'content' }],
    ['the chunk at the end', { type: 'done' }],
  ])('a chunk that is %s', async (_, chunk) => {
    const chunks = Stream.from<StreamChunk, { finishReason: 'stop' }>(
      // @ts-expect-error it is not a chunk
      [chunk],
      { finishReason: 'stop' },
    );
    const text = await refusal(() =>
      new Pipeline([terminal({ name: 'mine' }, () => chunks)]).execute('user', 'x'),
    );
    expect(text).toMatch(/^middleware: Middleware "mine" gave a chunk that is /);
    const yields = layer('odd', async function* yields(_context: unknown, below: unknown) {
      yield chunk;
      return yield* asGenerator(asFunction(below)());
    });
    const outer = await refusal(() => new Pipeline([yields, model()]).execute('user', 'x'));
    expect(outer).toMatch(/^middleware: Middleware "odd" gave a chunk that is /);
  });

  const asGenerator = (stream: unknown): Stream<StreamChunk, unknown> => {
    if (!(stream instanceof Stream)) throw new Error('Not a stream.');
    return stream;
  };

  test.each<[string, (context: ExecutionContext, stream: Stream<StreamChunk, Reply>) => unknown, string]>([
    [
      'an abort without an error',
      (_context, stream) => stream.tap(() => void Reflect.apply(stream.abort, stream, [])),
      'Middleware "odd" threw undefined, not an Error.',
    ],
    [
      'a tap that is not a function',
      (_context, stream) => Reflect.apply(stream.tap, stream, [5]),
      'tap() was given a number: give a function or',
    ],
    [
      'a tap that is null',
      (_context, stream) => Reflect.apply(stream.tap, stream, [null]),
      'tap() was given null: give a function or',
    ],
    ...['chunk', 'end', 'pull', 'call'].map(
      (
        field,
      ): [string, (context: ExecutionContext, stream: Stream<StreamChunk, Reply>) => unknown, string] => [
        `a tap of which ${field} is not a function`,
        (_context, stream) => Reflect.apply(stream.tap, stream, [{ [field]: 5 }]),
        `tap(): ${field} is a number: give a function.`,
      ],
    ),
    [
      'a value to be made once without a function that makes it',
      (context) => Reflect.apply(context.once, context, [contextKey('odd'), 5]),
      'once(): make is a number: give a function.',
    ],
    [
      'a value to be made once under a key that is a string',
      (context) => Reflect.apply(context.once, context, ['odd', () => 5]),
      "once(): the key is a string: give one made by contextKey(), such as const Tenant = contextKey('tenant').",
    ],
    [
      'a hook that is not a function',
      (context) => Reflect.apply(context.onEnd, context, []),
      'Middleware "odd" called onEnd() with undefined: give a function.',
    ],
  ])('%s', async (_, wrong, message) => {
    const odd: Middleware = function odd(context, below) {
      const stream = below();
      wrong(context, stream);
      return stream;
    };
    expect(await refusal(() => new Pipeline([odd, model()]).execute('user', 'x'))).toContain(message);
  });

  test('a stored message whose tokens cannot be counted causes a warning, not a hang', async () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const pipeline = new Pipeline([provider(scripted({ text: 'ok', usage: false }))]);
    const { warnings, outcome } = await pipeline.execute({
      role: 'assistant',
      content: [{ type: 'tool_call', id: 'a', name: 'b', arguments: circle }],
    });
    expect([outcome, warnings]).toEqual([
      'completed',
      ['The tokens of call 1 could not be estimated (TypeError).'],
    ]);
  });
});

describe('other wrong calls are refused', () => {
  const call = (name: 'throttle' | 'tee' | 'handle', ...given: unknown[]): Promise<string> =>
    refusal(() => {
      const stream = new Pipeline([model()]).executeStream('user', 'x');
      return Reflect.apply(stream[name], stream, given);
    });

  test('a throttle without a time, when it is created', async () => {
    expect(await call('throttle')).toBe(
      'invalid_options: throttle(ms): ms is undefined: give a number of milliseconds, 0 or more.',
    );
    expect(await call('throttle', -1)).toContain('ms is -1');
  });

  test('a tee with several wrong options, all of which are named', async () => {
    expect(await call('tee', 0, { overflow: 'drop', bufferSize: 0, idleTimeoutMs: -1 })).toBe(
      'invalid_options: tee(n, options): n is a number: give a whole number of branches, 1 or more; overflow is a string: give "block", "drop-oldest" or "error"; bufferSize is a number: give a whole number of chunks, 1 or more; idleTimeoutMs is a number: give milliseconds, 0 for no limit.',
    );
  });

  test('a handler with an unknown name', async () => {
    expect(await call('handle', { onToken: () => 1, onContent: 5 })).toBe(
      'invalid_options: handle(): onToken is not a handler: there are onContent, onThinking, onToolCall, onFile, onToolProgress, onReset, onProgress, onComplete, onError; onContent is a number: give a function.',
    );
    expect(await call('handle')).toContain('handler is undefined: give an object of functions.');
  });

  test('a shutdown with an option', async () => {
    const pipeline = new Pipeline([model()]);
    expect(await refusal(() => Reflect.apply(pipeline.shutdown, pipeline, [{ timeoutMs: 5 }]))).toBe(
      'invalid_options: shutdown(): timeoutMs is not an option: take it out or fix its name.',
    );
    expect((await pipeline.execute('user', 'x')).outcome).toBe('completed');
  });

  test('a turn without a session', async () => {
    const pipeline = new Pipeline([model()]);
    const given = [undefined, 'user', 'x'];
    const text =
      'invalid_options: sessionId is undefined: give a string that is not empty, or { owner, id }.';
    expect(await refusal(() => Reflect.apply(pipeline.executeWithContext, pipeline, given))).toBe(text);
    expect(await refusal(() => Reflect.apply(pipeline.executeStreamWithContext, pipeline, given))).toBe(text);
  });

  test.each([
    ['a number', 5, 'sessionId is a number: give a string that is not empty, or { owner, id }'],
    ['no text', '', 'sessionId is empty: give a string that is not empty'],
    ['an owner alone', { owner: 'ada' }, 'sessionId.id is undefined: give a string that is not empty'],
    [
      'a misspelled owner',
      { ownr: 'ada', id: 's' },
      "sessionId.owner is undefined: give a string, '' where there is none",
    ],
  ])('a key of a session that is %s', async (_what, key, message) => {
    const pipeline = new Pipeline([model()]);
    const given = [key, 'user', 'x'];
    expect(await refusal(() => Reflect.apply(pipeline.executeWithContext, pipeline, given))).toBe(
      `invalid_options: ${message}.`,
    );
  });

  test('an invalid owner', async () => {
    const store = new MemoryStore();
    expect(await refusal(() => Reflect.apply(store.forget, store, []))).toBe(
      'invalid_options: owner is undefined: give a string.',
    );
    expect(await refusal(() => Reflect.apply(store.spend, store, ['ada']))).toBe(
      'invalid_options: spend(): what was given is a string: give an object.',
    );
    expect(await refusal(() => Reflect.apply(store.spend, store, [{ id: 's' }]))).toBe(
      'invalid_options: spend(): owner is undefined: give a string.',
    );
  });

  test.each(['get', 'set'] as const)('%s() with the name of a key instead of the key', async (name) => {
    const wrong =
      "the key is a string: give one made by contextKey(), such as const Tenant = contextKey('tenant').";
    const use = (valuesOf: (context: ExecutionContext) => object | undefined): Promise<string> =>
      refusal(async () => {
        const layer: Middleware = (context, next) => {
          const values = valuesOf(context) ?? {};
          Reflect.apply(Reflect.get(values, name), values, ['tenant', 5]);
          return next();
        };
        await new Pipeline([layer, model()]).executeWithContext('s', 'user', 'x');
      });
    expect(await use((context) => context)).toBe(`invalid_options: ${name}(): ${wrong}`);
    expect(await use(({ session }) => session)).toBe(`invalid_options: session.${name}(): ${wrong}`);
  });

  test('a key without a name', async () => {
    expect(await refusal(() => Reflect.apply(contextKey, undefined, []))).toBe(
      'invalid_options: contextKey(): name is undefined: give a string.',
    );
  });

  test('wrong limits of the store in memory', async () => {
    expect(await refusal(() => Reflect.construct(MemoryStore, [{ ttlMs: -1, maxSession: 4 }]))).toBe(
      'invalid_options: MemoryStore options: ttlMs is a number: give a number of at least 1; maxSession is not an option: take it out or fix its name.',
    );
  });
});
