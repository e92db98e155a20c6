import type { Message, SessionState, Spend, StoredStep, StoredTurn } from '../../../src/index.ts';
import type { KillLine } from './lines.ts';
import { planOf } from './plan.ts';
import type { PlannedTool } from './plan.ts';
import type { StepWord } from './step-word.ts';

/** One run of a turn, as its client knows it. */
export interface Run {
  run: string;
  turn: string;
  session: string;
  /** The id of its decisions and their calls, if it was sent some. */
  decisions?: { by: string; calls: string[] };
  /** `completed`, `approval` or `unknown_outcome` (calls of it wait), `abandoned` (another turn has settled it), `died`, `unsaved`, or `failed: ` and a code. */
  came: string;
  content: string | undefined;
}

/** What is stored of a session. */
export interface KeptSession {
  state: SessionState;
  turns: StoredTurn[];
  /** The steps of its open turn, if there is one. */
  steps: StoredStep[];
}

/** All that is known at the end of a history of kills. */
export interface Kept {
  /** Of all processes, in the order of time. */
  lines: readonly KillLine[];
  runs: readonly Run[];
  sessions: readonly KeptSession[];
  /** What the owner of all sessions has spent. */
  spend: Spend;
}

/** A step that the store has acknowledged. */
interface AckedStep {
  n: number;
  step: StepWord;
  run: string;
  at: number;
}

type LineOf<What extends KillLine['what']> = Extract<KillLine, { what: What }>;

/** All that is known of one turn. */
export interface Story {
  turn: string;
  session: string;
  runs: Run[];
  acked: AckedStep[];
  reads: LineOf<'read'>[];
  started: LineOf<'started'>[];
  finished: Set<string>;
  /** When the store had acknowledged its end; undefined if nobody was told. */
  endedAt: number | undefined;
  issued: number;
  violations: string[];
  /** The stored reply that ends it; undefined if it is open, or was never answered. */
  end: StoredTurn | undefined;
  /** All its stored replies: tries that failed before they had recorded anything, and its end. */
  replies: StoredTurn[];
}

/** The story of each turn. */
export function storiesOf({ lines, runs, sessions }: Kept): Story[] {
  const stories = new Map<string, Story>();
  for (const run of runs) {
    const story = stories.get(run.turn) ?? blank(run);
    story.runs.push(run);
    stories.set(run.turn, story);
  }
  for (const line of lines) {
    const story = stories.get(line.turn);
    if (story !== undefined) tell(story, line);
  }
  for (const { turns } of sessions)
    for (const stored of turns) {
      const [, turn = ''] = /^(.*)\.reply(\.\d+)?$/.exec(stored.turnId) ?? [];
      const story = stories.get(turn);
      story?.replies.push(stored);
      if (story !== undefined && stored.end?.outcome !== 'failed' && stored.end?.outcome !== 'cancelled')
        story.end = stored;
    }
  return [...stories.values()];
}

function blank({ turn, session }: Run): Story {
  return {
    ...{ turn, session, runs: [], acked: [], reads: [], started: [], finished: new Set(), violations: [] },
    ...{ endedAt: undefined, issued: 0, end: undefined, replies: [] },
  };
}

function tell(story: Story, line: KillLine): void {
  switch (line.what) {
    case 'acked': {
      const { run, at, from, steps } = line;
      story.acked.push(...steps.map((step, place) => ({ n: from + place, step, run, at })));
      break;
    }
    case 'read':
      story.reads.push(line);
      break;
    case 'started':
      story.started.push(line);
      break;
    case 'finished':
      story.finished.add(line.call);
      break;
    case 'ended':
      story.endedAt ??= line.at;
      break;
    case 'issued':
      story.issued += line.tokens;
      break;
    case 'violation':
      story.violations.push(line.text);
      break;
    case 'sent':
      break;
  }
}

/** The tool of a call: its id ends with its round and its place. */
export function toolOf(turn: string, call: string): PlannedTool | undefined {
  const [, round = '', place = ''] = /_(\d+)_(\d+)$/.exec(call) ?? [];
  return planOf(turn)[Number(round)]?.[Number(place)]?.tool;
}

/** The messages that end a turn. */
export const messagesOf = ({ end }: Story): readonly Message[] => end?.messages ?? [];

/** Whether all its runs have come to an end that they could store. */
export const isUndisturbed = ({ runs }: Story): boolean =>
  runs.every(({ came }) => came === 'completed' || came === 'approval' || came === 'abandoned');

/** The decisions about a call that some run has stored or found. */
export function decisionsOn(
  { acked, reads }: Story,
  call: string,
): Extract<StepWord, { kind: 'decision' }>[] {
  const all = [...acked.map(({ step }) => step), ...reads.flatMap(({ steps }) => steps)];
  return all.filter((step) => step.kind === 'decision').filter((step) => step.call === call);
}
