import { toldBy } from './plan.ts';
import { resultsIn } from './step-word.ts';
import { messagesOf, storiesOf, toolOf } from './story.ts';
import type { Kept, Story } from './story.ts';

/** What happened in a history of kills. */
export interface KillFigures {
  /** Runs that died between the first record of their turn and its end. */
  inRounds: number;
  /** Runs that died while a tool ran. */
  inTools: number;
  turns: number;
  completed: number;
  /** Turns that another turn has settled. */
  settled: number;
  /** Runs that went on with steps of earlier ones. */
  goneOn: number;
  toolRuns: number;
  /** Runs of an idempotent tool whose earlier run has no result. */
  ranAgain: number;
  /** Decisions that were stored, and runs of decisions that died. */
  decisions: number;
  diedDeciding: number;
  /** Calls of which the model was told that they may have taken effect. */
  unknown: number;
  /** Steps that the store has acknowledged. */
  steps: number;
  /** Requests that were checked. */
  requests: number;
  /** Tokens that the model has issued, and those that are counted. */
  issued: number;
  counted: number;
}

/** Counts what happened. */
export function figuresOf(kept: Kept): KillFigures {
  const stories = storiesOf(kept);
  const sum = (count: (story: Story) => number): number =>
    stories.reduce((all, story) => all + count(story), 0);
  return {
    ...deaths(kept),
    turns: stories.length,
    completed: sum(({ end }) => (end?.end?.outcome === 'completed' ? 1 : 0)),
    settled: sum(({ end }) => (end?.end?.reason === 'abandoned' ? 1 : 0)),
    goneOn: sum(({ reads, runs }) => reads.filter(({ run }) => runs.some((one) => one.run === run)).length),
    toolRuns: sum(({ started }) => started.length),
    ranAgain: sum(({ started }) => {
      const idempotent = started.filter(({ tool }) => tool === 'add');
      return idempotent.length - new Set(idempotent.map(({ call }) => call)).size;
    }),
    decisions: sum(
      ({ acked }) =>
        new Set(acked.flatMap(({ step }) => (step.kind === 'decision' ? [`${step.by} ${step.call}`] : [])))
          .size,
    ),
    diedDeciding: kept.runs.filter(({ came, decisions }) => came === 'died' && decisions !== undefined)
      .length,
    unknown: sum(
      (story) =>
        resultsIn(messagesOf(story)).filter(
          ([call, text]) => toolOf(story.turn, call) !== undefined && toldBy(call, text) === 'unknown',
        ).length,
    ),
    steps: sum(({ acked }) => new Set(acked.map(({ n }) => n)).size),
    requests: kept.lines.filter(({ what }) => what === 'sent').length,
    issued: sum(({ issued }) => issued),
    counted: kept.spend.usage.totalTokens,
  };
}

function deaths({ lines, runs }: Kept): { inRounds: number; inTools: number } {
  const died = new Set(runs.filter(({ came }) => came === 'died').map(({ run }) => run));
  const inRounds = new Set<string>();
  const running = new Map<string, Set<string>>();
  for (const line of lines) {
    if (!died.has(line.run)) continue;
    const calls = running.get(line.run) ?? new Set();
    running.set(line.run, calls);
    if (line.what === 'acked' || line.what === 'read') inRounds.add(line.run);
    if (line.what === 'ended') inRounds.delete(line.run);
    if (line.what === 'started') calls.add(line.call);
    if (line.what === 'finished') calls.delete(line.call);
  }
  const inTools = [...running.values()].filter(({ size }) => size > 0).length;
  return { inRounds: inRounds.size, inTools };
}
