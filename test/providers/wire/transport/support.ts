import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Call, Reply, Span, StreamChunk } from '../../../../src/index.ts';
import {
  count,
  limitsSchema,
  text,
  type providerFetch,
  type Decoder,
  type WireCall,
} from '../../../../providers/wire/index.ts';
import { rawBodyOf, readyOf } from '../../../../providers/wire/transport/raw-body.ts';
import { SluiceError } from '../../../../src/index.ts';

/** A server for one test, which answers by hand. */
export interface HandServer extends AsyncDisposable {
  url: string;
  server: Server;
  /** The requests so far. */
  requests: IncomingMessage[];
  /** How many connections were made so far, and how many are open. */
  connections: { made: number; open: number };
  /** Resolves when no connection is open. */
  socketsClosed(): Promise<void>;
}

export async function handServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<HandServer> {
  const requests: IncomingMessage[] = [];
  const connections = { made: 0, open: 0 };
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    requests.push(request);
    response.on('error', () => undefined);
    answer(request, response);
  });
  server.on('connection', (socket) => {
    connections.made += 1;
    connections.open += 1;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      connections.open -= 1;
      server.emit('left');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  async function socketsClosed(): Promise<void> {
    while (connections.open > 0) await once(server, 'left');
  }
  return {
    url: `http://127.0.0.1:${address.port}`,
    server,
    requests,
    connections,
    socketsClosed,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await socketsClosed();
    },
  };
}

/** Writes the same text again and again, as fast as the client reads it. */
export function endless(response: ServerResponse, text: string, onWrite?: () => void): void {
  function write(): void {
    onWrite?.();
    if (response.write(text)) setImmediate(write);
    else response.once('drain', write);
  }
  write();
}

/** Makes transports that are closed after the test. */
export function transports(make: typeof providerFetch) {
  const open: (() => Promise<void>)[] = [];
  return {
    transport(...options: Parameters<typeof providerFetch>): typeof fetch {
      const made = make(...options);
      open.push(() => made.close());
      return made.fetch;
    },
    async closeAll(): Promise<void> {
      await Promise.all(open.splice(0).map((close) => close()));
    },
  };
}

/** All bytes of a response, as Latin-1. */
export async function bytesOf(response: Response): Promise<string> {
  const body = rawBodyOf(response);
  let all = '';
  for (;;) {
    const parts = body.take();
    if (parts === undefined) return all;
    for (const part of parts) all += Buffer.from(part).toString('latin1');
    if (parts.length === 0) await readyOf(body);
  }
}

/**
 * An API for tests with the events `{ say }`, `{ stop }`, `{ tool }` and `{ boom }`. `[DONE]` ends the reply, as `{ stop }`
 * does.
 */
export class TestDecoder implements Decoder {
  finished = false;
  names: string[] = [];
  #finishReason: string | undefined;

  event(data: Record<string, unknown>, name: string, out: StreamChunk[]): void {
    this.names.push(name);
    const say = text(data['say']);
    if (say !== undefined) out.push({ type: 'content', content: say, call: 0 });
    const boom = text(data['boom']);
    if (boom !== undefined) throw new SluiceError('overloaded', boom);
    const stop = text(data['stop']);
    if (stop !== undefined) {
      this.#finishReason = stop;
      this.finished = count(data['more']) === undefined;
    }
  }

  sentinel(): void {
    this.finished = true;
  }

  end(out: StreamChunk[]): Reply {
    if (this.#finishReason === undefined && !this.finished)
      throw new SluiceError('truncated', 'It broke off.');
    if (this.#finishReason === 'tail') out.push({ type: 'content', content: '!', call: 0 });
    return { finishReason: this.#finishReason === 'length' ? 'length' : 'stop' };
  }
}

export const limits = limitsSchema.parse({});

/** The record of a call, as the runtime makes it. The wire can set the same fields. */
function callRecord(): Call {
  const span: Span = { id: 'call_1', kind: 'call', name: 'test', startMs: 0, attributes: {} };
  return {
    number: 1,
    request: { messages: [], parameters: {} },
    span: { span, set() {}, end() {} },
    provider: undefined,
    model: undefined,
    usage: undefined,
    serviceTier: undefined,
    cost: undefined,
    outputCharacters: 0,
    alive: () => undefined,
  };
}

/** A call whose context is nothing but a signal. */
export function wireCall(
  open: WireCall['open'],
  more: Partial<Omit<WireCall, 'open'>> & { signal?: AbortSignal } = {},
): WireCall {
  const { signal = new AbortController().signal, ...rest } = more;
  return {
    provider: 'test',
    open,
    decoder: () => new TestDecoder(),
    call: {
      signal,
      deadline: undefined,
      call: callRecord(),
      warn() {},
    },
    limits,
    secrets: [],
    ...rest,
  };
}

/** Events of the test API as an event stream. */
export function sse(...events: unknown[]): string {
  return events
    .map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
    .join('');
}

/** The error that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`it resolved with ${JSON.stringify(value)}`);
    },
    (error: unknown) => error,
  );
}
