import type { ScenarioId } from '../client/scenario.ts';
import { median, medianRatio } from '../harness/statistics.ts';
import { entrant } from './entrants.ts';
import type { EntrantId } from './entrants.ts';
import { CALLS_AT_ONCE } from './first-chunks.ts';
import type { CallsAtOnce, FirstChunk, State } from './first-chunks.ts';
import type { MeasuredOverTls } from './measure.ts';

/** A row of the table of ratios of one Node.js. */
export interface Goal {
  key: string;
  work: string;
  beside: string;
  atMost: number;
  decimals: number;
  /** Undefined if it was not measured. */
  value: number | undefined;
}

/** With what the first chunks are compared, as in the keys. */
const OTHERS = { 'openai-sdk': 'openai', 'sluice-http1': 'http1' } as const;
type Other = keyof typeof OTHERS;

export const STATES: readonly State[] = ['cold', 'warm'];

/** From this version on, Node's `fetch` speaks HTTP/2, and with it most of the others. */
const FETCH_SPEAKS_HTTP2 = 26;

/** The rows of what was measured on one Node.js. Smaller is better. */
export function goalsOf(measured: MeasuredOverTls): Goal[] {
  const { runtime, scenarios, firstChunks } = measured;
  const newer = runtime.major >= FETCH_SPEAKS_HTTP2;

  function beside(
    key: string,
    work: string,
    scenario: ScenarioId,
    [id, atMost]: [id: EntrantId, atMost: number],
  ): Goal {
    const sides = scenarios.get(scenario);
    const value = ratio(sides?.get('sluice'), sides?.get(id));
    return { key: `${runtime.id}_${key}`, work, beside: entrant(id).label, atMost, decimals: 3, value };
  }

  function firstChunk(state: State, calls: CallsAtOnce, point: keyof FirstChunk, other: Other): Goal {
    const times = (id: EntrantId): number[] | undefined =>
      firstChunks.get(id)?.map((run) => run[`${state} ${calls}`][point]);
    return {
      key: `${runtime.id}_first_chunk_${state}_${calls}_${point}_vs_${OTHERS[other]}`,
      work: `Time to the first chunk, ${point}, ${callsIn(state, calls)}`,
      beside: entrant(other).label,
      atMost: 1,
      decimals: 3,
      value: ratio(times('sluice'), times(other)),
    };
  }

  const held = scenarios.get('held')?.get('sluice');
  return [
    beside('paced_vs_openai', 'A chunk at a pace', 'paced', ['openai-sdk', newer ? 0.46 : 0.36]),
    beside('paced_vs_ai_sdk', 'A chunk at a pace', 'paced', ['ai-sdk', newer ? 0.33 : 0.2]),
    beside('burst_vs_http1', 'A chunk in a burst', 'burst', ['sluice-http1', 1]),
    beside('burst_by_event_vs_http1', 'A chunk in a burst, one event per write', 'burst-by-event', [
      'sluice-http1',
      1,
    ]),
    beside('call_vs_openai', 'A call of one chunk', 'call', ['openai-sdk', 0.4]),
    beside('memory_vs_openai', 'Memory of an open stream', 'memory', ['openai-sdk', 0.35]),
    ...STATES.flatMap((state) =>
      CALLS_AT_ONCE.flatMap((calls) => [
        firstChunk(state, calls, 'p50', 'openai-sdk'),
        firstChunk(state, calls, 'p50', 'sluice-http1'),
        // A p99 of few calls is only their slowest one.
        ...(calls === 1 ? [] : [firstChunk(state, calls, 'p99', 'sluice-http1')]),
      ]),
    ),
    {
      key: `${runtime.id}_held_10000_rss_mb`,
      work: 'Ten thousand held streams, peak RSS',
      beside: 'MB',
      atMost: 400,
      decimals: 0,
      value: held === undefined ? undefined : median(held),
    },
  ];
}

/** `16 calls at once, cold`. */
function callsIn(state: State, calls: CallsAtOnce): string {
  return `${calls === 1 ? 'one call' : `${calls} calls at once`}, ${state}`;
}

function ratio(
  mine: readonly number[] | undefined,
  theirs: readonly number[] | undefined,
): number | undefined {
  return mine === undefined || theirs === undefined ? undefined : medianRatio(mine, theirs);
}
