/**
 * Steps of a turn beside appends, on every store: `node bench/sessions/steps.ts [rounds]`. All calls are made in turn, in one process, and each has one
 * message of the same size. The figures are medians of single calls in microseconds.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { installLibrary } from '../harness/set-up.ts';
import { median } from '../harness/statistics.ts';
import type { Places } from './places.ts';
import type { Lease, Message, StateStore, Step, ToolResultPart } from 'sluice';

const [, , count = '400', given] = process.argv;
const rounds = Number(count);
/** How many steps a turn has before it is closed. */
const TURN = 10;
const WARM_UP = 50;

if (given === undefined) installLibrary();
// Imported now, because their imports were only just installed.
const { openPlaces } = await import('./places.ts');
const { openBackend, stores } = await import('./stores.ts');
const { sqliteStore } = await import('sluice/stores/sqlite');

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

async function measure(store: StateStore): Promise<Record<string, number>> {
  const [appends, ends, steps, more] = [1, 2, 3, 4].map(() => new Session(store)) as [
    Session,
    Session,
    Session,
    Session,
  ];
  for (const session of [steps, more]) await session.append(reply, false);
  const calls: Record<string, () => Promise<void>> = {
    'append of a reply': () => appends.append(reply, false),
    'append of results': () => appends.append(results, false),
    'append of a reply with end': () => ends.append(reply, true),
    'reply step': () => steps.record([replyStep], false),
    'reply step with money': () => more.record([replyStep], true),
    'result step': () => steps.record([resultStep], false),
    'five results at once': () =>
      more.record(
        Array.from({ length: 5 }, () => resultStep),
        false,
      ),
  };
  const times = new Map<string, number[]>(Object.keys(calls).map((name) => [name, []]));
  for (let round = -WARM_UP; round < rounds; round++) {
    const order = Object.entries(calls);
    // Each call comes first equally often.
    const shifted = [...order.slice(round % order.length), ...order.slice(0, round % order.length)];
    for (const [name, run] of shifted) {
      const started = performance.now();
      await run();
      if (round >= 0) times.get(name)?.push((performance.now() - started) * 1_000);
    }
    for (const session of [steps, more]) await session.tidy();
  }
  return Object.fromEntries([...times].map(([name, list]) => [name, median(list)]));
}

async function report(label: string, store: StateStore): Promise<void> {
  const found = await measure(store);
  const [append = 0, ended = 0] = [found['append of a reply'], found['append of a reply with end']];
  console.log(label);
  for (const [name, us] of Object.entries(found)) {
    const beside = name.includes('money') ? ended : append;
    console.log(`  ${name.padEnd(28)} ${us.toFixed(0).padStart(6)} µs  ${(us / beside).toFixed(2)}`);
  }
  await store.close();
}

/** Measures all stores whose places are there. The clients stay open, so this is done in a process of its own. */
async function measureAll(places: Places): Promise<void> {
  for (const { id, label, full = false, needs } of stores) {
    if (full || (needs !== undefined && places[needs] === undefined)) continue;
    const { store, beforehand } = await openBackend(id, places);
    if (beforehand !== undefined) await report(`${label}, without the wait for the disk`, beforehand);
    if (id === 'sqlite') await report('SQLite in memory', sqliteStore({ path: ':memory:' }));
    await report(label, store);
  }
  process.exit();
}

if (given === undefined) {
  await using opened = await openPlaces();
  const parameters = [fileURLToPath(import.meta.url), String(rounds), JSON.stringify(opened.places)];
  execFileSync(process.execPath, parameters, { stdio: 'inherit' });
} else {
  await measureAll(JSON.parse(given) as Places);
}
