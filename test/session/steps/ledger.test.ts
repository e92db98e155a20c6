import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Ledger, ledgerOf } from 'sluice';
import type { Step } from 'sluice';
import { anySteps } from './any-steps.ts';
import { cut, decide, done, inside, reply, say, started, stored, wait, waiting } from './steps.ts';

const pendingOf = (...steps: Step[]): string[] =>
  ledgerOf(stored(...steps)).pending.map(({ callId }) => callId);

describe('the ledger of a turn', () => {
  test('has the rounds with their calls, which have begun and have results as recorded', () => {
    const ledger = ledgerOf(
      stored(reply(0, ['a', 'b', 'c'], { starts: ['a'] }), done('a'), started('b'), reply(1, ['d'])),
    );
    const rounds = ledger.rounds.map(({ reply: { round }, calls }) => [
      round,
      calls.map(({ call, started, result }) => [call.id, started, result?.content]),
    ]);
    expect(rounds).toEqual([
      [
        0,
        [
          ['a', true, 'result of a'],
          ['b', true, undefined],
          ['c', false, undefined],
        ],
      ],
      [1, [['d', false, undefined]]],
    ]);
    expect([...ledger.calls].map(([id, { round }]) => [id, round])).toEqual([
      ['a', 0],
      ['b', 0],
      ['c', 0],
      ['d', 1],
    ]);
  });

  test('leaves out the calls that the provider has run itself', () => {
    const step = reply(0, ['a']);
    if (step.kind !== 'reply' || typeof step.message.content === 'string') throw new Error('no parts');
    step.message.content.push({
      type: 'tool_call',
      id: 'search',
      name: 'search',
      arguments: {},
      providerExecuted: true,
    });
    expect([...ledgerOf(stored(step)).calls.keys()]).toEqual(['a']);
  });

  test('keeps the first result of a call', () => {
    const late: Step = { kind: 'result', callId: 'a', content: 'late', isError: true, outcome: 'failed' };
    expect(ledgerOf(stored(reply(0, ['a']), done('a'), late)).calls.get('a')?.result?.outcome).toBe('done');
  });

  test('has no result for a call whose result came late, and such a call still waits', () => {
    const late: Step = {
      ...{ kind: 'result', callId: 'a', content: 'late', isError: false, outcome: 'done', late: true },
    };
    const ledger = ledgerOf(stored(reply(0, ['a'], { waits: ['a'] }), late));
    expect(ledger.calls.get('a')?.result).toBeUndefined();
    expect(ledger.pending).toHaveLength(1);
  });

  test('has the calls that wait, until they are decided, have a result, or the next round comes', () => {
    const asked = reply(0, ['a', 'b'], { waits: ['a', 'b'] });
    expect(pendingOf(asked)).toEqual(['a', 'b']);
    expect(pendingOf(asked, decide('a', 'd1', { approve: true }))).toEqual(['b']);
    expect(pendingOf(asked, done('b'))).toEqual(['a']);
    expect(pendingOf(asked, wait(waiting('b')))).toEqual(['b']);
    expect(pendingOf(asked, reply(1, []))).toEqual([]);
  });

  test('a decision names who decided, and lets the call begin anew', () => {
    const ledger = ledgerOf(stored(reply(0, ['a', 'b'], { starts: ['a'] }), wait(waiting('a', 'unknown'))));
    expect(ledger.calls.get('a')?.started).toBe(true);
    ledger.add(stored(decide('a', 'd1', { approve: true, arguments: [1] })));
    expect(ledger.calls.get('a')).toMatchObject({
      started: false,
      decision: { approve: true, arguments: [1] },
    });
    ledger.add(stored(started('a')));
    expect([ledger.calls.get('a')?.started, [...ledger.decided]]).toEqual([true, [['a', 'd1']]]);
    expect(ledger.calls.get('a')?.waited).toEqual(waiting('a', 'unknown'));
  });

  test('has what the user said in the round whose calls waited', () => {
    const ledger = ledgerOf(stored(reply(0, ['a'], { waits: ['a'] }), say('Be quick.'), reply(1, [])));
    expect(ledger.rounds.map(({ said }) => said.map(({ content }) => content))).toEqual([['Be quick.'], []]);
  });

  test('has the end of a run that was cut short, until the next step, and keeps the newest text', () => {
    const steps = stored(reply(0, ['a']), cut('Hel'));
    expect(ledgerOf(steps).cut?.message?.content).toBe('Hel');
    expect(ledgerOf([...steps, ...stored(cut())]).cut?.message?.content).toBe('Hel');
    expect(ledgerOf([...steps, ...stored(cut('Hello'))]).cut?.message?.content).toBe('Hello');
    for (const next of [done('a'), decide('a', 'd', { deny: 'no' }), inside('a', started('x'))])
      expect(ledgerOf([...steps, ...stored(next)]).cut).toBe(undefined);
  });

  test('an inner loop has a ledger of its own, and its decisions count in the outer one, too', () => {
    const list = stored(
      reply(0, ['a'], { starts: ['a'] }),
      inside('a', reply(0, ['x'], { waits: ['x'] })),
      wait(waiting('x', 'approval', 'a')),
    );
    expect([...ledgerOf(list).calls.keys(), ...ledgerOf(list, 'a').calls.keys()]).toEqual(['a', 'x']);
    expect(ledgerOf(list).pending).toMatchObject([{ callId: 'x', path: 'a' }]);
    list.push(...stored(inside('a', decide('x', 'd1', { deny: 'no' }))));
    for (const ledger of [ledgerOf(list), ledgerOf(list, 'a')])
      expect([ledger.pending, [...ledger.decided]]).toEqual([[], [['x', 'd1']]]);
    expect(ledgerOf(list, 'a').calls.get('x')?.decision).toEqual({ deny: 'no' });
    expect([...ledgerOf(list, 'b').calls]).toEqual([]);
  });

  test('is the same if it takes the steps in pieces', () => {
    fc.assert(
      fc.property(anySteps, fc.array(fc.nat(5)), (steps, sizes) => {
        const list = stored(...steps);
        const ledger = new Ledger();
        let from = 0;
        for (const size of sizes) ledger.add(list.slice(from, (from += size)));
        ledger.add(list.slice(from));
        const whole = ledgerOf(list);
        expect([ledger, ledger.pending]).toEqual([whole, whole.pending]);
      }),
    );
  });
});
