/**
 * The mock upstream: a separate process that speaks Chat Completions and Messages on the loopback. Its answers are encoded in advance. It sends
 * its ports to its parent and ends with it.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer, Http2ServerResponse } from 'node:http2';
import type { Http2ServerRequest } from 'node:http2';
import type { Server } from 'node:net';
import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { Metronome, playAtFullSpeed } from './play.ts';
import type { Ending } from './play.ts';
import { scriptOf } from './script.ts';
import type { Script } from './script.ts';
import { TOOL } from './tool.ts';
import { note, takeUses } from './uses.ts';
import type { Use } from './uses.ts';
import { buffersOf, callBuffersOf, chatWire, messagesWire } from './wire.ts';
import type { Wire } from './wire.ts';

/** What the upstream is started with. */
export interface UpstreamTask {
  /** On how many ports it listens. */
  ports: number;
  /** The key and certificate, as PEM. With them it speaks HTTP/2 and HTTP/1.1 over TLS, whichever the client prefers. */
  tls?: { key: string; cert: string };
  /** How long it keeps idle connections. Default: two minutes. */
  keepAliveMs?: number;
}

/** How the calls have arrived, by the first part of their path. */
export type Uses = Record<string, Use>;

/** A message of the upstream: its ports when it listens, and `uses` when it is asked for them. */
export interface FromUpstream {
  ports?: number[];
  uses?: Uses;
}

interface SecureOptions {
  key: string;
  cert: string;
  keepAliveTimeout: number;
}

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

const WIRES: Wire[] = [chatWire(true), chatWire(false), messagesWire];
/** The least that RFC 9113 recommends, and the default of nghttpx. */
const STREAMS_PER_CONNECTION = 100;

const made = new Map<string, Buffer[]>();
const metronomes = new Map<number, Metronome>();

const task = JSON.parse(process.argv[2] ?? '{"ports":1}') as UpstreamTask;
/** Over TLS, a new connection costs so much more than a call that it must not depend on how packets are cut. */
const ENDING: Ending = task.tls === undefined ? 'after' : 'together';
const ports = await Promise.all(Array.from({ length: task.ports }, () => listen(task)));
process.on('message', () => process.send?.({ uses: takeUses() } satisfies FromUpstream));
process.on('disconnect', () => process.exit());
process.send?.({ ports } satisfies FromUpstream);

/** Listens on a free port and returns it. */
async function listen({ tls, keepAliveMs: keepAliveTimeout = 120_000 }: UpstreamTask): Promise<number> {
  const server =
    tls === undefined
      ? createServer({ keepAliveTimeout }, onRequest)
      : secureServer({ ...tls, keepAliveTimeout });
  const listening = new Promise<void>((resolve, reject) => {
    server.once('listening', resolve).once('error', reject);
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 16_384 });
  await listening;
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('The upstream has no port.');
  return address.port;
}

function secureServer({ key, cert, keepAliveTimeout }: SecureOptions): Server {
  const settings = { maxConcurrentStreams: STREAMS_PER_CONNECTION };
  // Servers of HTTP/1.1 and of HTTP/2 set `noDelay` themselves. This one does not for its connections of HTTP/1.1.
  const options = { key, cert, settings, allowHTTP1: true, noDelay: true };
  const server = createSecureServer(options, (request, response) => {
    note(request);
    onRequest(request, response);
  });
  // For HTTP/1.1, which reads it here.
  return Object.assign(server, { keepAliveTimeout });
}

function onRequest(request: Request, response: Response): void {
  answer(request, response).catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    const body = begin(response, 400, { 'content-type': 'application/json' });
    body.end(JSON.stringify({ error: { message, type: 'invalid_request_error' } }));
  });
}

async function answer(request: Request, response: Response): Promise<void> {
  let asked = '';
  request.setEncoding('utf8');
  for await (const part of request) asked += String(part);
  const path = request.url ?? '';
  const script = scriptOf(path);
  const wire = wireFor(path, asked);
  const buffers = script.tool === true ? turnBuffersFor(wire, script, asked) : buffersFor(wire, script);
  if (script.firstMs !== undefined && script.firstMs > 0) await delay(script.firstMs);
  const body = begin(response, 200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    ...wire.headers,
  });
  if (script.paceMs === 0) playAtFullSpeed(body, buffers, ENDING);
  else metronomeFor(script.paceMs).play(body, buffers);
}

/** Sends the head and returns the stream of the body. The response of HTTP/2 is not one itself. */
function begin(response: Response, status: number, headers: Record<string, string>): Writable {
  if (!(response instanceof Http2ServerResponse)) return response.writeHead(status, headers);
  response.writeHead(status, headers);
  return response.stream;
}

/** The wire of a path. Only streams are answered, because nothing else is measured. */
function wireFor(path: string, body: string): Wire {
  if (!/"stream":\s*true/.test(body)) throw new Error('Only streams are answered here.');
  const withUsage = /"include_usage":\s*true/.test(body);
  const wire = WIRES.find(
    (one, index) => path.endsWith(one.path) && (index > 1 || withUsage === (index === 0)),
  );
  if (wire === undefined) throw new Error(`The path ${path} belongs to no wire.`);
  return wire;
}

function buffersFor(wire: Wire, { chunks, perWrite }: Script): Buffer[] {
  const key = `${WIRES.indexOf(wire)} ${chunks} ${perWrite}`;
  const buffers = made.get(key) ?? buffersOf(wire, chunks, perWrite);
  made.set(key, buffers);
  return buffers;
}

/** The call of the tool, or the answer if the request has its result. Fails if the tool or its result is missing. */
function turnBuffersFor(wire: Wire, script: Script, asked: string): Buffer[] {
  if (!asked.includes(`"${TOOL.name}"`)) throw new Error('The tool is not in the request.');
  if (asked.includes('"tool_call_id"')) {
    if (!asked.includes(TOOL.result)) throw new Error('The result of the tool is not in the request.');
    return buffersFor(wire, script);
  }
  const key = `${WIRES.indexOf(wire)} call ${script.perWrite}`;
  const buffers = made.get(key) ?? callBuffersOf(wire, script.perWrite);
  made.set(key, buffers);
  return buffers;
}

function metronomeFor(paceMs: number): Metronome {
  const metronome = metronomes.get(paceMs) ?? new Metronome(paceMs, ENDING);
  metronomes.set(paceMs, metronome);
  return metronome;
}
