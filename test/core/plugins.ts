import { Pipeline, SluiceError, Stream, end, isVoided, terminal } from 'sluice';
import type { ExecutionResult, Middleware, Reply, StreamChunk } from 'sluice';
import { constant } from 'sluice/kit';
import { retry } from 'sluice/middleware/retry';
import type { RetryOptions } from 'sluice/middleware/retry';
import { failureOf, text } from './harness.ts';

/** A plugin, and what it makes of a text. */
export interface Example {
  make: () => Middleware;
  effect: (text: string) => string;
}

const same = (whole: string): string => whole;
const shared: StreamChunk = Object.freeze(text('* '));

/** Changes the chunks of text with a generator. */
const changing = (change: (chunk: StreamChunk & { type: 'content' }) => StreamChunk): Middleware =>
  async function* changing(_context, next) {
    const stream = next();
    for await (const chunk of stream) yield chunk.type === 'content' ? change(chunk) : chunk;
    return stream.reply;
  };

/** Gives what is complete in chunks of its own, and holds the rest back. */
const byWord: Middleware = async function* byWord(_context, next) {
  const stream = next();
  let held = '';
  for await (const chunk of stream) {
    if (chunk.type === 'reset') held = '';
    if (chunk.type !== 'content') {
      yield chunk;
      continue;
    }
    held += chunk.content;
    const at = held.lastIndexOf(' ') + 1;
    if (at > 0) yield text(held.slice(0, at));
    held = held.slice(at);
  }
  if (held !== '') yield text(held);
  return stream.reply;
};

/** Plugins as people write them. None of them knows of numbers. */
export const examples: Record<string, Example> = {
  'a banner': {
    make: () =>
      async function* banner(_context, next) {
        yield shared;
        return yield* next();
      },
    effect: (whole) => `* ${whole}`,
  },
  'a footer': {
    make: () =>
      async function* footer(_context, next) {
        const reply = yield* next();
        yield text(' #');
        return reply;
      },
    effect: (whole) => `${whole} #`,
  },
  'a redactor that holds words back': { make: () => byWord, effect: same },
  'spread chunks': {
    make: () => changing((chunk) => Object.freeze({ ...chunk, content: chunk.content.replaceAll('1', 'I') })),
    effect: (whole) => whole.replaceAll('1', 'I'),
  },
  'new chunks': { make: () => changing((chunk) => text(chunk.content)), effect: same },
  'one chunk that is used again': {
    make: () => {
      const mine = { type: 'content' as const, content: '' };
      return changing((chunk) => Object.assign(mine, { content: chunk.content }));
    },
    effect: same,
  },
  'one chunk that all fields are copied to': {
    make: () => {
      const mine = { type: 'content' as const, content: '' };
      return changing((chunk) => Object.assign(mine, chunk));
    },
    effect: same,
  },
  'chunks from JSON': {
    make: () => changing((chunk) => ({ ...chunk, ...parsed(chunk) })),
    effect: same,
  },
  'a map to new chunks': {
    make: () => (_context, next) =>
      next().map((chunk) => (chunk.type === 'content' ? Object.freeze(text(chunk.content)) : chunk)),
    effect: same,
  },
  'a map to one chunk that all fields are copied to': {
    make: () => {
      const mine = { type: 'content' as const, content: '' };
      return (_context, next) =>
        next().map((chunk) => (chunk.type === 'content' ? Object.assign(mine, chunk) : chunk));
    },
    effect: same,
  },
  'a generator that hands on': {
    make: () =>
      async function* pass(_context, next) {
        return yield* next();
      },
    effect: same,
  },
  'a footer that follows': {
    make: () => (_context, next) => {
      let isAsked = false;
      return next().followedBy((reply) => {
        if (isAsked) return undefined;
        isAsked = true;
        return Stream.from<StreamChunk, Reply>([text(' ~')], reply);
      });
    },
    effect: (whole) => `${whole} ~`,
  },
  'a tap': { make: () => (_context, next) => next().tap(() => undefined), effect: same },
  'a banner after ready()': {
    make: () =>
      async function* late(_context, next) {
        const stream = next();
        await stream.ready();
        yield shared;
        return yield* stream;
      },
    effect: (whole) => `* ${whole}`,
  },
};

function parsed(chunk: StreamChunk): object {
  const value: unknown = JSON.parse(JSON.stringify(chunk));
  return typeof value === 'object' && value !== null ? value : {};
}

/** A failure that is retried. */
export const down = (): SluiceError => new SluiceError('server', 'down');

/** Without waits. */
export const retrying = (options: RetryOptions = {}): Middleware =>
  retry({ backoff: constant(0), afterContent: 'reset', ...options });

/** A model that gives each call its script: batches of chunks, or an error. All calls may share the chunks. */
export function scripts(...turns: (readonly (readonly StreamChunk[] | Error)[])[]): Middleware {
  let calls = 0;
  return terminal({ name: 'model', provider: 'model', model: 'model-1' }, () => {
    const turn = [...(turns[calls++] ?? [down()])];
    return Stream.fromSource<StreamChunk, Reply>({
      async pull() {
        await Promise.resolve();
        const item = turn.shift();
        if (item instanceof Error) throw item;
        return item ?? end({ finishReason: 'stop' });
      },
      close: () => undefined,
    });
  });
}

/** What the consumer has, by the chunks alone, beside what the runtime says that it has. */
export interface Seen {
  content: string;
  result: ExecutionResult | undefined;
  error: SluiceError | undefined;
  /** What is wrong in any execution: an index that is not dense, a chunk that changed after it was delivered. */
  faults: string[];
}

/** Runs a stack and keeps what a consumer would. */
export async function consumed(stack: readonly Middleware[]): Promise<Seen> {
  const stream = new Pipeline(stack).executeStream('user', 'hi');
  const seen: Seen = { content: '', result: undefined, error: undefined, faults: [] };
  const delivered: { chunk: object; as: string }[] = [];
  let kept: { call: number; content: string }[] = [];
  try {
    for await (const chunk of stream) {
      if (chunk.index !== delivered.length) seen.faults.push(`index ${chunk.index}, not ${delivered.length}`);
      if (chunk.type === 'done') seen.result = chunk.result;
      delivered.push({ chunk, as: JSON.stringify({ ...chunk, result: undefined }) });
      if (chunk.type === 'content') kept.push({ call: chunk.call, content: chunk.content });
      if (chunk.type === 'reset') kept = kept.filter(({ call }) => !isVoided(chunk, call));
    }
  } catch {
    seen.error = await failureOf(stream.result);
  }
  for (const { chunk, as } of delivered)
    if (JSON.stringify({ ...chunk, result: undefined }) !== as) seen.faults.push(`changed: ${as}`);
  seen.content = kept.map(({ content }) => content).join('');
  return seen;
}
