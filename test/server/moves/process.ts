// A process that serves turns, until it is killed. Its settings are its first message.
import { createServer } from '../../../server/index.ts';
import { Pipeline } from '../../../src/index.ts';
import { talks } from '../resumable/services/owner-process.ts';
import { openService } from '../resumable/services/service.ts';
import type { ServiceSpec } from '../resumable/services/service.ts';

/** The settings of a process. */
export interface ServingSpec {
  service: ServiceSpec;
  /** How many words its model says, and the time between them, in milliseconds. */
  words: number;
  everyMs: number;
  /** What becomes of turns whose process died. */
  onOwnerLost: 'resume' | 'end';
  /** Default: that of the server. */
  leaseMs?: number;
}

/** What the words of every process begin with: a client cannot tell them apart, so a text that comes twice is seen. */
export const SAID = 'w';

async function serve({ service, words, everyMs, onOwnerLost, leaseMs }: ServingSpec): Promise<void> {
  const { log, store } = await openService(service);
  const pipeline = new Pipeline([talks({ name: SAID, words, everyMs, firstMs: everyMs })], { store });
  const lease = leaseMs === undefined ? {} : { leaseMs };
  const options = { auth: false, log, resumable: true, onOwnerLost, page: false, ...lease } as const;
  const server = createServer(pipeline, options);
  // What is told to end has no time to end its turns.
  const { url } = await server.listen({ port: 0, signals: true, shutdownTimeoutMs: 50 });
  process.send?.({ url });
}

// The parent imports the types and the word, and sends no settings to itself.
if (process.send !== undefined && process.argv[1] === import.meta.filename) {
  process.on('disconnect', () => process.exit(0));
  process.once('message', (spec: ServingSpec) => {
    serve(spec).catch((error: unknown) => process.send?.({ error: String(error) }));
  });
}
