import { MemoryStore, Pipeline, SluiceError } from 'sluice';
import type { StateStore } from 'sluice';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { ForwardingStore } from '../../support/forwarding-store.ts';
import { calling, play, resultsIn } from './stage.ts';

test('a huge result is cut for the chunk, the messages and the model', async () => {
  const huge = tool({
    name: 'huge',
    description: 'Gives five million characters',
    input: z.object({}),
    execute: () => 'x'.repeat(5_000_000),
  });
  const { chunks, sent, result } = await play(tools([huge]), [calling(['huge', {}]), 'Ok.']);
  const lengths = [
    chunks.find((chunk) => chunk.type === 'tool_result')?.content.length,
    resultsIn(sent[1])[0]?.length,
    JSON.stringify(result?.messages).length,
  ];
  for (const length of lengths) {
    expect(length).toBeGreaterThan(100_000);
    expect(length).toBeLessThan(101_000);
  }
});

test.each<[string, unknown]>([
  ['a promise in a property', { later: Promise.resolve(1) }],
  ['a symbol', Symbol('x')],
  ['a hundred thousand levels', nested(100_000)],
  ['an invalid Date', new Date(Number.NaN)],
  [
    'a proxy that throws',
    new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no keys');
        },
      },
    ),
  ],
])(
  'a result that cannot be stored, %s, is an error for the model, and the turn goes on',
  async (_name, returned) => {
    const odd = tool({ name: 'odd', description: 'Odd', input: z.object({}), execute: () => returned });
    const { sent, result } = await play(tools([odd]), [calling(['odd', {}]), 'Ok.']);
    expect(resultsIn(sent[1])[0]).toMatch(/^error 0_0 The tool returned what cannot be sent: /);
    expect(result?.response.content).toBe('Ok.');
  },
);

function nested(levels: number): unknown {
  let value: unknown = 'inside';
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

/** Fails once, at one of its records: before it stores it, or after. */
class FailingStore extends ForwardingStore {
  readonly #at: number;
  readonly #isStored: boolean;
  #records = 0;

  constructor(store: StateStore, at: number, isStored: boolean) {
    super(store);
    this.#at = at;
    this.#isStored = isStored;
  }

  override async record(...call: Parameters<StateStore['record']>): Promise<number> {
    const fails = this.#records++ === this.#at;
    if (fails && !this.#isStored) throw new SluiceError('store', 'The disk is full.', { retryable: false });
    const version = await super.record(...call);
    if (fails) throw new SluiceError('store', 'The answer was lost.', { retryable: false });
    return version;
  }
}

const UNKNOWN = expect.stringContaining('It may have taken effect.');

describe('a store that fails between two steps', () => {
  // The records of two rounds: a reply, its result, a reply, its result.
  test.each<[record: number, isStored: boolean, ran: number, told: unknown[]]>([
    [0, false, 0, ['ok 0_0 run 1', 'ok 1_0 run 2']],
    [0, true, 0, [UNKNOWN, 'ok 1_0 run 1']],
    [1, false, 1, [UNKNOWN, 'ok 1_0 run 2']],
    [1, true, 1, ['ok 0_0 run 1', 'ok 1_0 run 2']],
    [2, false, 1, ['ok 0_0 run 1', 'ok 1_0 run 2']],
    [2, true, 1, ['ok 0_0 run 1', UNKNOWN]],
    [3, false, 2, ['ok 0_0 run 1', UNKNOWN]],
    [3, true, 2, ['ok 0_0 run 1', 'ok 1_0 run 2']],
  ])(
    'record %d, stored: %s: nothing follows it, and the turn goes on without a second run of a call',
    async (record, isStored, ran, told) => {
      const store = new MemoryStore();
      const runs: string[] = [];
      const count = tool({
        name: 'count',
        description: 'Counts',
        input: z.object({}),
        onUnknownOutcome: 'fail',
        execute: (_input, { callId }) => `run ${runs.push(callId)}`,
      });
      const rounds: ScriptedAnswer[] = [calling(['count', {}]), calling(['count', {}]), 'Done.'];
      const run = async (over: StateStore, answers: ScriptedAnswer[]) => {
        const model = scripted(answers);
        const pipeline = new Pipeline([tools([count]), provider(model)], { store: over });
        const ended: unknown = await pipeline
          .executeWithContext('s', 'user', 'Go on.', { turnId: 't' })
          .catch((error: unknown) => error);
        return { ended, model };
      };
      const first = await run(new FailingStore(store, record, isStored), rounds);
      expect(first.ended).toMatchObject({ code: 'store' });
      expect([runs.length, first.model.calls.length]).toEqual([ran, record < 2 ? 1 : 2]);
      // Replies that are stored are not asked for again.
      const known = record > 2 || (record === 2 && isStored) ? 2 : record > 0 || isStored ? 1 : 0;
      const second = await run(store, rounds.slice(known));
      expect(second.ended).toMatchObject({ outcome: 'completed' });
      expect(resultsIn(second.model.requests.at(-1)?.messages)).toEqual(told);
      expect(new Set(runs).size).toBe(runs.length);
      const stored = await store.load('s');
      expect([stored?.open, stored?.messages.map(({ role }) => role)]).toEqual([
        undefined,
        ['user', 'assistant', 'tool', 'assistant', 'tool', 'assistant'],
      ]);
    },
  );

  test('a queued call does not start if its start could not be recorded', async () => {
    const store = new FailingStore(new MemoryStore(), 1, false);
    const runs: number[] = [];
    const count = tool({
      name: 'count',
      description: 'Counts',
      input: z.object({ n: z.number() }),
      execute: ({ n }) => void runs.push(n),
    });
    const model = scripted([calling(['count', { n: 1 }], ['count', { n: 2 }])]);
    const pipeline = new Pipeline([tools([count], { maxParallel: 1 }), provider(model)], { store });
    await expect(pipeline.executeWithContext('s', 'user', 'Go on.')).rejects.toMatchObject({ code: 'store' });
    expect(runs).toEqual([1]);
  });
});
