// A process that runs one turn, until it is killed.
import { once } from 'node:events';
import { Pipeline } from '../../../../src/index.ts';
import type { Middleware, SessionKey } from '../../../../src/index.ts';
import { delay } from '../../../../src/kit/index.ts';
import { resumable } from '../../../../server/index.ts';
import type { Resumable } from '../../../../server/index.ts';
import { openService } from './service.ts';
import type { ServiceSpec } from './service.ts';

/** The settings of a process, passed as its only argument. */
export interface OwnerSpec {
  service: ServiceSpec;
  leaseMs: number;
  graceMs: number;
  /** What its words begin with. */
  name: string;
  /** How many words its model says, and the time between them. */
  words: number;
  everyMs: number;
  /** The time before the first one. */
  firstMs: number;
  session?: SessionKey;
  owner: string;
  turnId: string;
  orphanMs?: number;
  /** Its model says the last word when it is told to. */
  waits?: boolean;
  /** It does not read its own stream. */
  leaves?: boolean;
}

/** A model that says words, one after the other. */
export function talks(
  { name, words, everyMs, firstMs }: Pick<OwnerSpec, 'name' | 'words' | 'everyMs' | 'firstMs'>,
  last: Promise<unknown> = Promise.resolve(),
): Middleware {
  return async function* talks(context) {
    await delay(firstMs, context.signal);
    for (let word = 0; word < words; word++) {
      if (word === words - 1) await last;
      yield { type: 'content', content: `${name}${word} ` };
      await delay(everyMs, context.signal);
    }
    return { finishReason: 'stop' };
  };
}

/** The words of a model from its first one on. */
export const saidBy = (name: string, words: number): string =>
  Array.from({ length: words }, (_, word) => `${name}${word} `).join('');

async function run(spec: OwnerSpec): Promise<void> {
  const { log, store } = await openService(spec.service);
  const { leaseMs, graceMs, session, owner, turnId, orphanMs = 0 } = spec;
  const told = spec.waits === true ? once(process, 'message') : undefined;
  const pipeline = new Pipeline([talks(spec, told)], { store });
  const runs = resumable(pipeline, { log, leaseMs, graceMs, orphanMs });
  process.once('SIGTERM', () => void shutDown(runs));
  const options = { turnId, ...(session === undefined && { owner }) };
  const stream = runs.stream(session, 'hi', options);
  if (spec.leaves === true) {
    await stream.next();
    await stream.close();
  }
  for (let items = await stream.next(); items !== undefined; items = await stream.next())
    for (const item of items) process.send?.(item.type === 'end' ? { end: item.end } : { got: item.type });
}

/** Shuts down as a server does that is told to: what runs is given up at once. */
async function shutDown(runs: Resumable): Promise<void> {
  await runs.close({ signal: AbortSignal.abort() });
  process.exit(0);
}

const [, , given] = process.argv;
if (given !== undefined && process.send !== undefined) {
  process.on('disconnect', () => process.exit(0));
  const spec: OwnerSpec = JSON.parse(given);
  run(spec).catch((error: unknown) => process.send?.({ error: String(error) }));
}
