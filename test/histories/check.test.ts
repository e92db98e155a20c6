import { describe, expect, test } from 'vitest';
import type { Message, SessionState, StoredTurn, TurnEnd } from 'sluice';
import { tokens } from '../core/harness.ts';
import { violationsOf } from './check.ts';
import type { Kept, KeptSession } from './check.ts';
import type { LogLine } from './log.ts';
import { END, stamped } from './stamp.ts';

const end: TurnEnd = { outcome: 'completed', usage: tokens(1, 1), cost: { status: 'unknown' } };
const user = (content: string): Message => ({ role: 'user', content });
const reply = (turn: string, seen: number, asked: string[]): Message => ({
  role: 'assistant',
  content: `${stamped({ turn, nonce: `n-${turn}`, seen, fresh: true, asked })}word${END}`,
});
const contentOf = ({ content }: Message): string => (typeof content === 'string' ? content : '');

/** A turn that was acknowledged, with everything correct. */
function sound(): {
  logs: LogLine[];
  turns: StoredTurn[];
  state: Partial<SessionState>;
  turnsOfOwner: number;
  branches?: KeptSession['branches'];
  copies?: KeptSession['copies'];
} {
  const first = reply('a', 1, ['a']);
  const turns: StoredTurn[] = [
    { turnId: 'a.input', ids: ['1.0'], messages: [user('a')], version: 1 },
    { turnId: 'a.reply', ids: ['2.0'], messages: [first], end, version: 2 },
  ];
  return {
    branches: [{ ids: ['1.0', '2.0'], messages: [user('a'), first] }],
    copies: [[user('a')]],
    turns,
    logs: [
      { what: 'begin', turn: 'a', session: 's', act: { does: 'say' } },
      { what: 'ack', turn: 'a', session: 's', content: contentOf(first), replayed: false },
    ],
    state: {},
    turnsOfOwner: 1,
  };
}

function keptOf({ logs, turns, state, turnsOfOwner, branches, copies }: ReturnType<typeof sound>): Kept {
  const messages = turns.toSorted((a, b) => a.version - b.version).flatMap((turn) => turn.messages);
  const ends = turns.filter((turn) => turn.end !== undefined).length;
  const spent = { usage: tokens(ends, ends), cost: { status: 'unknown' } as const, turns: ends };
  return {
    logs,
    spend: { ...spent, usage: tokens(turnsOfOwner, turnsOfOwner), turns: turnsOfOwner },
    sessions: [
      {
        ...{ turns, branches, copies },
        state: {
          ...{ owner: '', id: 's', messages, messageCount: messages.length, pending: [], metadata: {} },
          ...{ ...spent, version: turns.length, createdAt: 1, updatedAt: 1 },
          ...state,
        },
      },
    ],
  };
}

describe('the checker of histories', () => {
  test('finds no violation in a correct history', () => {
    expect(violationsOf(keptOf(sound()))).toEqual([]);
  });

  const wrong: [string, RegExp, (kept: ReturnType<typeof sound>) => void][] = [
    ['a lost reply', /its reply is lost/, ({ turns }) => turns.pop()],
    [
      'a different reply than the acknowledged one',
      /its reply is lost/,
      ({ logs }) => {
        logs.push({ what: 'ack', turn: 'a', session: 's', content: 'other', replayed: false });
      },
    ],
    [
      'a branch with other messages',
      /the branch to 2.0 has other messages than were stored/,
      (kept) => (kept.branches = [{ ids: ['1.0', '2.0'], messages: [user('x')] }]),
    ],
    [
      'a message that is on no branch',
      /the message 2.0 is on no branch/,
      (kept) => (kept.branches = [{ ids: ['1.0'], messages: [user('a')] }]),
    ],
    [
      'a copy with something else',
      /a copy has what the session never had/,
      (kept) => (kept.copies = [[user('x')]]),
    ],
    ['a lost input', /its input is lost/, ({ turns }) => turns.shift()],
    [
      'a message that is stored twice',
      /the message a is stored twice/,
      ({ turns }) => {
        turns.push({ turnId: 'b.input', ids: [], messages: [user('a')], version: 3 });
      },
    ],
    [
      'two finished replies to one turn',
      /a finished reply of a is stored twice/,
      ({ turns }) => {
        turns.push({ turnId: 'a.reply.2', ids: [], messages: [reply('a', 2, [])], end, version: 3 });
      },
    ],
    [
      'an append between input and reply',
      /interleaved/,
      ({ turns }) => {
        turns.splice(
          1,
          1,
          { turnId: 'b.input', ids: [], messages: [user('b')], version: 2 },
          { ...turnAt(turns, 1), version: 3 },
        );
      },
    ],
    [
      'a model that was sent something else',
      /was not sent what is stored/,
      ({ turns }) => {
        turns[1] = { ...turnAt(turns, 1), messages: [reply('a', 1, ['x', 'a'])] };
      },
    ],
    [
      'half a reply stored as a complete one',
      /its text is not/,
      ({ turns, logs }) => {
        const half = { role: 'assistant', content: 'half' } as const;
        turns[1] = { ...turnAt(turns, 1), messages: [half] };
        logs[1] = { what: 'ack', turn: 'a', session: 's', content: 'half', replayed: false };
      },
    ],
    [
      'a partial reply that is not marked',
      /is not marked partial/,
      ({ turns }) => {
        turns[1] = { ...turnAt(turns, 1), end: { ...end, outcome: 'failed' } };
      },
    ],
    ['an append that nobody made', /its appends have/, ({ state }) => (state.version = 3)],
    ['messages in another order', /not those of its appends/, ({ state }) => (state.messages = [])],
    ['a wrong count', /counts 7 messages/, ({ state }) => (state.messageCount = 7)],
    [
      'a session’s usage twice',
      /usage is not that of its turns/,
      ({ state }) => (state.usage = tokens(2, 2)),
    ],
    ['an owner’s spend twice', /the owner has 2 turns/, (kept) => (kept.turnsOfOwner = 2)],
    [
      'input that no provider accepts',
      /not valid input: the last call has no result/,
      ({ turns }) => {
        const call = { type: 'tool_call', id: 'c', name: 'n', arguments: {} } as const;
        turns.push({
          turnId: 'b.input',
          ids: [],
          messages: [{ role: 'assistant', content: [call] }],
          version: 3,
        });
      },
    ],
    [
      'a turn without an end',
      /b was never acknowledged/,
      ({ logs }) => {
        logs.push({ what: 'begin', turn: 'b', session: 's', act: { does: 'say' } });
      },
    ],
    [
      'a violation that a worker reports',
      /seen/,
      ({ logs }) => {
        logs.push({ what: 'violation', text: 'seen' });
      },
    ],
  ];

  test.each(wrong)('finds %s', (_what, says, spoil) => {
    const kept = sound();
    spoil(kept);
    expect(violationsOf(keptOf(kept)).join('\n')).toMatch(says);
  });

  test('does not require a turn that was abandoned', () => {
    const kept = sound();
    kept.logs.push(
      { what: 'begin', turn: 'b', session: 's', act: { does: 'say' } },
      { what: 'abandon', turn: 'b', session: 's' },
    );
    expect(violationsOf(keptOf(kept))).toEqual([]);
  });
});

function turnAt(turns: readonly StoredTurn[], at: number): StoredTurn {
  const turn = turns[at];
  if (turn === undefined) throw new Error('There is no such turn.');
  return turn;
}
