import type { ContestantId } from '../contestants/list.ts';
import type { ScenarioId } from '../client/scenario.ts';
import { median, medianRatio } from '../harness/statistics.ts';
import { LAYERS, PER_READ } from '../in-memory/kinds.ts';
import type { ByRead, Kind } from '../in-memory/kinds.ts';
import { TIMES_AS_LONG, lengthKinds } from '../in-memory/lengths/kinds.ts';
import type { ByLength, LengthKind, LengthWork, Lengths } from '../in-memory/lengths/kinds.ts';
import type { Growth } from '../in-memory/growth.ts';
import type { IdleTools } from '../in-memory/idle-tools.ts';

/** All results, by side and run. */
export interface Measured {
  scenarios: Map<ScenarioId, Map<string, number[]>>;
  executions: Map<string, number[]>;
  /** Turns of two calls and a tool. */
  toolTurns: Map<string, number[]>;
  idleTools: IdleTools[];
  /** Stacks with layers of each kind, and without any. */
  layers: Map<string, ByRead[]>;
  growth: Growth[];
  lengths: Lengths[];
}

/** A row of the table of ratios. */
export interface Ratio {
  key: string;
  work: string;
  beside: string;
  /** The goal. */
  atMost: number;
  /** How many decimals are shown. */
  decimals: number;
  value: (measured: Measured) => number;
}

const WORK: Record<ScenarioId, string> = {
  burst: 'A chunk in a burst',
  'burst-by-event': 'A chunk in a burst, one event per write',
  paced: 'A chunk at a pace',
  call: 'A call of one chunk',
  'tool-turn': 'A turn with a tool',
  memory: 'Memory of an open stream',
  'first-chunk': 'Time to the first chunk',
  held: 'Held streams',
};

/** The rows. A ratio is the median of the ratios of the runs. Smaller is better. */
export const ratios: readonly Ratio[] = [
  beside('burst_vs_openai', 'burst', 'openai-sdk', 'OpenAI SDK', 0.3),
  beside('burst_vs_floor', 'burst', 'floor', 'fetch + JSON.parse, by hand', 1.1),
  beside('burst_by_event_vs_floor', 'burst-by-event', 'floor', 'fetch + JSON.parse, by hand', 1.1),
  beside('burst_vs_langchain', 'burst', 'langchain', 'LangChain.js', 0.16),
  beside('burst_vs_ai_sdk', 'burst', 'ai-sdk', 'Vercel AI SDK', 0.08),
  beside('burst_vs_mastra', 'burst', 'mastra', 'Mastra', 0.11),
  beside('anthropic_burst_vs_sdk', 'burst', 'anthropic-sdk', 'Anthropic SDK', 0.7, 'sluice-anthropic'),
  beside('aisdk_burst_vs_model', 'burst', 'ai-sdk-model', 'its own `doStream()`', 1.15, 'sluice-aisdk'),
  beside('paced_vs_openai', 'paced', 'openai-sdk', 'OpenAI SDK', 0.45),
  beside('paced_vs_ai_sdk', 'paced', 'ai-sdk', 'Vercel AI SDK', 0.22),
  beside('paced_vs_langchain', 'paced', 'langchain', 'LangChain.js', 0.32),
  beside('call_vs_openai', 'call', 'openai-sdk', 'OpenAI SDK', 0.6),
  beside('tool_turn_vs_ai_sdk', 'tool-turn', 'ai-sdk', 'Vercel AI SDK', 0.15),
  beside('tool_turn_vs_langchain', 'tool-turn', 'langchain', 'LangChain.js', 0.25),
  beside('memory_vs_openai', 'memory', 'openai-sdk', 'OpenAI SDK', 0.62),
  layer('layer_fused_ns', 'One more middleware, a fused tap', 'fused', 8),
  layer('layer_generator_ns', 'One more middleware, a generator with `yield*`', 'generator', 120),
  idle('tools_idle_ns', 'ns per chunk', 8, 'nsPerChunk'),
  idle('tools_idle_us', 'µs per execution', 3, 'usPerExecution'),
  beside('ttfc_vs_openai', 'first-chunk', 'openai-sdk', 'OpenAI SDK', 0.95),
  {
    key: 'inmemory_vs_ai_sdk',
    work: 'An execution in memory',
    beside: 'Vercel AI SDK with its mock model',
    atMost: 0.1,
    decimals: 3,
    value: ({ executions }) => medianRatio(executions.get('sluice') ?? [], executions.get('ai-sdk') ?? []),
  },
  turnInMemory('inmemory_tool_turn_vs_ai_sdk', 'ai-sdk', 'Vercel AI SDK with its mock model', 0.15),
  turnInMemory('inmemory_tool_turn_vs_langchain', 'langchain', 'LangChain.js with a model in memory', 0.25),
  grown(
    'growth_chunks',
    'A chunk of an answer of 100,000',
    'a chunk of one of 1,000',
    1.1,
    'chunks100000',
    'chunks1000',
  ),
  grown(
    'growth_middleware',
    'A chunk through 40 middleware',
    'a chunk through 5',
    1.4,
    'middleware40',
    'middleware5',
  ),
  ...lengthKinds.map(lengthened),
];

/** A row that only the full bench has. */
export const heldRow: Ratio = {
  key: 'held_10000_rss_mb',
  work: 'Ten thousand held streams, peak RSS',
  beside: 'MB',
  atMost: 500,
  decimals: 0,
  value: ({ scenarios }) => median(scenarios.get('held')?.get('sluice') ?? []),
};

function beside(
  key: string,
  scenario: ScenarioId,
  other: ContestantId,
  label: string,
  atMost: number,
  mine: ContestantId = 'sluice',
): Ratio {
  return {
    key,
    work: mine === 'sluice' ? WORK[scenario] : `${WORK[scenario]}, Anthropic`,
    beside: label,
    atMost,
    decimals: 3,
    value({ scenarios }) {
      const sides = scenarios.get(scenario);
      return medianRatio(sides?.get(mine) ?? [], sides?.get(other) ?? []);
    },
  };
}

function turnInMemory(key: string, other: string, label: string, atMost: number): Ratio {
  const value = ({ toolTurns }: Measured): number =>
    medianRatio(toolTurns.get('sluice') ?? [], toolTurns.get(other) ?? []);
  return { key, work: 'A turn with a tool in memory', beside: label, atMost, decimals: 3, value };
}

/** What `tools()` adds. */
function idle(key: string, unit: string, atMost: number, what: keyof IdleTools): Ratio {
  const value = (measured: Measured): number => median(measured.idleTools.map((run) => run[what]));
  return { key, work: '`tools()`, no call', beside: unit, atMost, decimals: 1, value };
}

/** The cost of one layer in each run, in nanoseconds per chunk. */
export function layerCosts({ layers }: Measured, kind: Kind, perRead: keyof ByRead): number[] {
  const without = layers.get('none') ?? [];
  const stacks = layers.get(kind) ?? [];
  return stacks.map(
    (run, index) => (run[perRead] - (without[index]?.[perRead] ?? Number.NaN)) / LAYERS[kind],
  );
}

/** The cost with 1 or 16 chunks per read, whichever is higher. */
function layer(key: string, work: string, kind: Kind, atMost: number): Ratio {
  return {
    key,
    work,
    beside: 'ns per chunk',
    atMost,
    decimals: 1,
    value: (measured) => Math.max(...PER_READ.map((perRead) => median(layerCosts(measured, kind, perRead)))),
  };
}

type GrowthKey = 'chunks1000' | 'chunks100000' | 'middleware5' | 'middleware40';

function grown(
  key: string,
  work: string,
  label: string,
  atMost: number,
  large: GrowthKey,
  small: GrowthKey,
): Ratio {
  const value = ({ growth }: Measured): number =>
    medianRatio(
      growth.map((run) => run[large]),
      growth.map((run) => run[small]),
    );
  return { key, work, beside: label, atMost, decimals: 3, value };
}

/** The cost of a character or message at two lengths. */
function lengthened({ id, label, unit, short }: LengthKind): Ratio {
  return {
    key: `growth_${id}`,
    work: `A ${unit} of ${(short * TIMES_AS_LONG).toLocaleString('en')}: ${label}`,
    beside: `of ${short.toLocaleString('en')}`,
    atMost: 1.2,
    decimals: 3,
    value: (measured) => medianRatio(lengthCosts(measured, id, 'long'), lengthCosts(measured, id, 'short')),
  };
}

/** The cost of one character or message in each run, in nanoseconds. */
export function lengthCosts({ lengths }: Measured, id: LengthWork, length: keyof ByLength): number[] {
  return lengths.map((run) => run[id]?.[length] ?? Number.NaN);
}

/** The values by key, for programs. */
export function asObject(rows: readonly Ratio[], measured: Measured): Record<string, number> {
  return Object.fromEntries(
    rows.map(({ key, value, decimals }) => {
      const number = value(measured);
      if (!Number.isFinite(number)) throw new Error(`${key} was not measured.`);
      return [key, Number(number.toFixed(decimals))];
    }),
  );
}
