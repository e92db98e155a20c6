import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Pipeline, SluiceError } from 'sluice';
import type { ExecutionChunk, ExecutionContext, ExecutionResult, Middleware, Stream } from 'sluice';
import { Execution } from '../../src/execution/execution.ts';
import { Model, says, settled, shapes, stop, texts } from './harness.ts';
import type { Shape } from './harness.ts';

/** The rows of the table "Who ends an execution" in docs/internals.md, and what may happen between them. */
const rows = [
  'chunk',
  'reply',
  'error',
  'read',
  'close',
  'return',
  'signal',
  'interrupt',
  'timer',
  'abort',
  'abort as cancelled',
  'shutdown',
  'room',
] as const;

/** Below all other limits of time, so that no other one is exceeded. */
const LIMIT_MS = 100;

interface Step {
  row: (typeof rows)[number];
  /** How many ticks pass before it. */
  ticks: number;
}

interface Plan {
  session: boolean;
  /** Whether another execution holds the slot and the session until the row `room`. */
  waits: boolean;
  /** Whether the consumer reads a `map()` of the stream. */
  derived: boolean;
  /** How many ticks pass after a first read; undefined if there is none. */
  started: number | undefined;
  steps: Step[];
}

const plans: fc.Arbitrary<Plan> = fc.record({
  session: fc.boolean(),
  waits: fc.boolean(),
  derived: fc.boolean(),
  started: fc.option(fc.nat(60), { nil: undefined, freq: 6 }),
  steps: fc.array(fc.record({ row: fc.constantFrom(...rows), ticks: fc.nat(20) }), { maxLength: 8 }),
});

async function pass(ticks: number): Promise<void> {
  for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
}

type Read = ExecutionChunk | 'done' | SluiceError;

/** One execution, all that is done to it, and all that is seen of it. */
class Trial {
  readonly log: string[] = [];
  readonly reads: Promise<Read>[] = [];
  readonly #model = new Model();
  readonly #abort = new AbortController();
  readonly #room = Promise.withResolvers<void>();
  readonly #pipeline: Pipeline;
  readonly #plan: Plan;
  #stream: Stream<ExecutionChunk, ExecutionResult>;
  #reader: Stream<ExecutionChunk, ExecutionResult>;
  #context: ExecutionContext | undefined;
  #shutdown: Promise<void> | undefined;
  closed = false;

  constructor(shape: Shape, plan: Plan) {
    this.#plan = plan;
    const stack = [this.#watch(), this.#onlyForSubject(shapes[shape](this.log)), this.#last()];
    this.#pipeline = new Pipeline(stack, { maxConcurrentExecutions: 1, streamBufferSize: 2 });
    if (plan.waits)
      void this.#open('other')
        .text()
        .catch(() => undefined);
    this.#stream = this.#open('subject');
    this.#reader = plan.derived ? this.#stream.map((chunk) => chunk) : this.#stream;
  }

  #open(name: string): Stream<ExecutionChunk, ExecutionResult> {
    const signal = name === 'subject' ? { signal: this.#abort.signal, timeoutMs: LIMIT_MS } : {};
    const options = { metadata: { name }, ...signal };
    const stream = this.#plan.session
      ? this.#pipeline.executeStreamWithContext('s', 'user', name, options)
      : this.#pipeline.executeStream('user', name, options);
    return stream;
  }

  #onlyForSubject(middleware: Middleware): Middleware {
    return (context, next) =>
      context.request.metadata?.['name'] === 'subject' ? middleware(context, next) : next();
  }

  #watch(): Middleware {
    return this.#onlyForSubject((context, next) => {
      this.#context = context;
      this.log.push('body');
      context.onEnd(({ outcome }) => void this.log.push(`hook ${outcome}`));
      return next().tap({ end: ({ outcome }) => void this.log.push(`end ${outcome}`) });
    });
  }

  #last(): Middleware {
    const room = this.#room.promise;
    const other: Middleware = async function* other() {
      await room;
      return { finishReason: 'stop' };
    };
    return (context) => {
      const name = context.request.metadata?.['name'];
      if (name === 'subject') return context.run(this.#model.middleware);
      return context.run(name === 'other' ? other : says('x'));
    };
  }

  async start(ticks: number): Promise<void> {
    this.read();
    await pass(ticks);
  }

  async take({ row, ticks }: Step): Promise<void> {
    await pass(ticks);
    const ways: Record<Step['row'], () => void> = {
      chunk: () => void this.#model.give(texts('a', 'b')),
      reply: () => void this.#model.give(stop()),
      error: () => void this.#model.give(new SluiceError('server', 'down')),
      read: () => this.read(),
      close: () => this.#close(this.#reader.close()),
      return: () => this.#close(this.#reader.return?.()),
      signal: () => this.#abort.abort('left'),
      interrupt: () => this.#context?.interrupt('enough'),
      timer: () => void vi.advanceTimersByTime(LIMIT_MS),
      abort: () => this.#stream.abort(new SluiceError('guard', 'no')),
      'abort as cancelled': () => this.#stream.abort(new SluiceError('aborted', 'no')),
      shutdown: () => {
        this.#shutdown = this.#pipeline.shutdown({ signal: AbortSignal.abort() });
      },
      room: () => this.#room.resolve(),
    };
    ways[row]();
  }

  #close(closing: Promise<unknown> | undefined): void {
    this.closed = true;
    void closing?.then(() => this.log.push('closed'));
  }

  read(): void {
    const read = this.#reader.next().then(
      (result): Read => (result.done === true ? 'done' : result.value),
      (error: unknown): Read => {
        if (error instanceof SluiceError) return error;
        throw error;
      },
    );
    this.reads.push(read);
  }

  /** Lets everything come to its end. */
  async finish(): Promise<Read[]> {
    this.#room.resolve();
    this.#model.give(stop());
    for (let reads = 0; reads < 30; reads++) {
      await settled();
      this.read();
    }
    await this.#shutdown;
    return Promise.all(this.reads);
  }

  /** Whether slot and session are free again. */
  async isFree(): Promise<boolean> {
    if (this.#shutdown !== undefined) return true;
    return (await this.#open('after').text()) === 'x';
  }
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe.each(['tap', 'generator that loops', 'async function'] satisfies Shape[])('%s', (shape) => {
  test('however an execution is ended, the first to end it decides, and everything ends once', async () => {
    const property = fc.asyncProperty(plans, async (plan) => {
      const ended = vi.spyOn(Execution.prototype, 'end');
      const trial = new Trial(shape, plan);
      if (plan.started !== undefined) await trial.start(plan.started);
      for (const step of plan.steps) await trial.take(step);
      const reads = await trial.finish();

      const decided = ended.mock.calls.filter((_, at) => {
        const execution: unknown = ended.mock.contexts[at];
        const isSubject = execution instanceof Execution && execution.metadata['name'] === 'subject';
        return isSubject && ended.mock.results[at]?.value === true;
      });
      ended.mockRestore();
      // Without a read there is no execution: then the stream alone was closed.
      expect(decided.length).toBe(trial.log.includes('body') ? 1 : decided.length);
      expect(decided.length).toBeLessThanOrEqual(1);
      const [outcome, error] = decided[0] ?? [];

      const once = (what: string): number => trial.log.filter((line) => line.startsWith(what)).length;
      const bodies = once('body');
      expect([bodies, once('hook'), once('end'), once('layer')]).toEqual(Array(4).fill(bodies));
      if (bodies > 0) expect(trial.log).toContain(`hook ${outcome}`);

      const chunks = reads.filter((read) => typeof read === 'object' && 'type' in read);
      const last = reads.at(-1);
      const done = chunks.filter(({ type }) => type === 'done');
      if (trial.closed) {
        if (last instanceof SluiceError) expect(last.code).toBe(error?.code);
      } else if (outcome === 'completed' || outcome === 'interrupted') {
        expect(done).toMatchObject([{ result: { outcome } }]);
        expect(last).toBe('done');
      } else {
        expect(last).toMatchObject({ code: error?.code });
        expect(done).toEqual([]);
      }
      // Once the end is told, it stays the same.
      expect(new Set(reads.slice(-10)).size).toBe(1);
      expect(chunks.map(({ index }) => index)).toEqual(chunks.map((_, at) => at));
      expect(await trial.isFree()).toBe(true);
    });
    await fc.assert(property, { numRuns: 30 });
  });
});
