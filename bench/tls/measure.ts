import type { ScenarioId } from '../client/scenario.ts';
import { scenario } from '../client/scenarios.ts';
import type { Task } from '../client/prepare.ts';
import { interleave } from '../harness/rounds.ts';
import type { Side, Turns } from '../harness/rounds.ts';
import { startUpstream } from '../harness/upstream.ts';
import type { Size } from '../plan.ts';
import type { Use } from '../upstream/uses.ts';
import type { Certificate } from './certificate.ts';
import { entrant } from './entrants.ts';
import type { EntrantId } from './entrants.ts';
import { portsOf } from './first-chunks.ts';
import type { FirstChunks, FirstChunksTask } from './first-chunks.ts';
import { plan } from './plan.ts';
import type { TlsWork } from './plan.ts';
import type { Runtime } from './runtimes.ts';

/** The results on one Node.js, by entrant and run. */
export interface MeasuredOverTls {
  runtime: Runtime;
  scenarios: Map<ScenarioId, Map<string, number[]>>;
  firstChunks: Map<string, FirstChunks[]>;
  /** By kind of work and entrant. */
  uses: Map<ScenarioId, Map<EntrantId, Use>>;
}

/** What to measure. */
export interface Wanted {
  size: Size;
  runs: number;
  works: readonly TlsWork[];
}

/** Measures on one Node.js. Reports its progress on standard error. */
export async function measure(
  runtime: Runtime,
  { size, runs, works }: Wanted,
  certificate: Certificate,
): Promise<MeasuredOverTls> {
  const measured: MeasuredOverTls = {
    runtime,
    scenarios: new Map(),
    firstChunks: new Map(),
    uses: new Map(),
  };
  for (const work of works) {
    const ids = plan[size][work] ?? [];
    if (ids.length === 0) continue;
    const started = performance.now();
    if (work === 'first-chunks') measured.firstChunks = await firstChunks(runtime, ids, runs, certificate);
    else {
      // Even for memory, never several at once: handshakes would delay each other until clients give up.
      const turns: Turns = { runs, processes: scenario(work).once === true ? 'each' : 'kept' };
      const { results, uses } = await withUpstream(runtime, { work, ids, turns }, certificate);
      measured.scenarios.set(work, results);
      measured.uses.set(work, uses);
    }
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    console.error(`${runtime.label}, ${work}: ${seconds} s`);
  }
  return measured;
}

/**
 * How many streams are opened at a time. A handshake takes milliseconds of both processes, and clients give up after ten seconds of waiting for
 * one. Each of the held streams waits for some seconds for its first piece, so that more of them are opened.
 */
const OPEN_AT_ONCE: Partial<Record<ScenarioId, number>> = { memory: 100, held: 1_000 };

/** One kind of work of the bench without TLS. */
interface Job {
  work: ScenarioId;
  ids: readonly EntrantId[];
  turns: Turns;
}

async function withUpstream(
  runtime: Runtime,
  { work, ids, turns }: Job,
  { tls, env }: Certificate,
): Promise<{ results: Map<string, number[]>; uses: Map<EntrantId, Use> }> {
  const upstream = await startUpstream({ ports: 1, tls });
  try {
    const sides = ids.map((id): Side => {
      // The upstream notes what each of them uses by the first part of the path.
      const task: Task = {
        contestant: entrant(id).contestant,
        scenario: work,
        origin: `${upstream.origins[0]}/${id}`,
        openAtOnce: OPEN_AT_ONCE[work],
      };
      return { ...sideOf(runtime, id, env), module: 'client/worker.ts', task };
    });
    const results = await interleave<number>(sides, turns);
    const noted = await upstream.uses();
    const uses = new Map<EntrantId, Use>();
    for (const id of ids) {
      const use = noted[id];
      if (use === undefined) throw new Error(`No call of ${entrant(id).label} has arrived.`);
      uses.set(id, use);
    }
    return { results, uses };
  } finally {
    upstream.close();
  }
}

/** How long the upstream keeps idle connections of ports that are not used again. */
const KEEP_UNUSED_MS = 15_000;

async function firstChunks(
  runtime: Runtime,
  ids: readonly EntrantId[],
  runs: number,
  { tls, env }: Certificate,
): Promise<Map<string, FirstChunks[]>> {
  const upstream = await startUpstream({ ports: portsOf(runs), tls, keepAliveMs: KEEP_UNUSED_MS });
  try {
    const sides = ids.map((id): Side => {
      const task: FirstChunksTask = { contestant: entrant(id).contestant, origins: upstream.origins };
      return { ...sideOf(runtime, id, env), module: 'tls/worker.ts', task };
    });
    return await interleave<FirstChunks>(sides, { runs, processes: 'kept' });
  } finally {
    upstream.close();
  }
}

function sideOf(
  runtime: Runtime,
  id: EntrantId,
  trusting: Readonly<Record<string, string>>,
): Pick<Side, 'id' | 'label' | 'node' | 'env'> {
  const { label, env } = entrant(id);
  return { id, label, node: runtime.path, env: { ...trusting, ...env } };
}
