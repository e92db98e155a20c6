import { anthropic } from '../../providers/anthropic/index.ts';
import { openai } from '../../providers/openai/index.ts';
import type { Provider } from '../../src/index.ts';
import type { FaultServerTls } from '../../testing/upstream/connections.ts';
import type { FaultServer } from '../../testing/upstream/fault-server.ts';
import type { Wire } from '../../testing/upstream/wires.ts';
import type { Front } from '../support/foreign-servers.ts';

/** Where a provider sends its requests: a server, or a function instead of the network. */
export type Endpoint = Pick<FaultServer, 'openaiBaseURL' | 'anthropicBaseURL'> | typeof fetch;

/** The protocols over which the faults are played. */
export type Over = 'HTTP/1.1' | 'HTTP/2';

/** How requests travel. */
export interface Network {
  /** With TLS the requests must go over HTTP/2, else over HTTP/1.1. */
  readonly tls?: FaultServerTls;
  /** How many requests may share a connection over HTTP/2. Default: as many as by default. */
  readonly streamsPerConnection?: number;
  /** Starts a server in front of the one on this port. Requests must go to it over HTTP/2. */
  readonly front?: (port: number) => Promise<Front>;
}

/** Makes the provider for a wire. */
export function providerOf(wire: Wire, endpoint: Endpoint, { streamsPerConnection }: Network = {}): Provider {
  const http2 = streamsPerConnection === undefined ? {} : { http2: { streamsPerConnection } };
  const common = { apiKey: 'test', model: 'test-model', ...http2 };
  if (wire === 'anthropic-messages') {
    return typeof endpoint === 'function'
      ? anthropic({ ...common, baseURL: 'http://127.0.0.1:1', fetch: endpoint })
      : anthropic({ ...common, baseURL: endpoint.anthropicBaseURL });
  }
  const api = wire === 'openai-chat' ? 'chat' : 'responses';
  return typeof endpoint === 'function'
    ? openai({ ...common, api, baseURL: 'http://127.0.0.1:1/v1', fetch: endpoint })
    : openai({ ...common, api, baseURL: endpoint.openaiBaseURL });
}

/** The addresses of a server in front of another. */
export function endpointOf({ port }: Pick<Front, 'port'>): Endpoint {
  return {
    openaiBaseURL: `https://127.0.0.1:${port}/v1`,
    anthropicBaseURL: `https://127.0.0.1:${port}`,
  };
}

/** Says which requests of a server came over another protocol than they should. */
export function strayRequests(
  { requests }: FaultServer,
  { tls }: Network,
  front: Front | undefined,
): string[] {
  if (front !== undefined) {
    const strays = requests.filter(({ headers }) => !front.cameOverHttp2(headers));
    return strays.map(({ index }) => `request ${index} did not come over HTTP/2`);
  }
  const expected = tls === undefined ? 'http/1.1' : 'h2';
  const strays = requests.filter(({ connection }) => connection.protocol !== expected);
  return strays.map(({ index, connection }) => `request ${index} came over ${connection.protocol}`);
}

/** Makes a `fetch` that answers with an event stream of these bytes. After them, the body ends or fails. */
export function answering(body: () => { bytes: Uint8Array; breaks: boolean }): typeof fetch {
  return async function answer() {
    const { bytes, breaks } = body();
    let sent = false;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (!sent) controller.enqueue(Uint8Array.from(bytes));
        else if (breaks) controller.error(new TypeError('terminated'));
        else controller.close();
        sent = true;
      },
    });
    return new Response(stream, { headers: { 'content-type': 'text/event-stream' } });
  };
}

/** Runs jobs, at most `width` at the same time. */
export async function inParallel<T>(
  jobs: readonly T[],
  width: number,
  run: (job: T) => Promise<void>,
): Promise<void> {
  const queue = jobs.values();
  async function worker(): Promise<void> {
    for (const job of queue) await run(job);
  }
  await Promise.all(Array.from({ length: width }, worker));
}

/** Does some work whose errors get no stack traces. Thousands of errors are created, and nobody reads their stacks. */
export async function withoutStackTraces(work: () => Promise<void> | void): Promise<void> {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    await work();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
