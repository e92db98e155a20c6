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

/** Middleware that break their contract, and the case that has to say so. */
const broken: Record<string, () => Middleware> = {
  'has a name for errors, traces and logs': () => (_context, next) => next(),
  'hands text and thinking on unchanged': () =>
    function noThinking(_context, next) {
      return next().filter(({ type }) => type !== 'thinking');
    },
  'hands tool calls on unchanged': () =>
    function noTools(_context, next) {
      return next().filter(({ type }) => type !== 'tool_call');
    },
  'hands each chunk on before the next one is there': () =>
    async function* hoarding(_context, next) {
      const kept: StreamChunk[] = [];
      const stream = next();
      for await (const chunk of stream) kept.push(chunk);
      yield* kept;
    },
  'reads no further than its reader': () =>
    async function* racing(_context, next) {
      const stream = next();
      const first = await stream.next();
      if (first.done !== true) yield first.value;
      const rest: StreamChunk[] = [];
      for await (const chunk of stream) rest.push(chunk);
      yield* rest;
    },
  'gives execute() what it streams': () => {
    let runs = 0;
    return function fickle(_context, next) {
      const shout = runs++ > 0;
      return next().map((chunk) =>
        shout && chunk.type === 'content' ? { ...chunk, content: chunk.content.toUpperCase() } : chunk,
      );
    };
  },
  'hands the reply on': () =>
    async function* stopping(_context, next) {
      yield* next();
      return { finishReason: 'stop' };
    },
  'leaves the usage of the calls alone': () =>
    async function* twice(_context, next) {
      for await (const _chunk of next()) continue;
      return yield* next();
    },
  'leaves the cost of the calls alone': () =>
    function free(context, next) {
      context.onCall((call) => ({
        end() {
          call.cost = { status: 'exact', totalUsd: 0 };
        },
      }));
      return next();
    },
  'hands the request on unchanged': () =>
    function cold(context, next) {
      return next({ parameters: { ...context.request.parameters, temperature: 0 } });
    },
  'never changes the request in place': () =>
    function grabbing(context, next) {
      context.request.parameters.stopSequences?.push('STOP');
      return next();
    },
  'lets an error of the provider through as it is': () =>
    async function* wrapping(_context, next) {
      try {
        return yield* next();
      } catch (error) {
        throw new Error('something failed', { cause: error });
      }
    },
  'lets an error behind some text through, with the text': () =>
    async function* swallowing(_context, next) {
      try {
        return yield* next();
      } catch {
        return { finishReason: 'stop' };
      }
    },
  'frees the model when the signal aborts before the first chunk': deaf,
  'frees the model when the signal aborts between chunks': deaf,
  'frees the model when its reader closes with a read pending': deaf,
  'frees the model when its reader stops reading': deaf,
  'lets an interrupt from above through': deaf,
  'lets an interrupt from below through': deaf,
  'lets an attempt be ended from above': deaf,
  'lets an attempt be ended from below': () =>
    async function* patching(_context, next) {
      try {
        return yield* next();
      } catch (error) {
        if (error instanceof SluiceError && error.code === 'guard') return { finishReason: 'stop' };
        throw error;
      }
    },
  'ends each stream that it starts once, however it ends': deaf,
  'leaves no listener on a signal that lives longer': () =>
    function sticky(context, next) {
      context.signal.addEventListener('abort', () => undefined);
      return next();
    },
  'leaves no rejection unhandled': () =>
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
  'works again for the next execution': () => {
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
  'keeps executions that run at the same time apart': () => {
    let name = '';
    return function mixing(context, next) {
      const [message] = context.request.messages;
      name = message === undefined ? '' : textOf(message);
      return next().map((chunk) =>
        chunk.type === 'content' ? { ...chunk, content: chunk.content.replace(/^\w/, name) } : chunk,
      );
    };
  },
  'lets the end of one execution end no other': () => {
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

/** Never comes to its end once it is told to. */
function deaf(): Middleware {
  return async function* deaf(_context, next) {
    try {
      return yield* next();
    } finally {
      await new Promise(() => undefined);
    }
  };
}

/** The runtime itself guards these: no middleware can break them. */
const guarded = [
  'does nothing while nobody reads',
  'lets no chunk out after a close',
  'makes no call for a signal that is aborted already',
];

describe('the contract of a middleware', () => {
  for (const [name, make] of Object.entries(broken)) {
    it(`fails one that breaks "${name}"`, async () => {
      const cases = middlewareCases({ name: 'broken', make, timeoutMs: 200 });
      await expect(cases.find((one) => one.name === name)?.run()).rejects.toThrow();
    });
  }

  it('has a broken middleware for each of its cases that one can break', () => {
    const names = middlewareCases({ name: 'all', make: deaf }).map(({ name }) => name);
    expect([...Object.keys(broken), ...guarded].sort()).toEqual(names.sort());
  });

  it('leaves out what a middleware changes on purpose, and nothing else', () => {
    const namesOf = (changes: readonly MiddlewareChange[]) =>
      middlewareCases({ name: 'some', make: deaf, changes }).map(({ name }) => name);
    expect(namesOf([]).filter((name) => !namesOf(['cost']).includes(name))).toEqual([
      'leaves the cost of the calls alone',
    ]);
  });

  it('names each test after the suite where there is no describe', () => {
    const names: string[] = [];
    middlewareContract({ name: 'plain', make: deaf, test: (name) => names.push(name) });
    expect(names[0]).toBe('plain keeps the contract of a middleware: has a name for errors, traces and logs');
  });
});
