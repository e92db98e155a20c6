import type { ScenarioId } from './client/scenario.ts';
import { scenario } from './client/scenarios.ts';
import { contestant } from './contestants/list.ts';
import type { ContestantId } from './contestants/list.ts';
import { interleave } from './harness/rounds.ts';
import type { Side, Turns } from './harness/rounds.ts';
import type { Growth } from './in-memory/growth.ts';
import type { IdleTools } from './in-memory/idle-tools.ts';
import type { ByRead } from './in-memory/kinds.ts';
import type { Lengths } from './in-memory/lengths/kinds.ts';
import { IN_MEMORY } from './in-memory/tool-turns.ts';
import type { MemoryTask } from './in-memory/worker.ts';
import { plan } from './plan.ts';
import type { Size } from './plan.ts';
import type { Measured } from './report/ratios.ts';

const KINDS = ['none', 'fused', 'generator', 'loop'] as const;

/** Measures everything that belongs to a size. Reports its progress on standard error. */
export async function measure(size: Size, runs: number, origin: string): Promise<Measured> {
  const scenarios: Measured['scenarios'] = new Map();
  for (const [name, ids] of Object.entries(plan[size])) {
    const id = name as ScenarioId;
    const sides = ids.map((one) => clientSide(one, id, origin));
    scenarios.set(id, await timed(id, () => interleave<number>(sides, turnsOf(id, size, runs))));
  }
  const inMemory: Turns = { runs, processes: 'kept' };
  const executions = await timed('executions in memory', () =>
    interleave<number>(
      (['sluice', 'ai-sdk'] as const).map((who) => memorySide({ what: 'execution', who })),
      inMemory,
    ),
  );
  const toolTurns = await timed('turns with a tool in memory', () =>
    interleave<number>(
      IN_MEMORY.map((who) => memorySide({ what: 'tool turn', who })),
      inMemory,
    ),
  );
  const layers = await timed('layers', () =>
    interleave<ByRead>(
      KINDS.map((what) => memorySide({ what })),
      inMemory,
    ),
  );
  const growth = await timed('growth', () => interleave<Growth>([memorySide({ what: 'growth' })], inMemory));
  const idle = await timed('idle tools', () =>
    interleave<IdleTools>([memorySide({ what: 'idle tools' })], inMemory),
  );
  const lengths = await timed('lengths', () =>
    interleave<Lengths>([memorySide({ what: 'lengths' })], inMemory),
  );
  return {
    scenarios,
    executions,
    toolTurns,
    layers,
    idleTools: idle.get('idle tools') ?? [],
    growth: growth.get('growth') ?? [],
    lengths: lengths.get('lengths') ?? [],
  };
}

function turnsOf(id: ScenarioId, size: Size, runs: number): Turns {
  const { once = false } = scenario(id);
  if (!once) return { runs, processes: 'kept' };
  // Unlike time, memory is not affected by other processes.
  return { runs, processes: size === 'quick' ? 'abreast' : 'each' };
}

function clientSide(id: ContestantId, name: ScenarioId, origin: string): Side {
  const { label } = contestant(id);
  return { id, label, module: 'client/worker.ts', task: { contestant: id, scenario: name, origin } };
}

function memorySide(task: MemoryTask): Side {
  const id = 'who' in task ? task.who : task.what;
  return { id, label: `${task.what} of ${id}`, module: 'in-memory/worker.ts', task };
}

async function timed<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  const started = performance.now();
  const result = await work();
  console.error(`${what}: ${((performance.now() - started) / 1_000).toFixed(1)} s`);
  return result;
}
