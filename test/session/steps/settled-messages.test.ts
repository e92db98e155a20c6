import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Message, Step } from 'sluice';
import { repaired } from '../../../src/session/repair.ts';
import { settledMessages } from '../../../src/session/steps/settled-messages.ts';
import { anySteps } from './any-steps.ts';
import { cut, decide, done, reply, say, started, stored, wait, waiting } from './steps.ts';

const settled = (...steps: Step[]): Message[] => settledMessages(stored(...steps));

const results = (message: Message | undefined): unknown[] =>
  typeof message?.content === 'object'
    ? message.content.flatMap((part) =>
        part.type === 'tool_result' ? [[part.id, part.content, part.isError ?? false]] : [],
      )
    : [];

const UNKNOWN = expect.stringMatching(/had begun .* may have taken effect/);
const NOT_RUN = expect.stringMatching(/was not run/);
const WITHDRAWN = expect.stringMatching(/^Nobody has decided .* withdrawn/);

describe('an open turn that another turn follows', () => {
  test('each call has the result that is stored, or is told that it may have taken effect, was not run or is withdrawn', () => {
    const messages = settled(
      reply(0, ['a', 'b', 'c', 'd'], { starts: ['b', 'a'], waits: ['d'] }),
      done('b'),
      cut(),
    );
    expect(messages.map(({ role }) => role)).toEqual(['assistant', 'tool']);
    expect(results(messages[1])).toEqual([
      ['a', UNKNOWN, true],
      ['b', 'result of b', false],
      ['c', NOT_RUN, true],
      ['d', WITHDRAWN, true],
    ]);
  });

  test('a call of unknown outcome that waits is not called withdrawn', () => {
    const messages = settled(reply(0, ['a'], { starts: ['a'] }), wait(waiting('a', 'unknown')));
    expect(results(messages[1])).toEqual([['a', UNKNOWN, true]]);
  });

  test('a decision counts, also if nothing was done about it', () => {
    const asked = reply(0, ['a', 'b', 'c', 'd', 'e'], { waits: ['a', 'b', 'c', 'd', 'e'] });
    const messages = settled(
      asked,
      decide('a', '1', { deny: 'Too dear.' }),
      decide('b', '2', { result: 'by hand' }),
      decide('c', '3', { result: 'broken', isError: true }),
      decide('d', '4', { approve: true }),
      decide('e', '5', { approve: true }),
      started('e'),
    );
    expect(results(messages[1])).toEqual([
      ['a', 'Too dear.', false],
      ['b', 'by hand', false],
      ['c', 'broken', true],
      ['d', NOT_RUN, true],
      ['e', UNKNOWN, true],
    ]);
  });

  test('keeps what the user said with decisions, after the results of its round', () => {
    const messages = settled(reply(0, ['a'], { waits: ['a'] }), say('Be quick.'), done('a'), reply(1, []));
    expect(messages.map(({ role }) => role)).toEqual(['assistant', 'tool', 'user', 'assistant']);
  });

  test('keeps parts and errors of results, and replies as they are', () => {
    const first = reply(0, ['a'], { starts: ['a'] });
    const content = [{ type: 'image' as const, data: 'AA==', mediaType: 'image/png' }];
    const messages = settled(
      first,
      { kind: 'result', callId: 'a', content, isError: true, outcome: 'failed' },
      reply(1, []),
    );
    expect(messages).toEqual([
      first.kind === 'reply' && first.message,
      {
        role: 'tool',
        content: [{ type: 'tool_result', id: 'a', name: 'tool-a', content, isError: true }],
      },
      { role: 'assistant', content: [{ type: 'text', text: 'round 1' }] },
    ]);
  });

  test('the text that had come is the last message, and the only partial one, without calls', () => {
    const message: Message = {
      role: 'assistant',
      content: [
        { type: 'text', text: 'And th' },
        { type: 'tool_call', id: 'half', name: 'pay', arguments: {} },
      ],
    };
    const messages = settled(reply(0, ['a'], { starts: ['a'] }), done('a'), {
      kind: 'cut',
      outcome: 'cancelled',
      message,
    });
    expect(messages.map(({ role, partial }) => [role, partial])).toEqual([
      ['assistant', undefined],
      ['tool', undefined],
      ['assistant', true],
    ]);
    expect(messages.at(-1)?.content).toEqual([{ type: 'text', text: 'And th' }]);
    expect(settled(cut('')).length).toBe(0);
    expect(settled()).toEqual([]);
  });

  test('every call has one result behind its reply, in the order of the calls, whatever was recorded', () => {
    fc.assert(
      fc.property(anySteps, (steps) => {
        const messages = settled(...steps);
        const replies = steps
          .filter((step) => step.kind === 'reply')
          .filter(({ path }) => path === undefined);
        const rounds = replies.map(({ message }) =>
          (typeof message.content === 'string' ? [] : message.content).flatMap((part) =>
            part.type === 'tool_call' ? [part.id] : [],
          ),
        );
        const answered = messages.flatMap(({ role }, at) => (role === 'tool' ? [at] : []));
        expect(answered.map((at) => results(messages[at]).map((result) => (result as unknown[])[0]))).toEqual(
          rounds.filter((ids) => ids.length > 0),
        );
        for (const at of answered) expect(messages[at - 1]?.role).toBe('assistant');
        expect(repaired(messages, { followedBy: [{ role: 'user', content: 'next' }] }).faults).toEqual([]);
        expect(messages.slice(0, -1).some(({ partial }) => partial)).toBe(false);
      }),
    );
  });
});
