/**
 * The mock upstream: a separate process that speaks Chat Completions and Messages on the loopback. Its answers are encoded in advance. It sends
 * its port to its parent and ends with it.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Metronome, playAtFullSpeed } from './play.ts';
import { scriptOf } from './script.ts';
import type { Script } from './script.ts';
import { buffersOf, chatWire, messagesWire } from './wire.ts';
import type { Wire } from './wire.ts';

const WIRES: Wire[] = [chatWire(true), chatWire(false), messagesWire];

const made = new Map<string, Buffer[]>();
const metronomes = new Map<number, Metronome>();

const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
  answer(request, response).catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    response.writeHead(400, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: { message, type: 'invalid_request_error' } }));
  });
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 16_384 }, () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : undefined });
});
process.on('disconnect', () => process.exit());

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  for await (const part of request.setEncoding('utf8')) body += String(part);
  const path = request.url ?? '';
  const script = scriptOf(path);
  const wire = wireFor(path, body);
  const buffers = buffersFor(wire, script);
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    ...wire.headers,
  });
  if (script.paceMs === 0) playAtFullSpeed(response, buffers);
  else metronomeFor(script.paceMs).play(response, buffers);
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

function metronomeFor(paceMs: number): Metronome {
  const metronome = metronomes.get(paceMs) ?? new Metronome(paceMs);
  metronomes.set(paceMs, metronome);
  return metronome;
}
