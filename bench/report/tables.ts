import { contestant, contestants } from '../contestants/list.ts';
import type { ContestantId } from '../contestants/list.ts';
import type { Scenario, ScenarioId } from '../client/scenario.ts';
import { scenario } from '../client/scenarios.ts';
import { median } from '../harness/statistics.ts';
import type { Growth } from '../in-memory/growth.ts';
import { TIMES_AS_LONG, lengthKinds } from '../in-memory/lengths/kinds.ts';
import { PER_READ } from '../in-memory/kinds.ts';
import { IN_MEMORY } from '../in-memory/tool-turns.ts';
import type { Kind } from '../in-memory/kinds.ts';
import { layerCosts, lengthCosts } from './ratios.ts';
import type { Measured } from './ratios.ts';

/** The results of one kind of work. */
export interface Table {
  title: string;
  unit: string;
  how: string;
  rows: { label: string; runs: readonly number[] }[];
}

/** All tables, in order. */
export function tablesOf(measured: Measured): Table[] {
  const tables = [...measured.scenarios].map(([id, sides]) => scenarioTable(scenario(id), sides));
  return [
    ...tables,
    executionTable(measured),
    toolTurnTable(measured),
    layerTable(measured),
    idleTable(measured),
    growthTable(measured),
    lengthTable(measured),
  ];
}

function scenarioTable({ title, unit, how }: Scenario, sides: Map<string, number[]>): Table {
  const known = contestants.filter(({ id }) => sides.has(id));
  return { title, unit, how, rows: known.map(({ id }) => ({ label: label(id), runs: sides.get(id) ?? [] })) };
}

function label(id: ContestantId): string {
  return contestant(id).label;
}

function executionTable({ executions }: Measured): Table {
  const rows = [
    { label: 'Sluice, five middleware, scripted provider', runs: executions.get('sluice') ?? [] },
    { label: 'Vercel AI SDK, its mock model', runs: executions.get('ai-sdk') ?? [] },
  ];
  return {
    title: 'An execution in memory',
    unit: 'µs CPU',
    how: 'answers of 20 chunks, one execution after the other, no network',
    rows,
  };
}

function toolTurnTable({ toolTurns }: Measured): Table {
  const labels: Record<(typeof IN_MEMORY)[number], string> = {
    sluice: 'Sluice, five middleware and `tools()`',
    'ai-sdk': 'Vercel AI SDK, `streamText()` with `tools`, its mock model',
    langchain: 'LangChain.js, `createAgent()`, a model in memory',
    mastra: 'Mastra, the mock model of the AI SDK',
  };
  return {
    title: 'A turn with a tool in memory',
    unit: 'µs CPU',
    how: 'a call that asks for a tool in six pieces of its arguments, the tool with a schema of zod, and a call that answers in 20 pieces; each model gives one chunk at a time, of new objects; one turn after the other, no network',
    rows: IN_MEMORY.map((who) => ({ label: labels[who], runs: toolTurns.get(who) ?? [] })),
  };
}

function idleTable({ idleTools }: Measured): Table {
  return {
    title: '`tools()` without a call',
    unit: 'CPU',
    how: 'the difference between a pipeline of nothing but it and a provider in memory and one without it, which take turns; it keeps the text of a reply, for a call that may follow',
    rows: [
      { label: 'a chunk, 16 per read, ns', runs: idleTools.map((run) => run.nsPerChunk) },
      { label: 'a chunk, one per read, ns', runs: idleTools.map((run) => run.nsPerChunkOneByOne) },
      {
        label: 'a fused tap that counts characters in its place, 16 chunks per read, ns',
        runs: idleTools.map((run) => run.tapNsPerChunk),
      },
      { label: 'an execution of one chunk, µs', runs: idleTools.map((run) => run.usPerExecution) },
    ],
  };
}

const KINDS: Record<Kind, string> = {
  fused: 'fused tap',
  generator: 'generator, `yield*`',
  loop: 'generator, `for await ... yield`',
};

function layerTable(measured: Measured): Table {
  const kinds = (Object.keys(KINDS) as Kind[]).filter((kind) => measured.layers.has(kind));
  const rows = kinds.flatMap((kind) =>
    PER_READ.map((perRead) => ({
      label: `${KINDS[kind]}, ${perRead === 1 ? 'one chunk' : `${perRead} chunks`} per read`,
      runs: layerCosts(measured, kind, perRead),
    })),
  );
  const how =
    'the difference between a stack with 40 (taps) or 10 (generators) pass-through middleware and one without, divided by their number, with a provider in memory';
  return { title: 'One more middleware', unit: 'ns CPU per chunk', how, rows };
}

const GROWTH: Record<keyof Growth, [label: string, unit: string]> = {
  chunks1000: ['five middleware, answers of 1,000 chunks', 'ns per chunk'],
  chunks100000: ['five middleware, answers of 100,000 chunks', 'ns per chunk'],
  middleware5: ['5 middleware that look at each chunk', 'ns per chunk'],
  middleware40: ['40 middleware that look at each chunk', 'ns per chunk'],
  passing40: ['5 that look at each chunk and 35 that do not', 'ns per chunk'],
  history10: ['five middleware, 20 chunks, after 10 messages', 'µs per execution'],
  history1000: ['five middleware, 20 chunks, after 1,000 messages', 'µs per execution'],
};

function growthTable({ growth }: Measured): Table {
  const rows = (Object.keys(GROWTH) as (keyof Growth)[]).map((key) => ({
    label: GROWTH[key].join(', '),
    runs: growth.map((run) => run[key]),
  }));
  const how =
    'with a provider in memory; 16 chunks per read for answers of 1,000 and 100,000 chunks, one for the others';
  return { title: 'Growth', unit: 'CPU', how, rows };
}

function lengthTable(measured: Measured): Table {
  const rows = lengthKinds.flatMap(({ id, label, unit, short }) =>
    (['short', 'long'] as const).map((length) => {
      const count = length === 'short' ? short : short * TIMES_AS_LONG;
      return {
        label: `${label}, ${count.toLocaleString('en')} ${unit}s`,
        runs: lengthCosts(measured, id, length),
      };
    }),
  );
  const how =
    'the same number of characters or messages in a hundred short answers and in one long one, with providers in memory';
  return { title: 'Growth with the length', unit: 'ns CPU per character or message', how, rows };
}

/** Formats a number, with fewer decimals if it is large. */
export function digits(value: number): string {
  const size = Math.abs(value);
  return value.toLocaleString('en', { maximumFractionDigits: size < 10 ? 2 : size < 100 ? 1 : 0 });
}

/** Writes a table as Markdown, with the median, minimum and maximum of each row. */
export function markdownOf({ title, unit, how, rows }: Table): string {
  const lines = rows.map(({ label, runs }) =>
    cells(label, digits(median(runs)), digits(Math.min(...runs)), digits(Math.max(...runs))),
  );
  return [
    `## ${title}, ${unit}`,
    '',
    `${how[0]?.toUpperCase() ?? ''}${how.slice(1)}.`,
    '',
    cells('', 'median', 'min', 'max'),
    '| --- | ---: | ---: | ---: |',
    ...lines,
    '',
  ].join('\n');
}

/** One row of a Markdown table. */
export function cells(...texts: string[]): string {
  return `| ${texts.join(' | ')} |`;
}

/** The tables that the chart shows: those with several contestants. */
export function pictured(measured: Measured): Table[] {
  const shown: ScenarioId[] = [
    'burst',
    'burst-by-event',
    'paced',
    'call',
    'tool-turn',
    'memory',
    'first-chunk',
  ];
  return shown.flatMap((id) => {
    const sides = measured.scenarios.get(id);
    return sides === undefined ? [] : [scenarioTable(scenario(id), sides)];
  });
}
