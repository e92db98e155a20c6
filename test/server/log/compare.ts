import fc from 'fast-check';
import { expect } from 'vitest';
import { SluiceError } from 'sluice';
import { memoryLog } from '../../../server/chunk-log.ts';
import type { ChunkLog, StreamKey, StreamLease } from '../../../server/chunk-log.ts';
import type { SentChunk, SentEnd } from '../../../server/index.ts';

/** One call. Places are relative to how many chunks there are. */
type Step =
  | { do: 'append'; shift: number; chunks: (number | 'reset')[]; ends: boolean }
  | { do: 'stop'; reason: string }
  | { do: 'read'; back: number; most: number }
  | { do: 'open'; again: boolean }
  | { do: 'settle' }
  | { do: 'late' };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        shift: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: -4, max: 2 })),
        chunks: fc.array(
          fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 1, max: 3 }) }, fc.constant('reset' as const)),
          {
            maxLength: 4,
          },
        ),
        ends: fc.oneof({ weight: 2, arbitrary: fc.constant(false) }, fc.constant(true)),
      }),
    },
    fc.record({ do: fc.constant('stop' as const), reason: fc.constantFrom('stopped', '', 'a\0\\"é') }),
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('read' as const),
        back: fc.integer({ min: -1, max: 9 }),
        most: fc.integer({ min: 1, max: 6 }),
      }),
    },
    fc.record({ do: fc.constant('open' as const), again: fc.boolean() }),
    fc.constant({ do: 'settle' as const }),
    fc.constant({ do: 'late' as const }),
  ),
  { maxLength: 30 },
);

const end: SentEnd = { outcome: 'completed', warnings: ['é'] };

/** A log, and whoever owns the stream in it. */
class Side {
  readonly #log: ChunkLog;
  readonly #key: StreamKey;
  #held: StreamLease | undefined;
  #before: StreamLease | undefined;

  constructor(log: ChunkLog, key: StreamKey) {
    this.#log = log;
    this.#key = key;
  }

  /** Makes a call, and says what came of it without times and tokens. */
  async make(step: Step, next: number): Promise<unknown> {
    try {
      return await this.#make(step, next);
    } catch (error) {
      if (error instanceof SluiceError) return error.code;
      throw error;
    }
  }

  async #make(step: Step, next: number): Promise<unknown> {
    const log = this.#log;
    switch (step.do) {
      case 'append': {
        if (this.#held === undefined) return undefined;
        const from = Math.max(0, next + step.shift);
        const chunks = step.chunks.map((what, at) => chunkOf(what, from + at));
        return answerOf(await log.append(this.#held, from, chunks, step.ends && next > 3 ? end : undefined));
      }
      case 'late':
        return this.#before === undefined ? undefined : answerOf(await log.append(this.#before, next, []));
      case 'stop':
        return log.stop(this.#key, step.reason);
      case 'read': {
        const after = Math.max(0, next - step.back);
        const page = await log.read(this.#key, { after, most: step.most });
        if (page === undefined) return undefined;
        const { start, entries, first, next: count, resets, takeovers, stop, end: is } = page;
        const froms = entries.map(({ from }) => from);
        const chunks = entries.flatMap((entry) => entry.chunks);
        return { start, froms, chunks, first, count, resets, takeovers, stop, is };
      }
      case 'open': {
        const options = { leaseMs: 60_000, takeOver: true, again: step.again };
        const opened = await log.open(this.#key, { turnId: 'turn', request: { a: [1, 'é'] } }, options);
        if (opened.as !== 'owner') return opened;
        this.#before = this.#held;
        this.#held = opened.held;
        return [opened.next, opened.takeovers, opened.stop];
      }
      case 'settle':
        return log.settle(this.#key, end, { graceMs: 0 });
    }
  }
}

/**
 * Makes the same random calls on a log and on one in memory, whose answers must be the same. A run that fails prints its seed.
 */
export async function sameAsInMemory(log: ChunkLog, numRuns: number): Promise<void> {
  const owner = `compare-${crypto.randomUUID()}`;
  let runs = 0;
  const check = async (given: Step[]): Promise<void> => {
    const memory = memoryLog();
    const key = { owner, id: `turn ${runs++}` };
    const [model, real] = [new Side(memory, key), new Side(log, key)];
    for (const step of [{ do: 'open' as const, again: false }, ...given]) {
      const next = (await memory.read(key, { after: 0 }))?.next ?? 0;
      const expected = await model.make(step, next);
      expect(await real.make(step, next), JSON.stringify(step)).toEqual(expected);
    }
    await memory.close();
  };
  await fc.assert(fc.asyncProperty(steps, check), { numRuns });
  await log.forget(owner);
}

function chunkOf(what: number | 'reset', index: number): SentChunk {
  if (what !== 'reset') return { type: 'content', content: `${index} `, call: what, index };
  return { type: 'reset', from: 1, calls: [1, (index % 2) + 1], reason: 'anew', call: 3, index };
}

function answerOf({ next, stop }: { next: number; stop?: string }): unknown {
  return [next, stop];
}
