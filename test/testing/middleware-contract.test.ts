import { describe, expect, it } from 'vitest';

import { compose, SluiceError, textOf } from '../../src/index.ts';
import type { Middleware, StreamChunk, Stream } from '../../src/index.ts';
import { middlewareCases, middlewareContract } from '../../testing/middleware/contract.ts';
import type { MiddlewareChange } from '../../testing/middleware/contract.ts';

const good: Record<string, () => Middleware> = {
  'a tap': () =>
    function tapping(_context, next) {
      return next().tap({ chunk: () => undefined, end: () => undefined });
    },
  'an async function': () =>
    async function waiting(_context, next) {
      await Promise.resolve();
      return next();
    },
  'an async function that waits for the first chunk': () =>
    async function ready(_context, next) {
      const stream = next();
      await stream.ready();
      return stream;
    },
  'a generator that delegates': () =>
    async function* delegating(_context, next) {
      return yield* next();
    },
  'a generator that loops': () =>
    async function* looping(_context, next) {
      for await (const chunk of next()) yield chunk;
    },
  'a composed stack': () =>
    compose(
      function outer(_context, next) {
        return next();
      },
      async function* inner(_context, next) {
        return yield* next();
      },
    ),
  'one that waits for its signal': () =>
    async function listening(context, next) {
      const stop = (): void => undefined;
      context.signal.addEventListener('abort', stop);
      return next().tap({ end: () => context.signal.removeEventListener('abort', stop) });
    },
};

for (const [name, make] of Object.entries(good)) middlewareContract({ name, make, describe, test: it });

middlewareContract({
  name: 'one that changes the request',
  make: () =>
    function polite(context, next) {
      return next({ messages: [{ role: 'system', content: 'Be polite.' }, ...context.request.messages] });
    },
  changes: ['request'],
  describe,
  test: it,
});

middlewareContract({
  name: 'one that changes the text',
  make: () =>
    function shout(_context, next) {
      return next().map((chunk) =>
        chunk.type === 'content' ? { ...chunk, content: chunk.content.toUpperCase() } : chunk,
      );
    },
  changes: ['text'],
  describe,
  test: it,
});

/** For each case, a middleware that breaks it. */
const broken: Record<string, () => Middleware> = {
  'has a name for errors, traces and logs': () => (_context, next) => next(),
  'passes on text and thinking unchanged': () =>
    function noThinking(_context, next) {
      return next().filter(({ type }) => type !== 'thinking');
    },
  'passes on tool calls unchanged': () =>
    function noTools(_context, next) {
      return next().filter(({ type }) => type !== 'tool_call');
    },
  'delivers each chunk before the next one arrives': () =>
    async function* hoarding(_context, next) {
      const kept: StreamChunk[] = [];
      const stream = next();
      for await (const chunk of stream) kept.push(chunk);
      yield* kept;
    },
  'does not read far ahead of its reader': () =>
    async function* racing(_context, next) {
      const stream = next();
      const first = await stream.next();
      if (first.done !== true) yield first.value;
      const rest: StreamChunk[] = [];
      for await (const chunk of stream) rest.push(chunk);
      yield* rest;
    },
  'returns from execute() what it streams': () => {
    let runs = 0;
    return function fickle(_context, next) {
      const shout = runs++ > 0;
      return next().map((chunk) =>
        shout && chunk.type === 'content' ? { ...chunk, content: chunk.content.toUpperCase() } : chunk,
      );
    };
  },
  'passes on the reply': () =>
    async function* stopping(_context, next) {
      yield* next();
      return { finishReason: 'stop' };
    },
  'does not change the usage of calls': () =>
    async function* twice(_context, next) {
      for await (const _chunk of next()) continue;
      return yield* next();
    },
  'does not change the cost of calls': () =>
    function free(_context, next) {
      return next().tap({
        call: (call) => ({
          end() {
            call.cost = { status: 'exact', totalUsd: 0 };
          },
        }),
      });
    },
  'passes on the request unchanged': () =>
    function cold(context, next) {
      return next({ parameters: { ...context.request.parameters, temperature: 0 } });
    },
  'never changes the request object': () =>
    function grabbing(context, next) {
      context.request.parameters.stopSequences?.push('STOP');
      return next();
    },
  "passes on the provider's error unchanged": () =>
    async function* wrapping(_context, next) {
      try {
        return yield* next();
      } catch (error) {
        throw new Error('something failed', { cause: error });
      }
    },
  'passes on an error that follows some text, with the text': () =>
    async function* swallowing(_context, next) {
      try {
        return yield* next();
      } catch {
        return { finishReason: 'stop' };
      }
    },
  'frees the model when the signal aborts before the first chunk': deaf,
  'frees the model when the signal aborts between chunks': deaf,
  'frees the model when the stream is closed while a read is pending': deaf,
  'frees the model when the reader leaves its loop': deaf,
  'passes on an interrupt from above': deaf,
  'passes on an interrupt from below': deaf,
  'lets a middleware above abort the call': deaf,
  'lets a middleware below abort the call': () =>
    async function* patching(_context, next) {
      try {
        return yield* next();
      } catch (error) {
        if (error instanceof SluiceError && error.code === 'guard') return { finishReason: 'stop' };
        throw error;
      }
    },
  'ends each stream that it starts exactly once': deaf,
  'leaves no listener on a signal that outlives the call': () =>
    function sticky(context, next) {
      context.signal.addEventListener('abort', () => undefined);
      return next();
    },
  'leaves no unhandled rejection': () =>
    function careless(_context, next) {
      const stream = next();
      const done = Promise.withResolvers<undefined>();
      return stream.tap({
        end: ({ error }) => (error === undefined ? done.resolve(undefined) : done.reject(error)),
      });
    },
  'leaves no timer running': () =>
    function ticking(_context, next) {
      const timer = setInterval(() => undefined, 3_600_000);
      return next().tap({
        end: ({ outcome }) => {
          if (outcome === 'completed') clearInterval(timer);
        },
      });
    },
  'works for one execution after another': () => {
    let first: StreamChunk[] | undefined;
    return async function* remembering(_context, next) {
      if (first === undefined) {
        first = [];
        for await (const chunk of next()) first.push(chunk);
      } else {
        for await (const _chunk of next()) continue;
      }
      for (const chunk of first) yield { ...chunk };
    };
  },
  'keeps concurrent executions apart': () => {
    let name = '';
    return function mixing(context, next) {
      const [message] = context.request.messages;
      name = message === undefined ? '' : textOf(message);
      return next().map((chunk) =>
        chunk.type === 'content' ? { ...chunk, content: chunk.content.replace(/^\w/, name) } : chunk,
      );
    };
  },
  'ends no other execution when one ends': () => {
    const shared: Stream<StreamChunk, unknown>[] = [];
    return function joined(_context, next) {
      const stream = next();
      shared.push(stream);
      return stream.tap({
        end: ({ outcome }) => {
          if (outcome !== 'completed') {
            for (const other of shared) other.abort(new SluiceError('aborted', 'all together'));
          }
        },
      });
    };
  },
};

/** Never finishes when it is closed. */
function deaf(): Middleware {
  return async function* deaf(_context, next) {
    try {
      return yield* next();
    } finally {
      await new Promise(() => undefined);
    }
  };
}

/** Cases that no middleware can break, because the runtime itself ensures them. */
const guarded = [
  'does nothing until the stream is read',
  'delivers no chunk after a close',
  'makes no call if the signal is already aborted',
];

describe('the contract of a middleware', () => {
  for (const [name, make] of Object.entries(broken)) {
    it(`fails if it breaks "${name}"`, async () => {
      const cases = middlewareCases({ name: 'broken', make, timeoutMs: 200 });
      await expect(cases.find((one) => one.name === name)?.run()).rejects.toThrow();
    });
  }

  it('has a broken middleware for each case that can be broken', () => {
    const names = middlewareCases({ name: 'all', make: deaf }).map(({ name }) => name);
    expect([...Object.keys(broken), ...guarded].sort()).toEqual(names.sort());
  });

  it('skips only what a middleware changes on purpose', () => {
    const namesOf = (changes: readonly MiddlewareChange[]) =>
      middlewareCases({ name: 'some', make: deaf, changes }).map(({ name }) => name);
    expect(namesOf([]).filter((name) => !namesOf(['cost']).includes(name))).toEqual([
      'does not change the cost of calls',
    ]);
  });

  it('starts the name of each test with the name of the suite if there is no describe', () => {
    const names: string[] = [];
    middlewareContract({ name: 'plain', make: deaf, test: (name) => names.push(name) });
    expect(names[0]).toBe('plain keeps the contract of a middleware: has a name for errors, traces and logs');
  });
});
