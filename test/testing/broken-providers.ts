import { openai } from '../../providers/openai/index.ts';
import { SluiceError, Stream } from '../../src/index.ts';
import type { ModelRequest, Provider, ProviderCall, Reply, StreamChunk } from '../../src/index.ts';
import type { Endpoint } from '../../testing/index.ts';

/** A provider that keeps the contract. */
export function sound(endpoint: Endpoint): Provider {
  return openai({ ...endpoint, model: 'gpt-5-mini' });
}

type Make = (endpoint: Endpoint) => Provider;
type Chunks = Stream<StreamChunk, Reply>;

const ALL_WELL: Reply = { finishReason: 'stop', provider: 'openai', model: 'gpt-5-mini' };

/** The sound provider with another `stream()`. */
function spoilt(stream: (inner: Provider, request: ModelRequest, call: ProviderCall) => Chunks): Make {
  return function make(endpoint) {
    const inner = sound(endpoint);
    return { ...inner, stream: (request, call) => stream(inner, request, call) };
  };
}

/** The sound provider with its streams relayed by a generator. */
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

/** Takes every failure for an end. */
const quiet = relayed(async function* quiet(stream) {
  try {
    return yield* stream;
  } catch {
    return ALL_WELL;
  }
});

/** Knows one error only. */
const blunt = relayed(async function* blunt(stream) {
  try {
    return yield* stream;
  } catch (error) {
    throw new SluiceError('output', 'Something went wrong.', { cause: error });
  }
});

/** Does not listen to its signal. */
const deaf = spoilt((inner, request, call) =>
  inner.stream(request, { ...call, signal: new AbortController().signal }),
);

/** Leaves what it reads from open. */
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

/** Providers that break their contract, by the case that has to say so. */
export const brokenProviders: Readonly<Record<string, Make>> = {
  'streams text in pieces and ends with a reply': relayed(async function* whole(stream) {
    let content = '';
    for await (const chunk of stream) if (chunk.type === 'content') content += chunk.content;
    yield { type: 'content', content };
  }),
  'names itself and the model in the reply': relayed(async function* nameless(stream) {
    const { model: _model, ...reply } = yield* stream;
    return reply;
  }),
  'reports the usage, on the reply and on the call': relayed(async function* silent(stream, _request, call) {
    const reply = yield* stream;
    call.call.usage = undefined;
    return reply;
  }),
  'answers a conversation with a system message': spoilt((inner, request, call) =>
    inner.stream({ ...request, messages: request.messages.slice(-1) }, call),
  ),
  'calls a tool, and answers when it has the result': spoilt((inner, request, call) =>
    inner
      .stream(request, call)
      .map((chunk) => (chunk.type === 'tool_call' ? { ...chunk, id: 'other' } : chunk)),
  ),
  'thinks before it answers, and gets its thoughts back word for word': spoilt((inner, request, call) =>
    inner.stream(request, call).filter(({ type }) => type !== 'thinking'),
  ),
  'gives a pipeline what it gives by itself': (endpoint) => {
    let calls = 0;
    const inner = sound(endpoint);
    return {
      ...inner,
      stream: (request, call) =>
        calls++ === 0 ? inner.stream(request, call) : inner.stream(request, call).map(shouting),
    };
  },
  'warns of what it cannot honour, and refuses it where it is told to be strict': spoilt(
    (inner, request, call) => inner.stream(request, { ...call, call: call.call, warn: () => undefined }),
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
  'does nothing for a signal that is aborted already': deaf,
  'can be closed half way, and again': relayed(async function* stuck(stream) {
    try {
      return yield* stream;
    } finally {
      await new Promise(() => undefined);
    }
  }),
  'fails as aborted when its signal aborts half way': quiet,
  'can be asked again after a call was closed': (endpoint) => {
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
  'keeps calls at the same time apart': (endpoint) => {
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
  'makes chunks that belong to one call alone': (endpoint) => {
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
  'can be closed twice itself': (endpoint) => {
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
  'leaves no listener on a signal that lives longer': spoilt((inner, request, call) => {
    call.signal.addEventListener('abort', () => undefined);
    return inner.stream(request, call);
  }),
  'leaves no rejection unhandled': spoilt((inner, request, call) => {
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
  'asks once, with its key in no place but a header': (endpoint) => {
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
  'reads a stream however it is split, in any line ends, with keep-alives between': fetching(
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
  'says why the model stopped': relayed(async function* stopping(stream) {
    return { ...(yield* stream), finishReason: 'stop' };
  }),
  'hands text on while more of it is on its way': relayed(hoard),
  'reads no further than its reader': relayed(async function* racing(stream) {
    const first = await stream.next();
    const rest = all(stream);
    rest.catch(() => undefined); // it may fail before it is asked for
    if (first.done !== true) yield first.value;
    yield* await rest;
  }),
  'hangs up when it is aborted before the headers': deaf,
  'hangs up when it is aborted with a read pending': deaf,
  'hangs up when it is closed with a read pending': leaky,
  'hangs up when its reader stops reading': leaky,
  'says invalid_request for status 400, after one request': blunt,
  'says authentication for status 401, after one request': blunt,
  'says permission for status 403, after one request': blunt,
  'says not_found for status 404, after one request': blunt,
  'says rate_limited for status 429, after one request': blunt,
  'says server for status 500, after one request': blunt,
  'says overloaded for status 503, after one request': blunt,
  'says overloaded for status 529, after one request': blunt,
  'says truncated when a stream ends before its end, with what came': quiet,
  'says that a connection was cut, with what came': quiet,
  'says that a connection was reset': quiet,
  'says that a connection was cut before the headers': blunt,
  'says that nobody listens': blunt,
  'says what an error behind the status 200 is, with what came': blunt,
  'says protocol for an event that is no JSON': quiet,
  'says protocol for a page of HTML': blunt,
  'never takes an empty answer for an end': quiet,
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
