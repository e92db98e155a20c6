import { openai } from '../../providers/openai/index.ts';
import { SluiceError, Stream } from '../../src/index.ts';
import type { ModelRequest, Provider, ProviderCall, Reply, StreamChunk } from '../../src/index.ts';
import type { Endpoint } from '../../testing/index.ts';

/** A provider that passes the contract. */
export function sound(endpoint: Endpoint): Provider {
  return openai({ ...endpoint, model: 'gpt-5-mini' });
}

type Make = (endpoint: Endpoint) => Provider;
type Chunks = Stream<StreamChunk, Reply>;

const ALL_WELL: Reply = { finishReason: 'stop', provider: 'openai', model: 'gpt-5-mini' };

/** The sound provider with a different `stream()`. */
function spoilt(stream: (inner: Provider, request: ModelRequest, call: ProviderCall) => Chunks): Make {
  return function make(endpoint) {
    const inner = sound(endpoint);
    return { ...inner, stream: (request, call) => stream(inner, request, call) };
  };
}

/** The sound provider, with its streams relayed by a generator. */
function relayed(
  relay: (
    stream: Chunks,
    request: ModelRequest,
    call: ProviderCall,
  ) => AsyncGenerator<StreamChunk, Reply | void>,
): Make {
  return spoilt((inner, request, call) =>
    Stream.from(relay(inner.stream(request, call), request, call), ALL_WELL),
  );
}

const shouting = (chunk: StreamChunk): StreamChunk =>
  chunk.type === 'content' ? { ...chunk, content: chunk.content.toUpperCase() } : chunk;

async function all(stream: Chunks): Promise<StreamChunk[]> {
  const chunks: StreamChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

async function* hoard(stream: Chunks): AsyncGenerator<StreamChunk, void> {
  yield* await all(stream);
}

/** Treats every failure as a normal end. */
const quiet = relayed(async function* quiet(stream) {
  try {
    return yield* stream;
  } catch {
    return ALL_WELL;
  }
});

/** Throws the same error for every failure. */
const blunt = relayed(async function* blunt(stream) {
  try {
    return yield* stream;
  } catch (error) {
    throw new SluiceError('output', 'Something went wrong.', { cause: error });
  }
});

/** Ignores its signal. */
const deaf = spoilt((inner, request, call) =>
  inner.stream(request, { ...call, signal: new AbortController().signal }),
);

/** Never closes the stream that it reads. */
const leaky = relayed(async function* leaky(stream) {
  for (;;) {
    const next = await stream.next();
    if (next.done === true) return next.value;
    yield next.value;
  }
});

const fetching = (fetch: typeof globalThis.fetch): Make => {
  return (endpoint) => openai({ ...endpoint, model: 'gpt-5-mini', fetch });
};

/** For each case, a provider that breaks it. */
export const brokenProviders: Readonly<Record<string, Make>> = {
  'streams text in pieces and ends with a reply': relayed(async function* whole(stream) {
    let content = '';
    for await (const chunk of stream) if (chunk.type === 'content') content += chunk.content;
    yield { type: 'content', content };
  }),
  'names the provider and the model in the reply': relayed(async function* nameless(stream) {
    const { model: _model, ...reply } = yield* stream;
    return reply;
  }),
  'reports the usage on the reply and on the call': relayed(async function* silent(stream, _request, call) {
    const reply = yield* stream;
    call.call.usage = undefined;
    return reply;
  }),
  'answers a conversation with a system message': spoilt((inner, request, call) =>
    inner.stream({ ...request, messages: request.messages.slice(-1) }, call),
  ),
  'calls a tool and answers once it has the result': spoilt((inner, request, call) =>
    inner
      .stream(request, call)
      .map((chunk) => (chunk.type === 'tool_call' ? { ...chunk, id: 'other' } : chunk)),
  ),
  'thinks before it answers, and gets its thinking back word for word': spoilt((inner, request, call) =>
    inner.stream(request, call).filter(({ type }) => type !== 'thinking'),
  ),
  'gives the same answer in a pipeline as on its own': (endpoint) => {
    let calls = 0;
    const inner = sound(endpoint);
    return {
      ...inner,
      stream: (request, call) =>
        calls++ === 0 ? inner.stream(request, call) : inner.stream(request, call).map(shouting),
    };
  },
  'warns about an unsupported parameter, and refuses it with strict': spoilt((inner, request, call) =>
    inner.stream(request, { ...call, call: call.call, warn: () => undefined }),
  ),
  'never changes the request': spoilt((inner, request, call) => {
    Object.assign(request.parameters, { temperature: 1 });
    return inner.stream(request, call);
  }),
  'sends nothing before the first read': spoilt((inner, request, call) => {
    const stream = inner.stream(request, call);
    void stream.ready().catch(() => undefined);
    return stream;
  }),
  'sends nothing if the signal is already aborted': deaf,
  'can be closed halfway, and a second time': relayed(async function* stuck(stream) {
    try {
      return yield* stream;
    } finally {
      await new Promise(() => undefined);
    }
  }),
  'fails with aborted when its signal aborts halfway': quiet,
  'works after a call was closed': (endpoint) => {
    const inner = sound(endpoint);
    let broken = false;
    return {
      ...inner,
      stream(request, call) {
        if (broken) throw new SluiceError('protocol', 'It is broken for good.');
        return inner.stream(request, call).tap({
          end: ({ outcome }) => {
            broken = outcome !== 'completed';
          },
        });
      },
    };
  },
  'keeps concurrent calls apart': (endpoint) => {
    const inner = sound(endpoint);
    const open = new Set<Chunks>();
    return {
      ...inner,
      stream(request, call) {
        const stream = inner.stream(request, call);
        open.add(stream);
        return stream.tap({
          end: ({ error }) => {
            open.delete(stream);
            if (error !== undefined) for (const other of open) other.abort(error);
          },
        });
      },
    };
  },
  'shares no chunk objects between calls': (endpoint) => {
    const inner = sound(endpoint);
    let first: Promise<StreamChunk[]> | undefined;
    async function* replay(stream: Chunks): AsyncGenerator<StreamChunk, void> {
      first ??= all(stream);
      yield* await first;
    }
    return {
      ...inner,
      stream: (request, call) => Stream.from(replay(inner.stream(request, call)), ALL_WELL),
    };
  },
  'can be closed twice as a whole': (endpoint) => {
    const inner = sound(endpoint);
    let closed = 0;
    return {
      ...inner,
      async close() {
        await inner.close?.();
        if (++closed === 2) throw new Error('it is closed');
      },
    };
  },
  'leaves no listener on a signal that outlives the call': spoilt((inner, request, call) => {
    call.signal.addEventListener('abort', () => undefined);
    return inner.stream(request, call);
  }),
  'leaves no unhandled rejection': spoilt((inner, request, call) => {
    const over = Promise.withResolvers<undefined>();
    return inner.stream(request, call).tap({
      end: ({ error }) => (error === undefined ? over.resolve(undefined) : over.reject(error)),
    });
  }),
  'leaves no timer running': spoilt((inner, request, call) => {
    const timer = setInterval(() => undefined, 3_600_000);
    return inner.stream(request, call).tap({
      end: ({ outcome }) => {
        if (outcome === 'completed') clearInterval(timer);
      },
    });
  }),
  'sends one request, with the key only in a header': (endpoint) => {
    const inner = sound(endpoint);
    async function* twice(first: Chunks, second: Chunks): AsyncGenerator<StreamChunk, Reply> {
      for await (const _chunk of first) continue;
      return yield* second;
    }
    return {
      ...inner,
      stream: (request, call) =>
        Stream.from(twice(inner.stream(request, call), inner.stream(request, call)), ALL_WELL),
    };
  },
  'reads a stream however it is split, with any line ends and with keep-alives': fetching(
    async function mangling(input, init) {
      const response = await fetch(input, init);
      const text = new TransformStream<Uint8Array, Uint8Array>({
        transform: (bytes, controller) => {
          controller.enqueue(new TextEncoder().encode(new TextDecoder().decode(bytes)));
        },
      });
      return new Response(response.body?.pipeThrough(text), response);
    },
  ),
  'reports the finish reason': relayed(async function* stopping(stream) {
    return { ...(yield* stream), finishReason: 'stop' };
  }),
  'delivers text before the rest arrives': relayed(hoard),
  'does not read far ahead of its reader': relayed(async function* racing(stream) {
    const first = await stream.next();
    const rest = all(stream);
    rest.catch(() => undefined); // it may fail before anyone waits for it
    if (first.done !== true) yield first.value;
    yield* await rest;
  }),
  'closes the connection when it is aborted before the headers': deaf,
  'closes the connection when it is aborted while a read is pending': deaf,
  'closes the connection when it is closed while a read is pending': leaky,
  'closes the connection when its reader leaves the loop': leaky,
  'fails with invalid_request for status 400, after one request': blunt,
  'fails with authentication for status 401, after one request': blunt,
  'fails with permission for status 403, after one request': blunt,
  'fails with not_found for status 404, after one request': blunt,
  'fails with rate_limited for status 429, after one request': blunt,
  'fails with server for status 500, after one request': blunt,
  'fails with overloaded for status 503, after one request': blunt,
  'fails with overloaded for status 529, after one request': blunt,
  'fails with truncated when the stream stops early, after delivering what arrived': quiet,
  'fails when the connection is closed, after delivering what arrived': quiet,
  'fails when the connection is reset': quiet,
  'fails when the connection is closed before the headers': blunt,
  'fails when nobody listens at the address': blunt,
  'fails with a typed error for an error event after status 200, after delivering what arrived': blunt,
  'fails with protocol for an event that is not JSON': quiet,
  'fails with protocol for a page of HTML': blunt,
  'never takes an empty answer for a finished one': quiet,
  'follows no redirect': fetching((input, init) => fetch(input, { ...init, redirect: 'follow' })),
  'shows its key in no error': (endpoint) => {
    const inner = sound(endpoint);
    async function* telling(stream: Chunks): AsyncGenerator<StreamChunk, Reply> {
      try {
        return yield* stream;
      } catch (error) {
        throw new SluiceError('server', 'It failed.', { cause: { headers: endpoint, error } });
      }
    }
    return {
      ...inner,
      stream: (request, call) => Stream.from(telling(inner.stream(request, call)), ALL_WELL),
    };
  },
};
