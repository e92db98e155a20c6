import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline } from 'sluice';
import type { ExecutionChunk, Middleware, PendingCall, StreamChunk } from 'sluice';
import { answers, failureOf, stop, text, witness } from './harness.ts';

const call: StreamChunk = { type: 'tool_call', id: 'a', name: 'pay', arguments: { sum: 5 } };
const waiting = (callId: string, waitsFor: PendingCall['waitsFor']): PendingCall => ({
  ...{ callId, name: 'pay', arguments: { sum: 5 }, waitsFor },
});
const approval = waiting('a', 'approval');
const client = waiting('b', 'client');
const unknown = waiting('c', 'unknown');

/** Lets a reply through and adds the calls that wait. */
const waits = (pending: unknown): Middleware =>
  async function* waits(_context, next) {
    yield* next();
    return { pending: pending as PendingCall[] };
  };

const model = () =>
  answers([[text('One moment.'), call], stop({ finishReason: 'tool_calls', model: 'm-2' })]);
const execute = (...stack: Middleware[]) =>
  new Pipeline([...stack, model().middleware]).execute('user', 'hi');

describe('a reply with calls that wait', () => {
  test.each([
    ['approval', [approval]],
    ['approval', [unknown, client, approval]],
    ['tool_calls', [unknown, client]],
    ['unknown_outcome', [unknown]],
  ])('ends the execution as interrupted, reason %s', async (reason, pending) => {
    const result = await execute(waits(pending));
    expect(result).toMatchObject({ outcome: 'interrupted', reason, pending });
    expect(result.response).toMatchObject({ content: 'One moment.', finishReason: 'tool_calls' });
    expect([result.model, result.warnings]).toEqual(['m-2', []]);
  });

  test.each([
    ['an empty list', []],
    ['nothing', undefined],
  ])('and one with %s completes it', async (_, pending) => {
    const result = await execute(waits(pending));
    expect([result.outcome, result.reason, 'pending' in result]).toEqual(['completed', undefined, false]);
  });

  test('keeps them through layers that return a part of a reply, and one can take them away', async () => {
    const relabels: Middleware = async function* relabels(_context, next) {
      yield* next();
      return { provider: 'other' };
    };
    const result = await execute(relabels, waits([approval]));
    expect(result).toMatchObject({ outcome: 'interrupted', pending: [approval], provider: 'other' });
    expect((await execute(waits(undefined), waits([approval]))).outcome).toBe('completed');
  });

  test('stops and drops nothing: all chunks come, and each layer has completed', async () => {
    const log: string[] = [];
    const { middleware, calls } = model();
    const stream = new Pipeline([witness(log), waits([approval]), middleware]).executeStream('user', 'hi');
    const chunks: ExecutionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.map(({ type, index }) => `${index} ${type}`)).toEqual([
      '0 content',
      '1 tool_call',
      '2 done',
    ]);
    expect(log).toEqual(['witness end completed', 'witness onEnd interrupted approval']);
    expect(calls.map(({ span }) => span.span.outcome)).toEqual(['completed']);
    expect((await stream.result).trace.map(({ outcome }) => outcome)).toEqual(['interrupted', 'completed']);
  });

  test('delivers the half of a character that was held back to the end', async () => {
    const { middleware } = answers([[text('ab\ud83d')], stop()]);
    const result = await new Pipeline([waits([client]), middleware]).execute('user', 'hi');
    expect(result.response.content).toBe('ab\ufffd');
  });

  test('loses to an interrupt before it, and its calls are not told', async () => {
    const stops: Middleware = function stops(context, next) {
      return next().tap({ end: () => context.interrupt('enough') });
    };
    const result = await execute(stops, waits([approval]));
    expect([result.outcome, result.reason]).toEqual(['interrupted', 'enough']);
  });

  test('gives the result calls of its own, as plain data', async () => {
    const given = Object.freeze({ ...approval, metadata: { by: 'rule 4' } });
    const result = await execute(waits(Object.freeze([given])));
    expect(JSON.parse(JSON.stringify(result.pending))).toEqual([given]);
    expect(result.pending?.[0]).not.toBe(given);
  });

  test('ends the turn of a session as interrupted', async () => {
    const store = new MemoryStore();
    const pipeline = new Pipeline([waits([approval]), model().middleware], { store });
    await pipeline.executeWithContext('s', 'user', 'hi', { turnId: 't' });
    const turn = await store.turn('s', 't.reply');
    expect(turn?.end).toMatchObject({
      outcome: 'interrupted',
      reason: 'approval',
      finishReason: 'tool_calls',
    });
  });

  test.each([
    ['no list', { 0: approval }, 'pending is an object'],
    ['a string', ['a'], 'pending[0] is a string'],
    ['no id', [approval, { ...approval, callId: undefined }], 'pending[1] is an object'],
    ['something else to wait for', [{ ...approval, waitsFor: 'rain' }], 'pending[0] is an object'],
    ['a function', [{ ...approval, metadata: { f: () => 1 } }], 'pending.0.metadata.f is not plain data'],
  ])('that are %s is an error that names the layer', async (_, pending, message) => {
    const error = await failureOf(execute(waits(pending)));
    expect(error.code).toBe('middleware');
    expect(error.message).toContain(`Middleware "waits" returned a reply whose ${message}`);
  });
});
