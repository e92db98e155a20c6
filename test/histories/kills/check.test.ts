import { describe, expect, test } from 'vitest';
import type { Message, StoredTurn } from 'sluice';
import { tokens } from '../../core/harness.ts';
import { violationsOf } from './check.ts';
import { figuresOf } from './figures.ts';
import type { KillLine, KillWord } from './lines.ts';
import { USD_PER_TOKEN, doneText, planOf, roundText, tokensOf } from './plan.ts';
import type { Kept, Run } from './story.ts';
import { ranKey } from './tools.ts';
import { saidIn } from './step-word.ts';

/** A turn of one round with two calls: of the idempotent tool, and of the one that is not. */
const TURN = turnWith('add,send');
const ADD = 'cx_0_0';
const SEND = 'cx_0_1';
const SESSION = 's';

function turnWith(names: string): string {
  for (let number = 0; ; number++) {
    const plan = planOf(`t${number}`);
    const made = plan.map((calls) => calls.map(({ tool }) => tool).join()).join(';');
    if (made === names && plan.flat().every(({ arguments: { ms } }) => ms !== 'wrong')) return `t${number}`;
  }
}

/** What is known of a history in which nothing went wrong. A test spoils it. */
interface Sound {
  lines: KillLine[];
  runs: Run[];
  end: StoredTurn;
  metadata: Record<string, unknown>;
  spent: number;
}

const USED = [0, 1].reduce((sum, round) => sum + tokensOf(round).input + tokensOf(round).output, 0);
const costOf = (count: number) => ({ status: 'exact', totalUsd: count * USD_PER_TOKEN }) as const;

function sound(): Sound {
  const calls = planOf(TURN)[0] ?? [];
  const reply: Message = {
    role: 'assistant',
    content: [
      { type: 'text', text: roundText(TURN, 0) },
      ...[ADD, SEND].map((id, at) => ({
        ...{ type: 'tool_call' as const, id, name: calls[at]?.tool ?? '' },
        arguments: calls[at]?.arguments,
      })),
    ],
  };
  const results: Message = {
    role: 'tool',
    content: [ADD, SEND].map((id) => ({ type: 'tool_result', id, name: '', content: doneText(id) })),
  };
  const answer: Message = { role: 'assistant', content: roundText(TURN, 1) };
  const result = (call: string): KillWord => ({
    ...{ what: 'acked', turn: TURN, from: call === ADD ? 1 : 2 },
    steps: [{ kind: 'result', call, said: doneText(call) }],
  });
  const words: KillWord[] = [
    { what: 'sent', turn: TURN },
    { what: 'issued', turn: TURN, tokens: tokensOf(0).input + tokensOf(0).output },
    {
      ...{ what: 'acked', turn: TURN, from: 0 },
      steps: [{ kind: 'reply', round: 0, said: saidIn(reply), begun: [ADD, SEND] }],
    },
    { what: 'started', turn: TURN, call: ADD, tool: 'add' },
    { what: 'started', turn: TURN, call: SEND, tool: 'send' },
    { what: 'finished', turn: TURN, call: ADD },
    result(ADD),
    { what: 'finished', turn: TURN, call: SEND },
    result(SEND),
    { what: 'sent', turn: TURN },
    { what: 'issued', turn: TURN, tokens: tokensOf(1).input + tokensOf(1).output },
    { what: 'ended', turn: TURN },
  ];
  const content = roundText(TURN, 0) + roundText(TURN, 1);
  return {
    lines: words.map((word, at) => ({ run: 'r0', at, ...word })),
    runs: [{ run: 'r0', turn: TURN, session: SESSION, came: 'completed', content }],
    end: {
      ...{ turnId: `${TURN}.reply`, version: 2, ids: [], messages: [reply, results, answer] },
      end: { outcome: 'completed', usage: tokens(USED - 4, 4), cost: costOf(USED) },
    },
    metadata: { [ranKey(ADD)]: true },
    spent: USED,
  };
}

function keptOf({ lines, runs, end, metadata, spent }: Sound): Kept {
  const input: StoredTurn = {
    ...{ turnId: `${TURN}.input`, version: 1, ids: [], messages: [{ role: 'user', content: TURN }] },
  };
  const messages = [...input.messages, ...end.messages];
  const spend = { usage: tokens(spent - 4, 4), cost: costOf(spent), turns: 1 };
  const state = {
    ...{ owner: 'kills', id: SESSION, messages, messageCount: messages.length, metadata },
    ...{ ...spend, version: 2, createdAt: 1, updatedAt: 1 },
  };
  return { lines, runs, spend, sessions: [{ state, turns: [input, end], steps: [] }] };
}

/** Adds a line at a time. */
const add = ({ lines }: Sound, at: number, word: KillWord, run = 'r1'): void =>
  void lines.push({ run, at, ...word });
/** The run died, and another one completed the turn. */
function died(kept: Sound): void {
  const [run] = kept.runs;
  if (run === undefined) throw new Error('There is no run.');
  kept.runs = [
    { ...run, came: 'died' },
    { ...run, run: 'r1' },
  ];
}
/** Replaces the text of a stored result. */
function tells({ end }: Sound, call: string, text: string): void {
  end.messages = end.messages.map((message) =>
    typeof message.content === 'string'
      ? message
      : {
          ...message,
          content: message.content.map((part) =>
            part.type === 'tool_result' && part.id === call ? { ...part, content: text } : part,
          ),
        },
  );
}
const without = (kept: Sound, what: (line: KillLine) => boolean): void =>
  void (kept.lines = kept.lines.filter((line) => !what(line)));
/** The step with the reply. */
const begun = ({ lines }: Sound) =>
  lines.flatMap((line) => (line.what === 'acked' && line.from === 0 ? line.steps : []));
/** A decision about a call, as a step, and who has sent it. */
const decided = (approves: boolean) => ({ kind: 'decision' as const, call: SEND, by: 'd', approves });
const acked = (step: ReturnType<typeof decided>): KillWord => ({
  ...{ what: 'acked', turn: TURN, from: 9, steps: [step] },
});
const decider = {
  ...{ run: 'r1', turn: TURN, session: SESSION, content: undefined },
  decisions: { by: 'd', calls: [SEND] },
};
const isResultOf = (call: string) => (line: KillLine) =>
  line.what === 'acked' && line.steps.some((step) => step.kind === 'result' && step.call === call);

describe('the checker of kills', () => {
  test('finds no violation in a correct history', () => {
    expect(violationsOf(keptOf(sound()))).toEqual([]);
    expect(figuresOf(keptOf(sound()))).toMatchObject({ completed: 1, toolRuns: 2, steps: 3, requests: 2 });
  });

  test('finds no violation if a tool that is not idempotent died, and the model was told so', () => {
    const kept = sound();
    died(kept);
    without(kept, isResultOf(SEND));
    tells(kept, SEND, 'It may have taken effect.');
    expect(violationsOf(keptOf(kept))).toEqual([]);
  });

  test('finds no violation if a run whose session was taken over looks for steps after the end', () => {
    const kept = sound();
    kept.runs.push({
      run: 'r1',
      turn: TURN,
      session: SESSION,
      came: 'failed: lease_lost',
      content: undefined,
    });
    add(kept, 20, { what: 'read', turn: TURN, at: 20, steps: [] });
    expect(violationsOf(keptOf(kept))).toEqual([]);
  });

  const wrong: [what: string, says: RegExp, spoil: (kept: Sound) => void][] = [
    [
      'a finished tool that runs again',
      /ran again after its result was stored/,
      (kept) => add(kept, 10.5, { what: 'started', turn: TURN, call: ADD, tool: 'add' }, 'r0'),
    ],
    [
      'a tool that is not idempotent and runs twice',
      /which is not idempotent, ran twice/,
      (kept) => add(kept, 4.5, { what: 'started', turn: TURN, call: SEND, tool: 'send' }, 'r0'),
    ],
    [
      'a tool that runs before its start is stored',
      /began before that was stored/,
      ({ lines }) => lines.forEach((line) => line.what === 'started' && (line.at = 1.5)),
    ],
    [
      'a tool that begins again before that is stored',
      /began before that was stored/,
      (kept) => {
        add(kept, 4.2, { what: 'read', turn: TURN, at: 4.2, steps: begun(kept) });
        add(kept, 4.5, { what: 'started', turn: TURN, call: ADD, tool: 'add' });
      },
    ],
    [
      'a tool that starts after the end of the turn',
      /began after the end of the turn/,
      (kept) => add(kept, 20, { what: 'started', turn: TURN, call: ADD, tool: 'add' }, 'r0'),
    ],
    [
      'a call that runs without an approval',
      /ran, and d had not approved it/,
      (kept) => {
        add(kept, 4.1, acked(decided(false)));
        add(kept, 4.5, { what: 'started', turn: TURN, call: SEND, tool: 'pay', by: 'd' });
      },
    ],
    [
      'a call that runs twice for one approval',
      /ran twice for the approval d/,
      (kept) => {
        add(kept, 4.1, acked(decided(true)));
        for (const at of [4.5, 4.6])
          add(kept, at, { what: 'started', turn: TURN, call: SEND, tool: 'pay', by: 'd' });
      },
    ],
    [
      'a decision that is refused although nobody else has decided',
      /the decision d failed: conflict, but nobody else has decided/,
      (kept) => {
        add(kept, 4.1, acked(decided(true)));
        kept.runs.push({ ...decider, came: 'failed: conflict' });
      },
    ],
    [
      'a denied call that has run',
      /has run: The call was denied/,
      (kept) => tells(kept, SEND, 'The call was denied, and the tool was not run.'),
    ],
    [
      'a tool that the model did not call',
      /runs alone, but the model called add/,
      (kept) => add(kept, 4.5, { what: 'started', turn: TURN, call: ADD, tool: 'alone' }, 'r0'),
    ],
    [
      'a lost step',
      /step 1 was acknowledged, but r1 finds undefined/,
      (kept) => add(kept, 9, { what: 'read', turn: TURN, at: 9, steps: begun(kept) }),
    ],
    [
      'lost steps of a run that begins anew',
      /step 0 was acknowledged, but r1 finds undefined/,
      (kept) => {
        add(kept, 9, { what: 'read', turn: TURN, at: 9, steps: [] });
        add(kept, 9.5, { what: 'acked', turn: TURN, from: 0, steps: begun(kept) });
      },
    ],
    [
      'a step that was acknowledged with two contents',
      /acknowledged twice, with different contents/,
      (kept) => add(kept, 9, { what: 'acked', turn: TURN, from: 1, steps: [{ kind: 'started', call: ADD }] }),
    ],
    [
      'a lost result',
      /was acknowledged, but .* is stored/,
      (kept) => tells(kept, ADD, 'It may have taken effect.'),
    ],
    [
      'a lost reply',
      /the reply of round 0 was acknowledged, and is lost/,
      ({ end }) => (end.messages = end.messages.slice(2)),
    ],
    [
      'a result of a tool that never ended',
      /never finished/,
      (kept) => without(kept, (line) => line.what === 'finished' && line.call === ADD),
    ],
    [
      'an unknown outcome although nothing happened',
      /is unknown, although nothing happened/,
      (kept) => {
        without(kept, isResultOf(SEND));
        tells(kept, SEND, 'It may have taken effect.');
      },
    ],
    [
      'an idempotent tool that is not run again',
      /is idempotent and was not run again/,
      (kept) => {
        died(kept);
        without(kept, isResultOf(ADD));
        tells(kept, ADD, 'It may have taken effect.');
      },
    ],
    [
      'a call of a whole turn that is not run',
      /was not run, although the turn is whole/,
      (kept) => tells(kept, SEND, 'This call was not run.'),
    ],
    [
      'a call that is said not to have run, and has',
      /has run: This call was not run/,
      (kept) => {
        without(kept, isResultOf(SEND));
        kept.end.end = { ...kept.end.end, outcome: 'interrupted', reason: 'abandoned', ...money(USED) };
        kept.runs.forEach((run) => (run.came = 'died'));
        tells(kept, SEND, 'This call was not run.');
      },
    ],
    ['a result that nobody gave', /a result that nobody gave/, (kept) => tells(kept, ADD, 'done')],
    ['a lost end', /its end is lost/, ({ end }) => delete end.end],
    ['half an answer', /the stored answer is not whole/, ({ end }) => end.messages.pop()],
    ['another answer', /its answer is/, ({ runs }) => runs.forEach((run) => (run.content = 'half'))],
    [
      'an error that a store cannot have caused',
      /a run failed with middleware/,
      ({ runs }) => runs.forEach((run) => (run.came = 'failed: middleware')),
    ],
    [
      'more money than was issued',
      /counts \d+ tokens of \d+$/m,
      (kept) => {
        kept.spent = USED + 1;
        kept.end.end = { outcome: 'completed', ...money(USED + 1) };
      },
    ],
    [
      'less money than was issued, although nothing happened',
      /although nothing happened/,
      (kept) => {
        kept.spent = USED - 1;
        kept.end.end = { outcome: 'completed', ...money(USED - 1) };
      },
    ],
    ['another sum of the session', /session s: counts/, (kept) => (kept.spent = USED + 1)],
    [
      'a turn that is called exact although a run has died',
      /is called exact, although a run has died/,
      (kept) => {
        died(kept);
        const steps = kept.lines.flatMap((line) => (line.what === 'acked' ? line.steps : []));
        add(kept, 10.5, { what: 'read', turn: TURN, at: 10.5, steps });
      },
    ],
    ['a lost value', /the value that cx_0_0 has set is lost/, (kept) => (kept.metadata = {})],
    ['input that no provider accepts', /not valid input/, ({ end }) => end.messages.splice(1, 1)],
    [
      'what a process has seen',
      /seen by itself/,
      (kept) => add(kept, 5, { what: 'violation', turn: '', text: 'seen by itself' }),
    ],
  ];

  test.each(wrong)('finds %s', (_what, says, spoil) => {
    const kept = sound();
    spoil(kept);
    expect(violationsOf(keptOf(kept)).join('\n')).toMatch(says);
  });
});

const money = (count: number) => ({ usage: tokens(count - 4, 4), cost: costOf(count) });
