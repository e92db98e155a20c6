import { median } from '../harness/statistics.ts';
import type { Size } from '../plan.ts';
import type { Places } from './places.ts';
import { openBackend } from './stores.ts';
import type { StoreId } from './stores.ts';
import type { Lease, Message, StateStore, Step, ToolResultPart } from 'sluice';

/** The calls that are compared. Each has one message of the same size, or five. */
export const STEP_CALLS = [
  'append of a reply',
  'append of results',
  'append of a reply with end',
  'reply step',
  'reply step with money',
  'result step',
  'five results at once',
] as const;

/** Microseconds for each call, p50. */
export type StepCosts = Record<(typeof STEP_CALLS)[number], number>;

/** How often each call is made in a run. */
export const ROUNDS: Record<Size, number> = { quick: 60, full: 300 };
/** How many steps a turn has before it is closed. */
const TURN = 10;
const WARM_UP = 50;

const text = 'It is 21 degrees and sunny. '.repeat(20);
const call = {
  type: 'tool_call' as const,
  id: 'c0123456789_0_0',
  name: 'weather',
  arguments: { city: 'Oslo' },
};
const reply: Message = { role: 'assistant', content: [{ type: 'text', text }, call] };
const part: ToolResultPart = { type: 'tool_result', id: call.id, name: call.name, content: text };
const results: Message = { role: 'tool', content: [part] };
const usage = {
  ...{ inputTokens: 900, outputTokens: 100, totalTokens: 1_000 },
  ...{ cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 },
};
const spent = { usage, cost: { status: 'exact' as const, totalUsd: 0.01 } };
const end = { outcome: 'completed' as const, ...spent };
const replyStep: Step = {
  kind: 'reply',
  round: 0,
  message: reply,
  reply: { finishReason: 'tool_calls' },
  starts: [call.id],
};
const resultStep: Step = { kind: 'result', callId: call.id, content: text, isError: false, outcome: 'done' };

/** A session whose turn goes on from call to call. */
class Session {
  readonly #store: StateStore;
  readonly #key = { owner: 'bench', id: crypto.randomUUID() };
  #lease: Lease | undefined;
  #version = 0;
  #turn = 0;
  #steps = 0;

  constructor(store: StateStore) {
    this.#store = store;
  }

  async append(message: Message, ended: boolean): Promise<void> {
    const lease = await this.leased();
    this.#version = await this.#store.append(this.#key, [{ message }], {
      expectedVersion: this.#version,
      turnId: crypto.randomUUID(),
      lease,
      ...(ended && { end }),
    });
  }

  async record(steps: readonly Step[], paid: boolean): Promise<void> {
    const lease = await this.leased();
    const options = { from: this.#steps, lease, ...(paid && { spent }) };
    await this.#store.record(this.#key, `turn ${this.#turn}`, steps, options);
    this.#steps += steps.length;
  }

  /** Not measured: the turn is closed, and the next one begun. */
  async tidy(): Promise<void> {
    if (this.#steps < TURN) return;
    this.#version = await this.#store.append(this.#key, [], {
      expectedVersion: this.#version,
      turnId: crypto.randomUUID(),
      lease: await this.leased(),
      closes: `turn ${this.#turn++}`,
      end,
      spent,
    });
    this.#steps = 0;
    await this.record([{ kind: 'started', callId: 'c' }], false);
  }

  /** A lease for the whole run: the calls alone are measured. */
  async leased(): Promise<Lease> {
    return (this.#lease ??= await this.#store.lease(this.#key, 3_600_000));
  }
}

/** Prepares steps and appends on a store. Returns a function that does one run, in which all calls take turns. */
export async function stepsOf(id: StoreId, places: Places, size: Size): Promise<() => Promise<StepCosts>> {
  const { store } = await openBackend(id, places);
  const appends = new Session(store);
  const ends = new Session(store);
  const steps = new Session(store);
  const more = new Session(store);
  for (const session of [steps, more]) await session.append(reply, false);
  const five = Array.from({ length: 5 }, () => resultStep);
  const calls: Record<keyof StepCosts, () => Promise<void>> = {
    'append of a reply': () => appends.append(reply, false),
    'append of results': () => appends.append(results, false),
    'append of a reply with end': () => ends.append(reply, true),
    'reply step': () => steps.record([replyStep], false),
    'reply step with money': () => more.record([replyStep], true),
    'result step': () => steps.record([resultStep], false),
    'five results at once': () => more.record(five, false),
  };
  const rounds = async (count: number): Promise<StepCosts> => {
    const times = new Map<string, number[]>(STEP_CALLS.map((name) => [name, []]));
    for (let round = 0; round < count; round++) {
      const at = round % STEP_CALLS.length;
      // Each call comes first equally often.
      for (const name of [...STEP_CALLS.slice(at), ...STEP_CALLS.slice(0, at)]) {
        const started = performance.now();
        await calls[name]();
        times.get(name)?.push((performance.now() - started) * 1_000);
      }
      for (const session of [steps, more]) await session.tidy();
    }
    const costs = STEP_CALLS.map((name): [string, number] => [name, median(times.get(name) ?? [])]);
    return Object.fromEntries(costs) as StepCosts;
  };
  await rounds(WARM_UP);
  return () => rounds(ROUNDS[size]);
}
