import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Pipeline, SluiceError } from 'sluice';
import type { ExecutionChunk, Middleware, Stream } from 'sluice';
import { Feed, chunks } from '../support/feed.ts';
import { Model, settled, stop, texts } from '../core/harness.ts';

type Base = Stream<ExecutionChunk, unknown>;
type Any = Stream<unknown, unknown>;

/** What is made of a stream of chunks. The last three give text, of which no further view of chunks can be made. */
const makers = [
  'map',
  'failing map',
  'filter',
  'throttle',
  'tee',
  'textStream',
  'lines',
  'map of textStream',
] as const;

interface Plan {
  base: 'source' | 'execution';
  /** For each node in turn: what is made of it, if anything. */
  made: ((typeof makers)[number] | undefined)[];
  /** How each leaf is read. */
  readers: ('stream' | 'web stream' | 'generator')[];
  steps: { what: (typeof actions)[number]; node: number }[];
}

const actions = [
  'chunk',
  'chunk',
  'end',
  'error',
  'time',
  'ready',
  'next',
  'next',
  'close',
  'return',
  'throw',
] as const;

const plans: fc.Arbitrary<Plan> = fc.record({
  base: fc.constantFrom('source', 'execution'),
  made: fc.array(fc.option(fc.constantFrom(...makers), { nil: undefined, freq: 4 }), {
    minLength: 1,
    maxLength: 6,
  }),
  readers: fc.array(fc.constantFrom('stream', 'web stream', 'generator'), { minLength: 4, maxLength: 4 }),
  steps: fc.array(fc.record({ what: fc.constantFrom(...actions), node: fc.nat(9) }), { maxLength: 16 }),
});

/** How one leaf is read and left. */
interface Reader {
  read(): Promise<unknown>;
  leave(how: 'close' | 'return' | 'throw'): Promise<unknown>;
}

/** A stream of the tree, and what was done to it. */
class Node {
  readonly stream: Any;
  readonly chunks: Base | undefined;
  readonly children: Node[] = [];
  reader: Reader | undefined;
  isClosed = false;
  settledAs: 'resolved' | 'rejected' | undefined;

  constructor(stream: Any, chunks?: Base) {
    this.stream = stream;
    this.chunks = chunks;
    stream.result.then(
      () => (this.settledAs = 'resolved'),
      () => (this.settledAs = 'rejected'),
    );
  }

  /** Whether somebody may still read it. */
  get isWanted(): boolean {
    if (this.isClosed || this.stream.ended) return false;
    return this.children.length === 0 || this.children.some((child) => child.isWanted);
  }
}

/** Gives something to the source. */
type Give = (what: 'chunk' | 'end' | 'error') => void;

/** A tree of views, what is done to it, and what is seen of the source. */
class Trial {
  readonly log: string[] = [];
  readonly nodes: Node[] = [];
  readonly #give: Give;
  readonly pending: Promise<unknown>[] = [];

  constructor(plan: Plan) {
    const base = plan.base === 'source' ? this.#source() : this.#execution();
    this.#give = base.give;
    this.#grow(base.stream, plan);
  }

  #source(): { stream: Base; give: Give } {
    const feed = new Feed();
    const stream = feed.stream.tap({ end: ({ outcome }) => this.log.push(`end ${outcome}`) });
    const give: Give = (what) => {
      if (what === 'chunk') feed.give(chunks('a\n', 'b'));
      else feed.give(what === 'end' ? 'end' : new SluiceError('server', 'down'));
    };
    Object.defineProperty(feed.log, 'push', { value: (line: string) => this.log.push(line) });
    return { stream, give };
  }

  #execution(): { stream: Base; give: Give } {
    const model = new Model();
    const watch: Middleware = (context, next) => {
      context.onEnd(({ outcome }) => void this.log.push(`hook ${outcome}`));
      return next().tap({
        end: ({ outcome }) => void this.log.push(`end ${outcome}`),
      });
    };
    Object.defineProperty(model.log, 'push', {
      value: (line: string) => this.log.push(line.includes('closed') ? 'close aborted' : 'pull'),
    });
    const give: Give = (what) => {
      if (what === 'chunk') model.give(texts('a\n', 'b'));
      else model.give(what === 'end' ? stop() : new SluiceError('server', 'down'));
    };
    return { stream: new Pipeline([watch, model.middleware]).executeStream('user', 'hi'), give };
  }

  #grow(base: Base, { made, readers }: Plan): void {
    this.nodes.push(new Node(base, base));
    made.forEach((maker, at) => {
      const parent = this.nodes[at];
      if (maker === undefined || parent?.chunks === undefined || parent.children.length > 0) return;
      for (const child of childrenOf(parent.chunks, maker)) {
        parent.children.push(child);
        this.nodes.push(child);
      }
    });
    this.nodes
      .filter((node) => node.children.length === 0)
      .forEach((node, at) => (node.reader = readerOf(node.stream, readers[at % readers.length] ?? 'stream')));
  }

  async take({ what, node: at }: Plan['steps'][number]): Promise<void> {
    const node = this.nodes[at % this.nodes.length];
    if (node === undefined) return;
    if (what === 'chunk' || what === 'end' || what === 'error') this.#give(what);
    else if (what === 'time') vi.advanceTimersByTime(50);
    else if (what === 'ready' || what === 'next') {
      // A stream that views were made of is refused a read once one of them reads.
      this.#note(what === 'ready' ? node.stream.ready() : (node.reader?.read() ?? node.stream.next()));
    } else {
      node.isClosed = true;
      this.#note(node.reader === undefined ? node.stream.close() : node.reader.leave(what));
    }
    await settled();
  }

  #note(promise: Promise<unknown>): void {
    this.pending.push(promise.catch(() => undefined));
  }

  count(line: string): number {
    return this.log.filter((one) => one.startsWith(line)).length;
  }
}

function childrenOf(parent: Base, maker: (typeof makers)[number]): Node[] {
  const ofChunks = (stream: Base): Node[] => [new Node(stream, stream)];
  switch (maker) {
    case 'map':
      return ofChunks(parent.map((chunk) => chunk));
    case 'failing map':
      return ofChunks(
        parent.map((chunk) => {
          if (chunk.type === 'content' && chunk.content === 'b') throw new RangeError('mine');
          return chunk;
        }),
      );
    case 'filter':
      return ofChunks(parent.filter((chunk) => chunk.type !== 'content' || chunk.content !== 'b'));
    case 'throttle':
      return ofChunks(parent.throttle(20));
    case 'tee':
      return parent.tee(2, { bufferSize: 2, idleTimeoutMs: 0 }).flatMap(ofChunks);
    case 'textStream':
      return [new Node(parent.textStream())];
    case 'lines':
      return [new Node(parent.lines())];
    case 'map of textStream':
      return [new Node(parent.textStream().map((text) => text))];
  }
}

function readerOf(stream: Any, kind: Plan['readers'][number]): Reader {
  if (kind === 'web stream') {
    const reader = stream.toReadableStream().getReader();
    return { read: () => reader.read(), leave: () => reader.cancel('gone') };
  }
  if (kind === 'stream')
    return {
      read: () => stream.next(),
      leave: (how) => (how === 'close' ? stream.close() : stream.return()),
    };
  const body = (async function* () {
    yield* stream;
  })();
  let reads = 0;
  let waiting = 0;
  return {
    read: () => {
      reads++;
      waiting++;
      return body.next().finally(() => waiting--);
    },
    leave: (how) => {
      // A generator that has not started does not know its stream, and one that waits answers in order.
      if (how === 'close' || reads === 0 || waiting > 0) return stream.close();
      return how === 'return' ? body.return() : body.throw(new RangeError('mine'));
    },
  };
}

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  process.on('unhandledRejection', note);
});
afterEach(() => {
  process.off('unhandledRejection', note);
  vi.useRealTimers();
});

describe('any views of any stream, read and closed in any order', () => {
  test('R54 free the request once, as soon as no reader is left, and end once', async () => {
    const property = fc.asyncProperty(plans, async (plan) => {
      const trial = new Trial(plan);
      const [base] = trial.nodes;
      for (const step of plan.steps) {
        await trial.take(step);
        const isRunning = trial.count('pull') > 0 && trial.count('end') === 0;
        if (base?.isWanted === true) expect(trial.count('close')).toBe(0);
        // No longer running, because it was closed or has come to its end by itself.
        else expect(isRunning).toBe(false);
      }
      // The cancel of a web stream rejects if that has failed before.
      for (const node of trial.nodes.toReversed())
        await (node.reader?.leave('close') ?? node.stream.close()).catch(() => undefined);
      await settled();
      await Promise.all(trial.pending);

      const started = trial.count('pull') > 0;
      expect(trial.count('close')).toBeLessThanOrEqual(1);
      expect(trial.count('end')).toBe(started ? 1 : 0);
      if (plan.base === 'execution') {
        expect(trial.count('hook')).toBe(started ? 1 : 0);
        const outcome = trial.log.find((line) => line.startsWith('hook'))?.slice('hook '.length);
        if (started) expect(base?.settledAs).toBe(outcome === 'completed' ? 'resolved' : 'rejected');
      }
      expect(trial.nodes.map(({ settledAs }) => settledAs)).not.toContain(undefined);
      expect(unhandled).toEqual([]);
      expect(vi.getTimerCount()).toBe(0);
    });
    await fc.assert(property, { numRuns: 200 });
  });
});
