import { medianRatio, median } from '../harness/statistics.ts';
import { versionOf } from '../harness/set-up.ts';
import { cells, digits, markdownOf } from '../report/tables.ts';
import type { Size } from '../plan.ts';
import { WINDOW } from './conversation.ts';
import type { RecordedTurn } from './conversation.ts';
import { GROWTH_MS, LENGTHS } from './growth.ts';
import type { Length } from './growth.ts';
import type { MeasuredSessions } from './measure.ts';
import { RUN_MS, TOGETHER } from './speed.ts';
import type { Speed } from './speed.ts';
import { ROUNDS, STEP_CALLS } from './steps.ts';
import type { StepCosts } from './steps.ts';
import type { StoreEntry } from './stores.ts';

/** The goal for the next turn of the longest session, as a multiple of the shortest one. */
const MOST_GROWTH = 1.5;
/** The goal for a step of a turn, as a multiple of an append of the same size. */
const MOST_STEP = 1.2;

/** How the runs were done. */
export interface Circumstances {
  /** The machine and its services, as lines of text. */
  where: readonly string[];
  missing: readonly string[];
  runs: number;
  size: Size;
  turn: RecordedTurn;
}

/** The results of one store: medians of the runs, and ratios within a run. */
interface Row {
  store: StoreEntry;
  addedUs: number;
  bareUs: number;
  besideBare: number;
  perSecond: number;
  barePerSecond: number;
  growth: number;
  growthAfterWindow: number;
  /** A step beside an append of the same size. */
  replyStep: number;
  resultStep: number;
}

function rowOf(store: StoreEntry, measured: MeasuredSessions): Row {
  const added = addedUs(store, measured);
  const bare = column(measured, `${store.id} bare`, 'us');
  const [short, middle, long] = LENGTHS;
  return {
    store,
    addedUs: median(added),
    bareUs: median(bare),
    besideBare: medianRatio(added, bare),
    perSecond: median(column(measured, store.id, 'perSecond')),
    barePerSecond: median(column(measured, `${store.id} bare`, 'perSecond')),
    growth: medianRatio(nextTurns(store, measured, long), nextTurns(store, measured, short)),
    growthAfterWindow: medianRatio(nextTurns(store, measured, long), nextTurns(store, measured, middle)),
    // The step has the money, as the append with the end of a turn.
    replyStep: besideAppend('reply step with money', 'append of a reply with end', store, measured),
    resultStep: besideAppend('result step', 'append of results', store, measured),
  };
}

function besideAppend(
  step: keyof StepCosts,
  append: keyof StepCosts,
  { id }: StoreEntry,
  { steps }: MeasuredSessions,
): number {
  const runs = steps.get(id) ?? [];
  return medianRatio(
    runs.map((run) => run[step]),
    runs.map((run) => run[append]),
  );
}

/** The time that a store adds to an execution, in each run. */
function addedUs({ id }: StoreEntry, measured: MeasuredSessions): number[] {
  const without = column(measured, 'execution', 'us');
  return column(measured, id, 'us').map((us, run) => us - (without[run] ?? Number.NaN));
}

function column({ speed }: MeasuredSessions, side: string, name: keyof Speed): number[] {
  return (speed.get(side) ?? []).map((run) => run[name]);
}

function nextTurns({ id }: StoreEntry, { growth }: MeasuredSessions, length: Length): number[] {
  return (growth.get(id) ?? []).map((run) => run[length]);
}

/** The values by key, for programs. */
export function asObject(measured: MeasuredSessions): Record<string, number> {
  const rows = measured.stores.map((store) => rowOf(store, measured));
  const entries = rows.flatMap(({ store: { id }, ...row }): [string, number, number][] => [
    [`${id}_turns_per_second`, row.perSecond, 0],
    [`${id}_added_us`, row.addedUs, 1],
    [`${id}_bare_write_us`, row.bareUs, 1],
    [`${id}_added_vs_bare_write`, row.besideBare, 2],
    [`${id}_10000_vs_10_messages`, row.growth, 3],
    [`${id}_reply_step_vs_append`, row.replyStep, 2],
    [`${id}_result_step_vs_append`, row.resultStep, 2],
  ]);
  return Object.fromEntries(
    entries.map(([key, number, decimals]) => {
      if (!Number.isFinite(number)) throw new Error(`${key} was not measured.`);
      return [key, Number(number.toFixed(decimals))];
    }),
  );
}

/** Writes the page of results as Markdown. */
export function pageOf(measured: MeasuredSessions, how: Circumstances): string {
  const { size, runs, turn, missing } = how;
  const processes =
    size === 'quick' ? 'one process per side for all of them' : 'a new process per side for each';
  const bytes = turn.texts.map((text) => digits(Buffer.byteLength(text)));
  return [
    '# What sessions cost',
    '',
    ...how.where.map((line) => `- ${line}`),
    ...missing.map((service) => `- **${service} could not be reached and is left out**`),
    `- ${runs} interleaved runs, ${processes}; medians, minimum and maximum; a ratio is the median of the ratios of the runs. Times are wall-clock times`,
    `- A turn is \`executeWithContext()\` with \`historyLimit: ${WINDOW}\` with a provider in memory. It calls its store with \`${turn.calls.join('`, `')}\`, releases its lease with the last call, and writes ${bytes.join(' and ')} bytes`,
    '- A bare write writes the same bytes one after the other with the same client, and does nothing else: ' +
      measured.stores.map(({ label, bare }) => `${label}: ${bare}`).join('; '),
    '',
    ...summary(measured),
    ...tables(measured, size).map(markdownOf),
  ].join('\n');
}

function summary(measured: MeasuredSessions): string[] {
  const heads = [
    'store',
    'turns per second',
    'added, µs per turn',
    'bare writes, µs per turn',
    'added / bare',
    '10,000 / 100 messages',
    '10,000 / 10 messages',
    `at most ${MOST_GROWTH}`,
    'reply step / append',
    'result step / append',
    `at most ${MOST_STEP}`,
  ];
  const lines = measured.stores.map((store) => {
    const row = rowOf(store, measured);
    return cells(
      store.label + (store.client === undefined ? '' : ` ${versionOf(store.client)}`),
      digits(row.perSecond),
      digits(row.addedUs),
      digits(row.bareUs),
      row.besideBare.toFixed(2),
      row.growthAfterWindow.toFixed(3),
      row.growth.toFixed(3),
      row.growth <= MOST_GROWTH ? 'yes' : 'no',
      row.replyStep.toFixed(2),
      row.resultStep.toFixed(2),
      Math.max(row.replyStep, row.resultStep) <= MOST_STEP ? 'yes' : 'no',
    );
  });
  const line = cells('---', ...heads.slice(1).map((head) => (head.startsWith('at most') ? '---' : '---:')));
  return ['## In short', '', cells(...heads), line, ...lines, ''];
}

function tables(measured: MeasuredSessions, size: Size): Parameters<typeof markdownOf>[0][] {
  const { stores } = measured;
  const sides = stores.flatMap(({ id, label }) => [
    { label, id },
    { label: `${label}, bare writes`, id: `${id} bare` },
  ]);
  const all = [{ label: 'no session', id: 'execution' }, ...sides];
  const of = (list: typeof sides, name: keyof Speed): { label: string; runs: number[] }[] =>
    list.map(({ label, id }) => ({ label, runs: column(measured, id, name) }));
  const together = `${TOGETHER} sessions at once, ${RUN_MS[size]} ms per run`;
  return [
    {
      title: 'A turn, one after the other',
      unit: 'µs, p50',
      how: `${RUN_MS[size]} ms per run; without a session, the same messages are passed to \`execute()\``,
      rows: of(all, 'us'),
    },
    {
      title: 'What a store adds to an execution',
      unit: 'µs per turn',
      how: 'the difference between a turn and an execution without a session, in each run',
      rows: stores.map((store) => ({ label: store.label, runs: addedUs(store, measured) })),
    },
    { title: 'Turns', unit: 'per second', how: together, rows: of(all, 'perSecond') },
    {
      title: 'CPU of the process that runs the turns',
      unit: 'µs per turn',
      how: `${together}; does not include the CPU time of servers`,
      rows: of(all, 'cpuUs'),
    },
    {
      title: 'The next turn of a session',
      unit: 'µs, p50',
      how: `by the length of the session, ${GROWTH_MS[size]} ms per run; each session of 10 messages has one turn, the other sessions have many`,
      rows: stores
        .filter(({ id }) => measured.growth.has(id))
        .flatMap((store) =>
          LENGTHS.map((length) => ({
            label: `${store.label}, ${digits(length)} messages`,
            runs: nextTurns(store, measured, length),
          })),
        ),
    },
    {
      title: 'A step of a turn beside an append',
      unit: 'µs, p50',
      how: `${ROUNDS[size]} calls of each kind per run, which take turns; each call writes 560 bytes of text, five results five times as many`,
      rows: stores.flatMap(({ id, label }) =>
        STEP_CALLS.map((name) => ({
          label: `${label}, ${name}`,
          runs: (measured.steps.get(id) ?? []).map((run) => run[name]),
        })),
      ),
    },
  ];
}
