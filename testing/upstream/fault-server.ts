import { once } from 'node:events';

import {
  listen,
  type FaultConnection,
  type FaultServerTls,
  type Incoming,
  type Outgoing,
} from './connections.ts';
import type { FaultResponse } from './fault-response.ts';
import { playResponse } from './play-response.ts';
import { requestRecord, type RecordedRequest, type RequestRecord } from './recorded-request.ts';
import { responseWriter, type ResponseWriter } from './response-writer.ts';

/** A response, or a function that makes one for a request. */
export type ScriptedResponse =
  | FaultResponse
  | ((request: RecordedRequest) => FaultResponse | undefined | Promise<FaultResponse | undefined>);

/** Options of {@link faultServer}. */
export interface FaultServerOptions {
  /** The answer to requests that have no scripted response, as with `always()`. Default: none. */
  readonly always?: ScriptedResponse;
  /** A key and a certificate: the server speaks TLS, and HTTP/2 with clients that can. Default: HTTP/1.1 without TLS. */
  readonly tls?: FaultServerTls;
}

/** A scripted HTTP server on 127.0.0.1 that answers and fails like an LLM provider. */
export interface FaultServer extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:PORT`, or `https` with TLS. */
  readonly url: string;
  /** The `baseURL` for OpenAI's SDK and compatible clients: `url` plus `/v1`. */
  readonly openaiBaseURL: string;
  /** The `baseURL` for Anthropic's SDK: `url`. */
  readonly anthropicBaseURL: string;
  /** All requests so far, in order of arrival. */
  readonly requests: readonly RecordedRequest[];
  /** What happened, one line each: `request 0 POST /v1/messages`, `headers 0 200`, `fault 0 rst`, `client-left 0`. */
  readonly log: readonly string[];
  /** How many TCP connections are open, including idle ones in the client's pool. */
  readonly openSockets: number;
  /** These connections, oldest first. */
  readonly connections: readonly FaultConnection[];
  /** How many requests are not finished. */
  readonly openRequests: number;
  /** Adds responses for the next requests, one each, in order. */
  enqueue(...responses: ScriptedResponse[]): void;
  /** Answers every request for which no response is left. If a function returns `undefined`, the request counts as unexpected. */
  always(response: ScriptedResponse): void;
  /** Waits for the next request that no earlier call has returned, including its body. */
  nextRequest(): Promise<RecordedRequest>;
  /** Resolves when no request is open. */
  idle(): Promise<void>;
  /** Resolves when no connection is open. */
  socketsClosed(): Promise<void>;
  /** Throws if a scripted response was not used, a request was unexpected, or a script failed. */
  assertDrained(): void;
  /** Clears the requests, the log, the script and the problems, and numbers requests from 0 again. Connections stay open. */
  reset(): void;
  /** Destroys all connections and stops listening. May be called again; never throws. */
  close(): Promise<void>;
}

/**
 * Starts a server on a free port of 127.0.0.1. Each request gets the next scripted response. A request without a response gets status 500,
 * and `assertDrained()` reports it.
 *
 * @example
 * await using server = await faultServer();
 * server.enqueue(openaiError(429, { headers: { 'retry-after': '1' } }), { stream: chatStream({ text: 'Hello' }) });
 * const provider = openai({ model: 'gpt-5-mini', apiKey: 'test', baseURL: server.openaiBaseURL });
 */
export async function faultServer(options: FaultServerOptions = {}): Promise<FaultServer> {
  let requests: RequestRecord[] = [];
  let log: string[] = [];
  let problems: string[] = [];
  let queue: ScriptedResponse[] = [];
  let fallback = options.always;
  let arrived: RecordedRequest[] = [];
  const askers: ((request: RecordedRequest) => void)[] = [];
  const open = new Set<ResponseWriter>();
  const changes = new EventTarget();

  const listener = await listen(options.tls, {
    request: (message, response) => void answer(message, response),
    ending(connection) {
      for (const writer of open) if (writer.connection === connection) writer.cut();
    },
    closed: () => changes.dispatchEvent(new Event('change')),
  });

  async function answer(message: Incoming, response: Outgoing): Promise<void> {
    const connection = listener.connectionOf(message);
    // The client has left before its request was looked at.
    if (connection === undefined) return;
    const index = requests.length;
    // reset() makes new lists. A request that is still in progress writes to the old ones.
    const lines = log;
    const troubles = problems;
    const writer = responseWriter(response, connection, function onClosed(outcome) {
      lines.push(`${outcome} ${index}`);
      open.delete(writer);
      changes.dispatchEvent(new Event('change'));
    });
    const record = requestRecord(message, index, writer);
    open.add(writer);
    requests.push(record);
    lines.push(`request ${index} ${record.method} ${record.path}`);
    try {
      record.arrived(await textOf(message, writer));
      hand(record);
      if (writer.outcome !== undefined) return;
      const scripted = await scriptFor(record, writer);
      await playResponse(scripted, {
        writer,
        wire: record.wire ?? 'openai-chat',
        requestIndex: index,
        events: {
          headers(status) {
            record.answering();
            lines.push(`headers ${index} ${status}`);
          },
          fault(kind) {
            lines.push(`fault ${index} ${kind}`);
          },
        },
      });
    } catch (error) {
      // The test made a mistake. The client must not wait for it, and assertDrained() reports it.
      troubles.push(
        `the script of request ${index} failed: ${error instanceof Error ? error.message : String(error)}`,
      );
      writer.end('rst');
    }
  }

  function hand(record: RecordedRequest): void {
    const asker = askers.shift();
    if (asker === undefined) arrived.push(record);
    else asker(record);
  }

  async function scriptFor(record: RecordedRequest, writer: ResponseWriter): Promise<FaultResponse> {
    const scripted = queue.shift() ?? fallback;
    const response =
      typeof scripted === 'function'
        ? await Promise.race([scripted(record), writer.closed.then(() => ({}))])
        : scripted;
    if (response !== undefined) return response;
    const message = `no response is scripted for request ${record.index}, ${record.method} ${record.path}`;
    problems.push(message);
    return { status: 500, body: { type: 'error', error: { type: 'fault_server', message } } };
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await once(changes, 'change');
  }

  async function close(): Promise<void> {
    for (const writer of open) writer.cut();
    listener.stop();
    await until(() => listener.connections.length === 0);
  }

  const { port } = listener;
  const url = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;

  return {
    port,
    url,
    openaiBaseURL: `${url}/v1`,
    anthropicBaseURL: url,
    get requests() {
      return requests;
    },
    get log() {
      return log;
    },
    get openSockets() {
      return listener.connections.length;
    },
    get connections() {
      return listener.connections;
    },
    get openRequests() {
      return open.size;
    },
    enqueue(...responses) {
      queue.push(...responses);
    },
    always(response) {
      fallback = response;
    },
    nextRequest() {
      const request = arrived.shift();
      return request === undefined
        ? new Promise((resolve) => askers.push(resolve))
        : Promise.resolve(request);
    },
    idle: () => until(() => open.size === 0),
    socketsClosed: () => until(() => listener.connections.length === 0),
    assertDrained() {
      const left = queue.length === 0 ? [] : [`${queue.length} scripted responses were not used`];
      const all = [...problems, ...left];
      if (all.length > 0) throw new Error(`fault server: ${all.join('; ')}`);
    },
    reset() {
      [requests, log, problems, queue, arrived] = [[], [], [], [], []];
      fallback = options.always;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Reads the body as text. If the client leaves, returns what has arrived. */
async function textOf(message: Incoming, writer: ResponseWriter): Promise<string> {
  const parts: Uint8Array[] = [];
  message.on('data', (part: Uint8Array) => parts.push(part));
  message.on('error', () => undefined);
  await Promise.race([new Promise((resolve) => message.once('end', resolve)), writer.closed]);
  return Buffer.concat(parts).toString('utf8');
}
