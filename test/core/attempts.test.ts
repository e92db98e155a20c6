import { describe, expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { Model, answers, failureOf, says, stop, text, texts } from './harness.ts';

describe('replies', () => {
  test("a generator's partial reply overlays the one it let through", async () => {
    const relabel: Middleware = async function* relabel(_context, next) {
      yield* next();
      return { model: 'mine' };
    };
    const model = new Model().give(texts('a'), stop({ model: 'theirs', finishReason: 'length' }));
    const result = await new Pipeline([relabel, model.middleware]).execute('user', 'hi');
    expect([result.model, result.response.finishReason]).toEqual(['mine', 'length']);
  });

  test('of several attempts in sequence the last one gives the reply', async () => {
    const twice: Middleware = async function* twice(_context, next) {
      yield* next();
      yield* next();
    };
    const { middleware } = answers(
      [texts('a'), stop({ finishReason: 'length' })],
      [texts('b'), stop({ finishReason: 'content_filter' })],
    );
    const { response, trace } = await new Pipeline([twice, middleware]).execute('user', 'hi');
    expect(response).toMatchObject({ content: 'ab', finishReason: 'content_filter' });
    expect(trace.filter(({ kind }) => kind === 'call')).toHaveLength(2);
  });

  test('a middleware that answers by itself makes no call', async () => {
    const model = new Model();
    const cached: Middleware = async function* cached() {
      yield text('kept');
      return { finishReason: 'stop' };
    };
    const result = await new Pipeline([cached, model.middleware]).execute('user', 'hi');
    expect(result.response.content).toBe('kept');
    expect([model.calls, result.usage.totalTokens, result.cost]).toEqual([
      [],
      0,
      { status: 'exact', totalUsd: 0 },
    ]);
  });

  test('one that gives neither a reply nor calls next() is named in an error', async () => {
    const empty: Middleware = async function* empty() {
      yield text('x');
    };
    const error = await failureOf(new Pipeline([empty, says('a')]).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'middleware', middleware: 'empty', partial: { content: 'x' } });
    expect(error.message).toContain('neither called next() nor returned a reply with a finishReason');
  });

  test('one that calls next() and forgets to read what it returns is named in an error', async () => {
    const forgetful: Middleware = async function* forgetful(_context, next) {
      next();
    };
    const error = await failureOf(new Pipeline([forgetful, says('a')]).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'middleware', middleware: 'forgetful' });
    expect(error.message).toContain('let none through');
  });
});

describe('lazy attempts', () => {
  test('next() starts nothing: the layer below runs at the first pull', async () => {
    const log: string[] = [];
    const late: Middleware = async function* late(_context, next) {
      const stream = next();
      log.push('before');
      yield text('-');
      log.push('pulled');
      return yield* stream;
    };
    const model = new Model({ log }).give(texts('a'), stop());
    await new Pipeline([late, model.middleware]).execute('user', 'hi');
    // The chunk of the layer has the number 1.
    expect(log).toEqual(['before', 'pulled', 'model 2 called']);
  });

  test('a stream that nobody pulls runs no body, no tap end and no onEnd, and its close is quiet', async () => {
    const log: string[] = [];
    const noisy: Middleware = function noisy(context, next) {
      log.push('body');
      context.onEnd(() => void log.push('onEnd'));
      return next().tap({ end: () => log.push('end') });
    };
    const stream = new Pipeline([noisy, says('a')]).executeStream('user', 'hi');
    await stream.close();
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(log).toEqual([]);
  });

  test('an attempt that a layer made and never pulled leaves nothing', async () => {
    const log: string[] = [];
    const spare: Middleware = async function* spare(_context, next) {
      next().tap({ end: () => log.push('spare end') });
      return yield* next();
    };
    const { trace } = await new Pipeline([spare, says('a')]).execute('user', 'hi');
    expect(log).toEqual([]);
    expect(trace.filter(({ kind }) => kind === 'call')).toHaveLength(1);
  });
});

describe('views and changes', () => {
  test('changes replace whole keys, and each layer sees its own request', async () => {
    const seen: Record<string, unknown> = {};
    const outer: Middleware = function outer(context, next) {
      const stream = next({ parameters: { topP: 0.5 } });
      seen['outer'] = context.request.parameters;
      return stream;
    };
    const inner: Middleware = function inner(context, next) {
      seen['inner'] = context.request.parameters;
      return next({ messages: [{ role: 'user', content: 'changed' }] });
    };
    const model = new Model().give(texts('a'), stop());
    const result = await new Pipeline([outer, inner, model.middleware]).execute('user', 'hi', {
      parameters: { temperature: 1, maxTokens: 5 },
      model: 'm',
    });
    expect(seen).toEqual({ outer: { temperature: 1, maxTokens: 5 }, inner: { topP: 0.5 } });
    expect(model.calls[0]?.request).toEqual({
      model: 'm',
      parameters: { topP: 0.5 },
      messages: [{ role: 'user', content: 'changed' }],
    });
    expect(result.messages[0]).toEqual({ role: 'user', content: 'hi' });
  });

  test('a second attempt starts from the request of the layer that makes it', async () => {
    const again: Middleware = async function* again(_context, next) {
      yield* next({ model: 'first' });
      return yield* next();
    };
    const { middleware, calls } = answers([stop()], [stop()]);
    await new Pipeline([again, middleware]).execute('user', 'hi', { model: 'own' });
    expect(calls.map(({ request }) => request.model)).toEqual(['first', 'own']);
  });
});

describe('hedging', () => {
  const hedge: Middleware = async function* hedge(_context, next) {
    const attempts = [next({ model: 'slow' }), next({ model: 'fast' })];
    const winner = await Promise.race(attempts.map((attempt) => attempt.ready().then(() => attempt)));
    return yield* winner;
  };

  test('the winner is delivered, and the loser is closed before the consumer learns of the end', async () => {
    const log: string[] = [];
    const slow = new Model({ log, name: 'slow' });
    const fast = new Model({ log, name: 'fast' }).give(texts('quick'), stop());
    const route: Middleware = function route(context) {
      return context.run(context.request.model === 'slow' ? slow.middleware : fast.middleware);
    };
    const outer: Middleware = function outer(_context, next) {
      return next().tap({ end: ({ outcome }) => log.push(`outer end ${outcome}`) });
    };
    const result = await new Pipeline([outer, hedge, route]).execute('user', 'hi');
    expect(result.response.content).toBe('quick');
    expect(log).toEqual(['slow 1 called', 'fast 2 called', 'slow 1 closed: aborted', 'outer end completed']);
    expect(result.trace.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
      'execution completed',
      'slow cancelled',
      'fast completed',
    ]);
  });

  test('closing the consumer closes both', async () => {
    const log: string[] = [];
    const model = new Model({ log });
    const stream = new Pipeline([hedge, model.middleware]).executeStream('user', 'hi');
    const read = stream.next();
    await new Promise<void>((resolve) => setImmediate(resolve));
    await stream.close();
    expect(await read).toEqual({ done: true, value: undefined });
    expect(log).toEqual([
      'model 1 called',
      'model 2 called',
      'model 1 closed: aborted',
      'model 2 closed: aborted',
    ]);
  });
});
