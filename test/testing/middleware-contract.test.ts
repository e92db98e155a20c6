import { describe, expect, it } from 'vitest';

import { compose, SluiceError, Stream, textOf } from '../../src/index.ts';
import type { Middleware, StreamChunk } from '../../src/index.ts';
import { cache, onlyText } from './cache.ts';
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

middlewareContract({
  name: 'one that answers from memory',
  make: () => cache({}),
  changes: ['calls'],
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
  'tells apart requests that differ in the model, the parameters, the tools or the format': () =>
    cache({ keyOf: ({ messages }) => JSON.stringify(messages) }),
  'answers a request that it has seen before as it did then': () => cache({ keeps: onlyText }),
  'answers in full after an execution that ended early': () => cache({ when: () => true }),
  'gives the same answer if a layer above makes a second attempt before any content': once,
  'gives the same answer if a layer above makes a second attempt after some content': once,
  'gives the same answer if a layer below makes a second attempt before any content': () =>
    cache({ keeps: (chunks) => chunks.slice(1) }),
  'gives the same answer if a layer below makes a second attempt after some content': () =>
    cache({ keeps: (chunks) => chunks.filter(({ type }) => type !== 'reset') }),
  'ends no other execution of the same request when one ends': joined,
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
  'ends no other execution of another request when one ends': joined,
};

/** Ends all executions with the first one. */
function joined(): Middleware {
  const shared: Stream<StreamChunk, unknown>[] = [];
  return function joined(_context, next) {
    const stream = next();
    shared.push(stream);
    return stream.tap({
      end: ({ outcome }) => {
        if (outcome === 'completed') return;
        for (const other of shared) other.abort(new SluiceError('aborted', 'all together'));
      },
    });
  };
}

/** Works for the first attempt of an execution alone. */
function once(): Middleware {
  const seen = new Set<string>();
  return function once(context, next) {
    if (seen.has(context.id)) throw new SluiceError('guard', 'Only once.');
    seen.add(context.id);
    return next();
  };
}

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

/** Caches with one fault each, and the cases that find it. */
const brokenCaches: Record<string, { make: () => Middleware; breaks: string[]; says: RegExp }> = {
  'replays tool calls as an empty answer': {
    make: () => cache({ keeps: onlyText, replies: () => ({ finishReason: 'stop' }) }),
    breaks: ['answers a request that it has seen before as it did then'],
    says: /toolCalls/,
  },
  'replays another finish reason': {
    make: () => cache({ replies: (reply) => ({ ...reply, finishReason: 'stop' }) }),
    breaks: ['answers a request that it has seen before as it did then'],
    says: /finishReason/,
  },
  'keeps answers that are not complete': {
    make: () => cache({ when: () => true }),
    breaks: ['answers in full after an execution that ended early'],
    says: /Wrong answer after an execution that failed/,
  },
  'keeps answers that were interrupted': {
    make: () => cache({ when: (outcome) => outcome !== 'failed' }),
    breaks: ['answers in full after an execution that ended early'],
    says: /Wrong answer after an execution that was (?:aborted|interrupted)/,
  },
  'keeps what a reset voids': {
    make: () => cache({ keeps: (chunks) => chunks.filter(({ type }) => type !== 'reset') }),
    breaks: ['gives the same answer if a layer below makes a second attempt after some content'],
    says: /The second execution gave another answer/,
  },
  'does not look at the prompt': {
    make: () => cache({ keyOf: () => 'key' }),
    breaks: [
      'works for one execution after another',
      'leaves no unhandled rejection',
      'leaves no timer running',
    ],
    says: /Expected three different answers|The model was not called: the execution completed with "Rivers run"/,
  },
  'answers by itself': {
    make: () =>
      function answering() {
        return Stream.from([{ type: 'content' as const, content: 'Yes.' }], {
          finishReason: 'stop' as const,
        });
      },
    breaks: [
      'frees the model when the signal aborts before the first chunk',
      'frees the model when the stream is closed while a read is pending',
      'ends no other execution of another request when one ends',
    ],
    says: /^The model was not called: the execution completed with "Yes."\.$/,
  },
  'calls the model without an end': {
    make: () =>
      async function* asking(_context, next) {
        for (;;) for await (const _chunk of next()) continue;
      },
    breaks: ['works for one execution after another', 'passes on text and thinking unchanged'],
    says: /^Still running after 300 ms, waiting until the (?:execution of "one"|stream) ends: /,
  },
};

/** How long a case may take that hangs. */
const HANGS_MS = 300;
/** How long one may take that does not, on a busy machine. The case that waits for chunks that are held back takes the half of it. */
const FAILS_MS = 10_000;

/** What a case says of a middleware. */
async function failureIn(
  name: string,
  make: () => Middleware,
  changes: readonly MiddlewareChange[],
  timeoutMs = FAILS_MS,
): Promise<string> {
  const cases = middlewareCases({ name: 'broken', make, changes, timeoutMs });
  const found = cases.find((one) => one.name === name);
  try {
    await found?.run();
    return found === undefined ? 'passed over' : 'passed';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
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
      const message = await failureIn(name, make, [], make === deaf ? HANGS_MS : FAILS_MS);
      if (make === deaf) expect(message).toMatch(/^Still running after 300 ms, waiting until the .*: /);
      else expect(message).not.toMatch(/Still running|^passed/);
    });
  }

  it.each(Object.entries(brokenCaches))('says what is wrong with a cache that %s', async (_, wrong) => {
    const { make, breaks, says } = wrong;
    const timeoutMs = says.source.includes('Still running') ? HANGS_MS : FAILS_MS;
    const failures = breaks.map((name) => failureIn(name, make, ['calls'], timeoutMs));
    const messages = await Promise.all(failures);
    expect(messages).toEqual(breaks.map(() => expect.stringMatching(says)));
  });

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
