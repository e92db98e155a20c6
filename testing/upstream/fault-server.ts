import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import type { FaultResponse } from './fault-response.ts';
import { playResponse } from './play-response.ts';
import { requestRecord, type RecordedRequest, type RequestRecord } from './recorded-request.ts';
import { responseWriter, type ResponseWriter } from './response-writer.ts';

/** A response, or a function that makes one when its request has arrived. */
export type ScriptedResponse =
  | FaultResponse
  | ((request: RecordedRequest) => FaultResponse | undefined | Promise<FaultResponse | undefined>);

/** Options of {@link faultServer}. */
export interface FaultServerOptions {
  /** The default answer, as set by `always()`. Default: none. */
  readonly always?: ScriptedResponse;
}

/** A scripted HTTP server on 127.0.0.1 that speaks as LLM providers do and fails as they do. */
export interface FaultServer extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** The `baseURL` for OpenAI's SDK and what is compatible with it: `url` and `/v1`. */
  readonly openaiBaseURL: string;
  /** The `baseURL` for Anthropic's SDK: `url`. */
  readonly anthropicBaseURL: string;
  /** All requests so far, in the order of arrival. */
  readonly requests: readonly RecordedRequest[];
  /** What happened, one line each: `request 0 POST /v1/messages`, `headers 0 200`, `fault 0 rst`, `client-left 0`. */
  readonly log: readonly string[];
  /** TCP connections that are open now, idle ones in the client's pool included. */
  readonly openSockets: number;
  /** Requests whose exchange is not over. */
  readonly openRequests: number;
  /** Scripts the next requests, one response each, in order. */
  enqueue(...responses: ScriptedResponse[]): void;
  /** Scripts every request that finds the queue empty. A function that returns `undefined` leaves it unexpected. */
  always(response: ScriptedResponse): void;
  /** The next request that no earlier call has returned, its body included; waits for it to arrive. */
  nextRequest(): Promise<RecordedRequest>;
  /** Resolves when no request is open. */
  idle(): Promise<void>;
  /** Resolves when no connection is open. */
  socketsClosed(): Promise<void>;
  /** Throws when a scripted response was not asked for, a request was unexpected, or a script failed. */
  assertDrained(): void;
  /** Forgets records, log, script and what is unexpected; numbers requests from 0 again. Connections stay. */
  reset(): void;
  /** Destroys what is open and stops listening. Idempotent; never throws. */
  close(): Promise<void>;
}

/**
 * Starts a server on a free port of 127.0.0.1. Each request is answered by the next scripted response; one that finds
 * none is answered with status 500 and told by `assertDrained()`.
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
  const sockets = new Set<Socket>();
  const changes = new EventTarget();

  const http = createServer(
    { keepAliveTimeout: 0, requestTimeout: 0 },
    function onRequest(message, response) {
      void answer(message, response);
    },
  );
  http.on('connection', function onConnection(socket: Socket) {
    sockets.add(socket);
    socket.once('close', function onClose() {
      sockets.delete(socket);
      changes.dispatchEvent(new Event('change'));
    });
  });

  async function answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const index = requests.length;
    // reset() starts new lists: what is left of an earlier test goes on in the old ones.
    const lines = log;
    const troubles = problems;
    const writer = responseWriter(response, function onClosed(outcome) {
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
      // A script that fails is the test's mistake: the client must not wait for it, and assertDrained() tells.
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
    for (const socket of sockets) socket.destroy();
    if (http.listening) http.close();
    await until(() => sockets.size === 0);
  }

  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('the fault server has no port');
  const { port } = address;
  const url = `http://127.0.0.1:${port}`;

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
      return sockets.size;
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
    socketsClosed: () => until(() => sockets.size === 0),
    assertDrained() {
      const left = queue.length === 0 ? [] : [`${queue.length} scripted responses were not asked for`];
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

/** The body as text; what there is of it when the client leaves. */
async function textOf(message: IncomingMessage, writer: ResponseWriter): Promise<string> {
  const parts: Uint8Array[] = [];
  message.on('data', (part: Uint8Array) => parts.push(part));
  message.on('error', () => undefined);
  await Promise.race([new Promise((resolve) => message.once('end', resolve)), writer.closed]);
  return Buffer.concat(parts).toString('utf8');
}
