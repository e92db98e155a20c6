import { SluiceError, Stream, end, isSluiceError, noUsage, terminal } from 'sluice';
import type {
  Call,
  ExecutionChunk,
  ExecutionResult,
  Middleware,
  Pulled,
  Reply,
  StreamChunk,
  Usage,
} from 'sluice';

/** What a hand-fed model is given: chunks of one read, an error, or its end. */
type Item = readonly StreamChunk[] | Error | { reply: Reply };

/** A piece of text. */
export const text = (content: string): StreamChunk => ({ type: 'content', content });

/** Pieces of text, one chunk each. */
export const texts = (...pieces: string[]): StreamChunk[] => pieces.map(text);

/** The end of a call. */
export const stop = (reply: Partial<Reply> = {}): { reply: Reply } => ({
  reply: { finishReason: 'stop', ...reply },
});

/** Tokens as a provider reports them. */
export const tokens = (inputTokens: number, outputTokens: number): Usage => ({
  ...noUsage(),
  inputTokens,
  outputTokens,
  totalTokens: inputTokens + outputTokens,
});

/** A model whose reads a test answers by hand; `log` says what the runtime did with each of its calls. */
export class Model {
  readonly log: string[];
  readonly calls: Call[] = [];
  readonly middleware: Middleware;
  #items: Item[] = [];
  #wake = Promise.withResolvers<void>();

  constructor(options: { log?: string[]; name?: string } = {}) {
    const { log = [], name = 'model' } = options;
    this.log = log;
    this.middleware = terminal({ name, provider: name, model: `${name}-1` }, (_context, call) => {
      const fed = this.#items;
      this.calls.push(call);
      this.log.push(`${name} ${call.number} called`);
      return Stream.fromSource<StreamChunk, Reply>({
        pull: () => this.#pull(fed, call),
        close: (error) => void this.log.push(`${name} ${call.number} closed: ${error.code}`),
      });
    });
  }

  /** Answers reads, in order, of whichever call asks. */
  give(...items: Item[]): this {
    this.#items.push(...items);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
    return this;
  }

  async #pull(fed: Item[], call: Call): Promise<Pulled<StreamChunk, Reply>> {
    while (fed.length === 0) await this.#wake.promise;
    const item = fed.shift();
    if (item instanceof Error) throw item;
    if (item === undefined || 'reply' in item) {
      call.usage = item?.reply.usage;
      return end(item?.reply ?? { finishReason: 'stop' });
    }
    return item.map((chunk) => ({ ...chunk }));
  }
}

/** A model that answers each call at once: one batch of text and its end. */
export function says(...pieces: string[]): Middleware {
  return terminal({ name: 'model', provider: 'model', model: 'model-1' }, () =>
    Stream.from<StreamChunk, Reply>(texts(...pieces), { finishReason: 'stop' }),
  );
}

/** A model that gives each of these answers in turn, one a call; an error ends its call. */
export function answers(...turns: (readonly Item[])[]): { middleware: Middleware; calls: Call[] } {
  const calls: Call[] = [];
  const middleware = terminal({ name: 'model', provider: 'model', model: 'model-1' }, (_context, call) => {
    const turn = [...(turns[calls.length] ?? [new SluiceError('server', 'No such turn.')])];
    calls.push(call);
    return Stream.fromSource<StreamChunk, Reply>({
      async pull() {
        await Promise.resolve();
        const item = turn.shift();
        if (item instanceof Error) throw item;
        if (item === undefined || 'reply' in item) return end(item?.reply ?? { finishReason: 'stop' });
        return item.map((chunk) => ({ ...chunk }));
      },
      close: () => undefined,
    });
  });
  return { middleware, calls };
}

/** Lets everything that can go on without a clock go on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** The error that a promise must reject with. */
export async function failureOf(promise: Promise<unknown>): Promise<SluiceError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (isSluiceError(error)) return error;
  throw new Error(`expected a SluiceError, got ${String(error)}`, { cause: error });
}

/** The text of all chunks until the end, and how it ended. */
export async function readAll(
  stream: Stream<ExecutionChunk, ExecutionResult>,
): Promise<{ content: string; error?: SluiceError; result?: ExecutionResult }> {
  let content = '';
  try {
    for await (const chunk of stream) if (chunk.type === 'content') content += chunk.content;
    return { content, result: await stream.result };
  } catch (error) {
    if (isSluiceError(error)) return { content, error };
    throw error;
  }
}

/** The four shapes of a middleware, each letting everything through and telling `log` of its end. */
export const shapes = {
  tap:
    (log: string[], name = 'layer'): Middleware =>
    (_context, next) =>
      next().tap({ end: ({ outcome }) => log.push(`${name} end ${outcome}`) }),
  'async function':
    (log: string[], name = 'layer'): Middleware =>
    async (_context, next) => {
      await Promise.resolve();
      return next().tap({ end: ({ outcome }) => log.push(`${name} end ${outcome}`) });
    },
  'generator that loops': (log: string[], name = 'layer'): Middleware =>
    async function* layer(_context, next) {
      try {
        for await (const chunk of next()) yield chunk;
      } finally {
        log.push(`${name} finally`);
      }
    },
  'generator that delegates': (log: string[], name = 'layer'): Middleware =>
    async function* layer(_context, next) {
      try {
        return yield* next();
      } finally {
        log.push(`${name} finally`);
      }
    },
} as const;

export type Shape = keyof typeof shapes;

/** Their names, for `test.each`. */
export const shapeNames: readonly Shape[] = [
  'tap',
  'async function',
  'generator that loops',
  'generator that delegates',
];

/** Logs what a layer's hooks and taps are told at the end. */
export function witness(log: string[], name = 'witness'): Middleware {
  return function witness(context, next) {
    context.onEnd(({ outcome, error, reason }) => {
      log.push(`${name} onEnd ${[outcome, error?.code, reason].filter(Boolean).join(' ')}`);
    });
    return next().tap({
      end: ({ outcome, error }) =>
        log.push(`${name} end ${[outcome, error?.code].filter(Boolean).join(' ')}`),
    });
  };
}

/** A model of which each run waits for a `finish()`, in order; `log` says what it was asked. */
export function counted(log: string[]): { middleware: Middleware; finish(): void } {
  const gates: (() => void)[] = [];
  const middleware: Middleware = async function* counted(context) {
    const name = context.request.messages.at(-1)?.content;
    log.push(`${String(name)} runs`);
    await new Promise<void>((resolve, reject) => {
      gates.push(resolve);
      context.signal.addEventListener('abort', () => reject(new Error('aborted')));
    });
    yield text('x');
    return { finishReason: 'stop' };
  };
  return { middleware, finish: () => gates.shift()?.() };
}
