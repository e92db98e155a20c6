// The server of the soak, and the figures of its process. Node must be started with --expose-gc. Its settings are its first message.
import { memoryLog } from '../../server/chunk-log.ts';
import { createServer } from '../../server/index.ts';
import { Pipeline } from '../../src/index.ts';
import { wished } from './model.ts';

/** What holds the process, and what it keeps. */
export interface Figures {
  /** The heap after a collection, in bytes. */
  heap: number;
  sockets: number;
  /** Timers that would keep the process alive. */
  timers: number;
  /** Listeners of the process. */
  listeners: number;
  /** Rejections that nobody handled, as texts. */
  rejections: string[];
}

/** What the parent asks for: figures, or the end of the server and then figures. */
export type Order = 'figures' | 'close';

/** The settings of the process. */
export interface SoakServerSpec {
  /** How long the log keeps a stream after its end, in milliseconds. */
  ttlMs: number;
}

const rejections: string[] = [];

function figures(): Figures {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('Start node with --expose-gc.');
  gc();
  gc();
  const held = process.getActiveResourcesInfo();
  return {
    heap: process.memoryUsage().heapUsed,
    sockets: held.filter((kind) => kind === 'TCPSocketWrap').length,
    timers: held.filter((kind) => kind === 'Timeout').length,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    rejections,
  };
}

async function serve({ ttlMs }: SoakServerSpec): Promise<void> {
  const pipeline = new Pipeline([wished()]);
  const server = createServer(pipeline, { auth: false, log: memoryLog({ ttlMs }), page: false });
  const listening = await server.listen({ port: 0 });
  const answer = async (order: Order): Promise<void> => {
    if (order === 'close') {
      await listening.close();
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
  process.send?.({ url: listening.url });
}

if (process.send !== undefined && process.argv[1] === import.meta.filename) {
  process.on('unhandledRejection', (reason) => rejections.push(String(reason)));
  process.on('disconnect', () => process.exit(0));
  process.once('message', (spec: SoakServerSpec) => {
    serve(spec).catch((error: unknown) => process.send?.({ error: String(error) }));
  });
}
