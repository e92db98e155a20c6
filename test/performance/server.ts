/**
 * Counts what a request to the server creates, in a process of its own: a pipeline with five middleware and a model in memory, over sockets of this machine. The client is plain
 * `node:net` without promises and timers, so that what is counted is the server's. The counts do not depend on the speed of the machine.
 *
 * - `counts` prints, for each chunk, the writes to the socket, the promises and the timers, and for each request the promises, the timers and the layers of hono that come on top.
 * - `survivors` prints how many bytes each of the requests side by side allocates, and how many of them survive a minor collection after their end; `survivors resumable` the same of
 *   streams that live apart from their connections.
 * - `held` prints how many bytes an open answer holds, with the sockets of both sides.
 *
 * Run as `node --expose-gc --no-concurrent-recompilation test/performance/server.ts counts`. Prints one line of JSON.
 */
import { createHook } from 'node:async_hooks';
import { connect, Socket } from 'node:net';
import { Pipeline, Stream, end, noUsage } from 'sluice';
import type { Provider, Reply, StreamChunk } from 'sluice';
import { provider } from 'sluice/middleware';
import { createServer } from 'sluice/server';
import { memoryLog } from 'sluice/server/chunk-log';
import { theFive } from './five.ts';

const { gc } = globalThis;
if (gc === undefined) throw new Error('Run it with --expose-gc.');

/** The prompt of an answer that does not end by itself. */
const FOR_EVER = 1e9;

/** Gives as many chunks as its prompt says, one in each turn of the event loop. */
const model: Provider = {
  name: 'openai',
  model: 'gpt-4.1-nano',
  stream({ messages }) {
    let left = Number(messages.at(-1)?.content);
    return Stream.fromSource<StreamChunk, Reply>({
      pull: () =>
        new Promise((resolve) => {
          setImmediate(() => {
            if (left === FOR_EVER - 1) return;
            const chunk: StreamChunk = { type: 'content', content: 'word ', call: 0, index: 0 };
            resolve(left-- > 0 ? [chunk] : end<Reply>({ finishReason: 'stop', usage: noUsage() }));
          });
        }),
      close: () => undefined,
    });
  },
};

const [what, word] = process.argv.slice(2);
const isResumable = word === 'resumable';
const limits = { requestsPerMinute: 10_000_000, concurrentStreams: 10_000 };
const pipeline = new Pipeline([...theFive(), provider(model)], { maxConcurrentExecutions: 10_000 });
const log = memoryLog({ maxStreams: 1 });
const server = createServer(pipeline, { auth: false, limits, resumable: isResumable, log });
const { port } = await server.listen({ port: 0 });

function requestFor(chunks: number): string {
  const body = JSON.stringify({ input: String(chunks) });
  const head = [
    'POST /api/v1/agent/stream HTTP/1.1',
    `host: 127.0.0.1:${port}`,
    'content-type: application/json',
  ];
  return [...head, `content-length: ${body.length}`, '', body].join('\r\n');
}

/** Makes so many requests, one after the other, and calls back after the last answer. */
function inTurn(client: Socket, requests: number, chunks: number, done: () => void): void {
  const asked = requestFor(chunks);
  let left = requests;
  let answer = '';
  const next = (): void => {
    answer = '';
    if (left-- > 0) client.write(asked);
    else done();
  };
  client.removeAllListeners('data');
  client.on('data', (bytes) => {
    answer += bytes.toString('latin1');
    if (!answer.endsWith('0\r\n\r\n')) return;
    const pieces = answer.split('event: content').length - 1;
    if (pieces !== chunks || !answer.includes('event: done')) throw new Error(answer);
    next();
  });
  next();
}

const clients = Array.from({ length: 10 }, () => connect(port, '127.0.0.1'));

/** Requests side by side. */
async function requests(each: number, chunks: number, side = clients.length): Promise<void> {
  const some = clients.slice(0, side);
  await Promise.all(some.map((client) => new Promise<void>((done) => inTurn(client, each, chunks, done))));
}

async function collect(options?: NodeJS.GCOptions): Promise<void> {
  await new Promise(setImmediate);
  gc?.({ execution: 'sync', ...options });
  await new Promise(setImmediate);
}

interface Counts {
  writes: number;
  promises: number;
  timers: number;
}

const counts: Counts = { writes: 0, promises: 0, timers: 0 };
for (const name of ['_write', '_writev'] as const) {
  const real: unknown = Reflect.get(Socket.prototype, name);
  if (typeof real !== 'function') throw new Error(`Sockets of Node have no ${name}().`);
  Reflect.set(Socket.prototype, name, function write(this: Socket, ...given: unknown[]): void {
    if (!clients.includes(this)) counts.writes++;
    Reflect.apply(real, this, given);
  });
}

async function counted(each: number, chunks: number): Promise<Counts> {
  Object.assign(counts, { writes: 0, promises: 0, timers: 0 });
  const hook = createHook({
    init(_id, type) {
      if (type === 'PROMISE') counts.promises++;
      if (type === 'Timeout') counts.timers++;
    },
  });
  hook.enable();
  await requests(each, chunks, 1);
  hook.disable();
  return { ...counts };
}

async function perChunkAndRequest(): Promise<object> {
  await requests(100, 20);
  const few = await counted(100, 10);
  const many = await counted(100, 60);
  const chunk = (key: keyof Counts): number => (many[key] - few[key]) / (100 * 50);
  const request = (key: keyof Counts): number => few[key] / 100 - 10 * chunk(key);
  const layers = server.app.router.match('POST', '/api/v1/agent/stream')[0].length;
  return {
    chunk: { writes: chunk('writes'), promises: chunk('promises'), timers: chunk('timers') },
    request: { writes: request('writes'), promises: request('promises'), timers: request('timers'), layers },
  };
}

async function survivors(): Promise<object> {
  await requests(100, 20);
  await collect();
  await collect();
  const before = process.memoryUsage().heapUsed;
  await requests(10, 20);
  const allocated = process.memoryUsage().heapUsed - before;
  await collect({ type: 'minor' });
  await collect({ type: 'minor' });
  return { allocated: allocated / 100, survived: (process.memoryUsage().heapUsed - before) / 100 };
}

async function held(): Promise<number> {
  await requests(100, 20);
  const open = 500;
  const sockets = await Promise.all(
    Array.from(
      { length: open },
      () =>
        new Promise<Socket>((resolve) => {
          const socket = connect(port, '127.0.0.1', () => resolve(socket));
        }),
    ),
  );
  await collect();
  await collect();
  const before = process.memoryUsage().heapUsed;
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve) => {
          let answer = '';
          socket.on('data', (bytes) => {
            answer += bytes.toString('latin1');
            if (answer.includes('event: content')) resolve();
          });
          socket.write(requestFor(FOR_EVER));
        }),
    ),
  );
  await collect();
  await collect();
  const bytes = (process.memoryUsage().heapUsed - before) / open;
  for (const socket of sockets) socket.destroy();
  return Math.round(bytes);
}

if (what === 'counts') console.log(JSON.stringify(await perChunkAndRequest()));
else if (what === 'survivors') console.log(JSON.stringify(await survivors()));
else console.log(await held());
process.exit();
