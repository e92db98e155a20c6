import { Pipeline, decide } from 'sluice';
import { provider } from 'sluice/middleware';
import { mockTool, tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { Desk, KEY, guarded, kept } from './desk.ts';
import { calling, resultsIn } from './stage.ts';

const APPROVE = { '0_0': { approve: true as const } };

afterEach(() => {
  vi.useRealTimers();
});

describe('R61 a decision', () => {
  test('is used once: the same one again replays, and another one is a conflict, before and after the end of the turn', async () => {
    const desk = new Desk();
    const { made, runs } = guarded();
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}], ['pay', { amount: 2 }])] });
    const ids = await desk.idsByPlace();
    const by = (turnId: string) => ({ options: { turnId }, answers: [] });
    await desk.decide([made], APPROVE, by('d1'));
    expect(runs).toHaveLength(1);
    const again = await desk.decide([made], APPROVE, by('d1'));
    expect(again.result).toMatchObject({ outcome: 'interrupted', reason: 'approval' });
    const other = await desk.decide([made], APPROVE, by('d2'));
    expect(other.error?.code).toBe('conflict');
    const otherwise = await desk.decide([made], { '0_0': { deny: 'No.' } }, by('d1'));
    expect(otherwise.error?.code).toBe('conflict');
    const mixed = await desk.decide([made], { ...APPROVE, '0_1': { approve: true } }, by('d1'));
    expect(mixed.error?.code).toBe('conflict');
    expect(runs).toHaveLength(1);

    const { result } = await desk.decide([made], { '0_1': { deny: 'No.' } }, { options: { turnId: 'd3' } });
    expect(result?.outcome).toBe('completed');
    const late = await desk.turn([made], decide({ [ids.get('0_0') ?? '']: { approve: true } }), by('d1'));
    expect(late.result).toMatchObject({ outcome: 'completed', replayed: true });
    expect(late.result?.response.content).toBe('done');
    for (const [turnId, decision] of [
      ['d2', { approve: true as const }],
      ['d1', { deny: 'No.' }],
    ] as const) {
      const { error } = await desk.turn([made], decide({ [ids.get('0_0') ?? '']: decision }), by(turnId));
      expect(error?.code).toBe('conflict');
    }
    expect(runs).toHaveLength(1);
  });

  test('is refused and changes nothing if the call is unknown, of another owner, or does not wait', async () => {
    const desk = new Desk();
    const { made, runs } = guarded();
    const look = kept('look').made;
    const answers = [calling(['pay', {}], ['look', {}])];
    await desk.turn([made, look], 'Pay.', { answers });
    const [pending] = await desk.pending();
    const before = await desk.snapshot();
    const approve = decide({ [pending?.callId ?? '']: { approve: true } });
    for (const key of [{ owner: 'mallory', id: 's' }, { owner: 'alice', id: 'other' }, 's']) {
      const foreign = await desk.turn([made, look], approve, { key });
      expect(foreign.error).toMatchObject({
        code: 'invalid_request',
        message: expect.stringMatching(/not known there/),
      });
      expect(await desk.store.load(key)).toBeUndefined();
    }
    const unknown = await desk.decide([made, look], { ...APPROVE, nothing: { approve: true } });
    expect(unknown.error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/"nothing"/),
    });
    const finished = await desk.decide([made, look], { '0_1': { approve: true } });
    expect(finished.error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/does not wait/),
    });
    expect(await desk.snapshot()).toEqual(before);
    expect(runs).toEqual([]);
  });

  test('is refused if another message has withdrawn the call', async () => {
    const desk = new Desk();
    const { made, runs } = guarded();
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}])] });
    const next = await desk.turn([made], 'Never mind.');
    expect(resultsIn(next.model.requests[0]?.messages).join()).toMatch(/Nobody has decided .* withdrawn/);
    const late = await desk.decide([made], APPROVE);
    expect(late.error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/withdrawn/),
    });
    expect(runs).toEqual([]);
  });

  test('is refused in a copy of the session, which has no open turn', async () => {
    const desk = new Desk();
    const { made, runs } = guarded();
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}])] });
    const [pending] = await desk.pending();
    const on = decide({ [pending?.callId ?? '']: { approve: true } });
    const options = { turnId: 'd1' };
    const waiting = await desk.store.fork(KEY);
    await desk.turn([made], on, { options });
    for (const key of [waiting, await desk.store.fork(KEY)]) {
      const { error } = await desk.turn([made], on, { key, options });
      expect(error).toMatchObject({ code: 'invalid_request', message: expect.stringMatching(/not known/) });
    }
    expect(runs).toHaveLength(1);
  });

  test('is refused after its time, by the clock of the store', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const desk = new Desk();
    const { made, runs } = guarded('pay', { needsApproval: () => ({ expiresInMs: 60_000 }) });
    const { result } = await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}], ['pay', {}])] });
    expect(result?.pending?.[0]?.expiresAt).toBeGreaterThan(Date.now() + 59_000);
    expect(result?.pending?.[0]?.expiresAt).toBeLessThan(Date.now() + 61_000);
    const inTime = await desk.decide([made], APPROVE, { answers: [] });
    expect(inTime.result?.outcome).toBe('interrupted');
    const before = await desk.snapshot();
    vi.setSystemTime(Date.now() + 62_000);
    const late = await desk.decide([made], { '0_1': { approve: true } });
    expect(late.error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/_0_1 of pay .* expiresAt/),
    });
    expect(await desk.snapshot()).toEqual(before);
    expect(runs).toHaveLength(1);
  });

  test('is refused, and the call waits on, if its tool is gone or has changed; it can be denied', async () => {
    const desk = new Desk();
    const { made } = guarded();
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}])] });
    const before = await desk.snapshot();
    const changed = guarded('pay', { input: z.object({ amount: z.number(), to: z.string() }) });
    for (const [list, message] of [
      [[kept('look').made], /The tool pay is not in the list/],
      [[changed.made], /The tool pay has changed since/],
      [[guarded('pay', { version: '2' }).made], /The tool pay has changed since/],
    ] as const) {
      const { error } = await desk.decide([...list], APPROVE);
      expect(error).toMatchObject({ code: 'tool', message: expect.stringMatching(message) });
      expect(await desk.snapshot()).toEqual(before);
    }
    expect(changed.runs).toEqual([]);
    const denied = await desk.decide([changed.made], { '0_0': { deny: 'Gone.' } });
    expect(denied.result?.outcome).toBe('completed');
  });

  test('is refused if no layer has the calls', async () => {
    const desk = new Desk();
    const { made } = guarded();
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}])] });
    const [pending] = await desk.pending();
    const pipeline = new Pipeline([provider(scripted('hello'))], { store: desk.store });
    const turn = pipeline.executeWithContext(KEY, decide({ [pending?.callId ?? '']: { approve: true } }));
    await expect(turn).rejects.toMatchObject({
      code: 'invalid_options',
      message: expect.stringMatching(/no layer/),
    });
    expect(await desk.pending()).toHaveLength(1);
  });

  test('of two processes at the same moment runs each of 100 calls once', async () => {
    const desk = new Desk();
    const { made, runs } = guarded();
    const calls = Array.from({ length: 100 }, (_, amount): [string, unknown] => ['pay', { amount }]);
    await desk.turn([made], 'Pay.', { answers: [calling(...calls)] });
    const all = Object.fromEntries(calls.map((_, at) => [`0_${at}`, { approve: true as const }]));
    const both = await Promise.all(
      ['d1', 'd2'].map((turnId) => desk.decide([made], all, { options: { turnId } })),
    );
    const ends = both.map(({ result, error }) => error?.code ?? result?.outcome);
    expect(ends.toSorted()).toEqual(['completed', 'conflict']);
    expect(new Set(runs.map(({ run }) => run.callId)).size).toBe(100);
    expect(runs).toHaveLength(100);
  });

  test('is remembered after the end of its turn, up to 100 of the session', async () => {
    const desk = new Desk();
    const { made } = guarded();
    const first = calling(...Array.from({ length: 60 }, (): [string, unknown] => ['pay', {}]));
    const all = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`0_${at}`, { deny: '' }]));
    const ids: string[] = [];
    for (const turnId of ['a', 'b']) {
      await desk.turn([made], 'Pay.', { answers: [first] });
      ids.push((await desk.pending())[0]?.callId ?? '');
      await desk.decide([made], all, { options: { turnId } });
    }
    const again = await Promise.all(
      ids.map((id, at) =>
        desk.turn([made], decide({ [id]: { deny: '' } }), { options: { turnId: ['a', 'b'][at] ?? '' } }),
      ),
    );
    expect(again.map(({ error, result }) => error?.code ?? result?.replayed)).toEqual([
      'invalid_request',
      true,
    ]);
  });

  test('of a process that died before its call began is gone on with by the same id', async () => {
    const desk = new Desk();
    const { made, runs } = guarded();
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}], ['pay', {}])] });
    const toolsOptions = { maxParallel: 1 };
    const stop = new AbortController();
    const both = { ...APPROVE, '0_1': { approve: true as const } };
    const stuck = guarded('pay', {
      execute: (_input: unknown, { signal }: { signal: AbortSignal }) => {
        stop.abort();
        return signal.aborted ? Promise.reject(new Error('Stopped.')) : new Promise(() => undefined);
      },
    });
    const options = { turnId: 'd1', signal: stop.signal };
    const died = await desk.decide([stuck.made], both, { options, toolsOptions });
    expect(died.error?.code).toBe('aborted');
    const other = await desk.decide([made], { '0_1': { approve: true } }, { options: { turnId: 'd2' } });
    expect(other.error?.code).toBe('conflict');
    const again = await desk.decide([made], both, { options: { turnId: 'd1' }, toolsOptions, answers: [] });
    expect(runs.map(({ run }) => run.approval?.by)).toEqual(['d1']);
    expect(again.result).toMatchObject({ outcome: 'interrupted', reason: 'unknown_outcome' });
    expect(again.result?.pending).toMatchObject([
      { waitsFor: 'unknown', callId: expect.stringMatching(/_0_0$/) },
    ]);
  });
});

describe('a message with decisions', () => {
  test('is sent to the model after the results, and stored there', async () => {
    const desk = new Desk();
    const { made } = guarded();
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}], ['pay', { amount: 2 }])] });
    const first = await desk.decide([made], APPROVE, { message: 'Be quick.', answers: [] });
    expect(first.result?.outcome).toBe('interrupted');
    expect((await desk.open())?.messages.map(({ role }) => role)).toEqual(['assistant', 'tool', 'user']);
    const { model, result } = await desk.decide([made], { '0_1': { deny: '' } });
    expect(model.requests[0]?.messages.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'tool',
      'user',
    ]);
    expect(model.requests[0]?.messages.at(-1)?.content).toBe('Be quick.');
    expect(await desk.roles()).toEqual(['user', 'assistant', 'tool', 'user', 'assistant']);
    expect(result?.messages.map(({ role }) => role)).toEqual(['assistant', 'tool', 'user', 'assistant']);
  });

  test('is not part of the reply if the turn is replayed', async () => {
    const desk = new Desk();
    const { made } = guarded();
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}])] });
    const options = { turnId: 'd1' };
    await desk.decide([made], APPROVE, { message: 'Be quick.', options });
    const again = await desk.decide([made], APPROVE, { message: 'Be quick.', options, answers: [] });
    expect(again.result).toMatchObject({ replayed: true, response: { content: 'done' } });
  });

  test('is what is answered anew after the turn: the calls before it keep their results, and do not run again', async () => {
    const desk = new Desk();
    const { made, runs } = guarded();
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}])] });
    await desk.decide([made], APPROVE, { message: 'Be quick.' });
    const { model } = await desk.turn([made], [], { answers: ['Quickly.'] });
    expect(model.requests[0]?.messages.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'tool',
      'user',
    ]);
    expect(resultsIn(model.requests[0]?.messages)).toEqual(['ok 0_0 pay {"amount":1}']);
    expect(await desk.roles()).toEqual(['user', 'assistant', 'tool', 'user', 'assistant']);
    expect((await desk.store.load(KEY))?.messages.at(-1)?.content).toBe('Quickly.');
    expect(runs).toHaveLength(1);
    const [old] = (await desk.store.branches(KEY)).filter(({ isHead }) => !isHead);
    const before = await desk.store.load(KEY, { leaf: old?.id ?? '' });
    expect(before?.messages.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'tool',
      'user',
      'assistant',
    ]);
    expect(before?.messages.at(-1)?.content).toBe('done');
  });

  test('stays where it was said if another message settles the turn', async () => {
    const desk = new Desk();
    const { made } = guarded();
    await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}], ['pay', {}])] });
    await desk.decide([made], APPROVE, { message: 'Be quick.', answers: [] });
    await desk.turn([made], 'Stop.');
    expect(await desk.roles()).toEqual(['user', 'assistant', 'tool', 'user', 'user', 'assistant']);
  });
});

describe('decide()', () => {
  test('refuses what is not a decision, and names the call', () => {
    for (const [on, message] of [
      [{}, /has no decision/],
      [{ a: { approve: false } }, /a is an object/],
      [{ a: { deny: 3 } }, /a is an object/],
      [{ a: { result: () => 1 } }, /a is an object/],
      [[], /what was given is an array/],
    ] as const)
      expect(() => Reflect.apply(decide, undefined, [on])).toThrow(message);
    expect(() => decide({ a: { deny: '' } }, { message: { role: 'assistant', content: 'x' } })).toThrow(
      /user/,
    );
  });

  test('is for turns of sessions', async () => {
    const pipeline = new Pipeline([tools([mockTool('look')]), provider(scripted('hello'))]);
    expect(() => pipeline.executeStream(decide({ a: { approve: true } }))).toThrow(
      /decide\(\) is for a turn/,
    );
    await expect(pipeline.execute(decide({ a: { approve: true } }))).rejects.toMatchObject({
      code: 'invalid_options',
    });
  });
});
