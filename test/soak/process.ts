// The server of the soak, and the figures of its process. Node must be started with --expose-gc. Its settings are its first message.
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { memoryLog } from '../../server/chunk-log.ts';
import { createServer } from '../../server/index.ts';
import { provider, retry } from '../../middleware/index.ts';
import { openai } from '../../providers/openai/index.ts';
import { Pipeline } from '../../src/index.ts';
import { constant } from '../../src/kit/index.ts';

/** What holds the process, and what it keeps. */
export interface Figures {
  /** The heap after a collection, in bytes. */
  heap: number;
  sockets: number;
  /** Timers that would keep the process alive. */
  timers: number;
  /** Listeners of the process. */
  listeners: number;
  /** Connections of clients whose buffers are full, so that the system takes no more for them: the most at once since the figures before. */
  full: number;
  /** Rejections that nobody handled, as texts. */
  rejections: string[];
}

/** What the parent asks for: figures, or the end of the server and then figures. */
export type Order = 'figures' | 'close';

/** The settings of the process. */
export interface SoakServerSpec {
  /** How long the log keeps a stream after its end, in milliseconds. */
  ttlMs: number;
  /** How long a resumable stream goes on that nobody reads, in milliseconds. */
  orphanMs: number;
  /** Where the model is. */
  baseURL: string;
}

const rejections: string[] = [];

/** The connections of clients that have sent a request. */
const clients = new Set<Socket>();
let mostFull = 0;

/** How often it is looked for connections that are full, in milliseconds. */
const SAMPLE_MS = 50;

function sample(): void {
  const full = [...clients].filter(({ writableLength }) => writableLength > 0).length;
  mostFull = Math.max(mostFull, full);
}

function figures(): Figures {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('Start node with --expose-gc.');
  gc();
  gc();
  const full = mostFull;
  mostFull = 0;
  const held = process.getActiveResourcesInfo();
  return {
    heap: process.memoryUsage().heapUsed,
    sockets: held.filter((kind) => kind === 'TCPSocketWrap').length,
    timers: held.filter((kind) => kind === 'Timeout').length,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    full,
    rejections,
  };
}

async function serve({ ttlMs, orphanMs, baseURL }: SoakServerSpec): Promise<void> {
  const model = openai({ model: 'gpt-5-mini', apiKey: 'soak', baseURL });
  const again = retry({ afterContent: 'reset', backoff: constant(50), budget: { ratio: 0.5, floor: 20 } });
  const pipeline = new Pipeline([again, provider(model)], { maxConcurrentExecutions: 2_000 });
  // All clients are one caller.
  const limits = { requestsPerMinute: 1_000_000, concurrentStreams: 10_000 };
  // A busy machine is slow, too, and must not be the reason for an end.
  const shared = { auth: false, page: false, limits, slowClientMs: 120_000 } as const;
  const servers = [
    createServer(pipeline, shared),
    createServer(pipeline, { ...shared, resumable: true, orphanMs, log: memoryLog({ ttlMs }) }),
  ];
  const listening = await Promise.all(servers.map((server) => server.listen({ port: 0 })));
  const answer = async (order: Order): Promise<void> => {
    if (order === 'close') {
      await Promise.all(listening.map((one) => one.close()));
      await pipeline[Symbol.asyncDispose]();
    }
    process.send?.(figures());
  };
  process.on('message', (order: Order) => {
    // Without an answer the parent would wait forever.
    answer(order).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  });
  const [plain, resumable] = listening.map(({ url }) => url);
  process.send?.({ url: plain, resumable });
}

if (process.send !== undefined && process.argv[1] === import.meta.filename) {
  process.on('unhandledRejection', (reason) => rejections.push(String(reason)));
  process.on('disconnect', () => process.exit(0));
  setInterval(sample, SAMPLE_MS).unref();
  subscribe('http.server.request.start', (told) => {
    const { socket } = told as { socket: Socket };
    clients.add(socket);
    socket.once('close', () => clients.delete(socket));
  });
  process.once('message', (spec: SoakServerSpec) => {
    serve(spec).catch((error: unknown) => process.send?.({ error: String(error) }));
  });
}
