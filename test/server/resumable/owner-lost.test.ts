import { describe, expect, test, vi } from 'vitest';
import { SluiceError, contextKey } from 'sluice';
import type { Middleware } from 'sluice';
import { Model, failureOf, says, settled, stop, texts } from '../../core/harness.ts';
import { linesOf } from '../../session/stage.ts';
import { GRACE_MS, LEASE_MS, STORED_MS, Stage, reading, streamIn, tick, virtualTime } from './stage.ts';

const session = { owner: 'ada', id: 's' };
const key = { owner: 'ada', id: 't' };

virtualTime();

describe('a process that dies', () => {
  test('without a session: its readers get lease_lost when the lease and the grace are over, late ones the same', async () => {
    const stage = new Stage();
    const one = stage.process(new Model().give(texts('a ')).middleware);
    const two = stage.process(says('never'));
    void reading(one.runs.stream(undefined, 'hi', { owner: 'ada', turnId: 't' }));
    await tick();
    const readers = [
      reading(await streamIn(two.runs.read(key))),
      reading(await streamIn(two.runs.read(key))),
    ];
    await tick();
    one.log.halt();
    await tick(LEASE_MS + GRACE_MS - 5);
    expect(readers.map(({ end }) => end)).toEqual([undefined, undefined]);
    await tick(10);
    for (const { text, end } of readers) {
      expect([text, end?.outcome, end?.reason, end?.by]).toEqual(['a ', 'failed', 'owner_lost', 'finder']);
      expect([end?.error?.code, end?.error?.retryable]).toEqual(['lease_lost', true]);
    }
    const late = reading(await streamIn(two.runs.read(key)));
    await tick();
    expect(late.end).toEqual(readers[0]?.end);
    one.log.goOn();
    await tick();
  });

  test('R40 with a session: whoever serves a reader runs it again; one reply is stored, and readers have one text', async () => {
    const stage = new Stage();
    const one = stage.process(new Model().give(texts('a ', 'b ')).middleware);
    const model = new Model().give(texts('c ', 'd'), stop());
    const two = stage.process(model.middleware);
    const asked = { turnId: 't', parameters: { temperature: 0.5 }, model: 'm', system: 'Be short.' };
    void reading(one.runs.stream(session, 'hi', asked));
    await tick();
    const readers = [
      reading(await streamIn(two.runs.join(session))),
      reading(await streamIn(two.runs.read(key))),
    ];
    await tick();
    expect(readers.map(({ text }) => text)).toEqual(['a b ', 'a b ']);
    one.log.halt();
    await tick(LEASE_MS + GRACE_MS + 5);
    await tick(20);
    for (const { text, end } of readers) expect([text, end?.outcome]).toEqual(['c d', 'completed']);
    expect(model.calls.map(({ request }) => [request.model, request.parameters])).toEqual([
      ['m', { temperature: 0.5 }],
    ]);
    expect(model.calls[0]?.request.messages[0]).toEqual({ role: 'system', content: 'Be short.' });
    // Indexes go on, and one reset lies between the two runs.
    const chunks = readers[0]?.items.flatMap((item) => (item.type === 'chunk' ? [item] : [])) ?? [];
    expect(chunks.map(({ chunk, position }) => [chunk.type, chunk.index, position])).toEqual([
      ['content', 0, 1],
      ['content', 1, 2],
      ['reset', 2, 3],
      ['content', 3, 4],
      ['content', 4, 5],
    ]);
    expect(chunks[2]?.chunk).toMatchObject({ calls: [1], reason: 'owner_lost' });
    expect(await linesOf(stage.store, session)).toEqual(['user: hi', 'assistant: c d']);
    one.log.goOn();
    await tick();
  });

  test.each([
    ['that finds it again later than the readers keeps its turn', true],
    ['that does not come back is lost after one more lease', false],
  ])('while the log is away for longer than the lease: a process %s', async (_what, comesBack) => {
    const stage = new Stage();
    const model = new Model().give(texts('a '));
    const one = stage.process(model.middleware);
    const other = new Model().give(texts('c'), stop());
    const two = stage.process(other.middleware);
    void reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    const got = reading(await streamIn(two.runs.read(key)));
    await tick();
    const away = new SluiceError('store', 'The log is away.');
    one.log.failure = away;
    two.log.failure = away;
    await tick(2 * LEASE_MS);
    two.log.failure = undefined;
    await tick(LEASE_MS / 2);
    expect([got.text, got.end]).toEqual(['a ', undefined]);
    if (comesBack) one.log.failure = undefined;
    else one.log.halt();
    model.give(texts('b'), stop());
    await tick(LEASE_MS + GRACE_MS);
    await tick(20);
    expect([got.text, got.end?.outcome]).toEqual([comesBack ? 'a b' : 'c', 'completed']);
    one.log.failure = undefined;
    one.log.goOn();
    await tick(LEASE_MS);
  });

  test('is found lost also if the log fails each second read', async () => {
    const stage = new Stage();
    const one = stage.process(new Model().give(texts('a ')).middleware);
    const two = stage.process(new Model().give(texts('c'), stop()).middleware);
    void reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    const got = reading(await streamIn(two.runs.read(key)));
    await tick();
    one.log.halt();
    const away = new SluiceError('store', 'The log is away.');
    const read = two.log.read;
    let calls = 0;
    two.log.read = (...given) => (calls++ % 2 === 0 ? Promise.reject(away) : read(...given));
    await tick(6 * LEASE_MS);
    expect(calls).toBeGreaterThan(4);
    expect([got.text, got.end?.outcome]).toEqual(['c', 'completed']);
    one.log.goOn();
    await tick();
  });

  test('that goes on after that is refused at its first append, and stores nothing', async () => {
    const stage = new Stage();
    const old = new Model().give(texts('a '));
    const one = stage.process(old.middleware);
    const model = new Model().give(texts('c '));
    const two = stage.process(model.middleware);
    const mine = reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    const got = reading(await streamIn(two.runs.read(key)));
    await tick();
    one.log.halt();
    old.give(texts('b '));
    await tick(LEASE_MS + GRACE_MS + 5);
    await tick(20);
    expect(got.text).toBe('c ');
    one.log.goOn();
    await tick();
    expect(old.log.at(-1)).toBe('model 1 closed: aborted');
    model.give(texts('d'), stop());
    await tick();
    // The reader of the old run goes on with the new one.
    expect([got.text, mine.text, mine.end?.outcome]).toEqual(['c d', 'c d', 'completed']);
    expect(await linesOf(stage.store, session)).toEqual(['user: hi', 'assistant: c d']);
    expect(one.runs.size + two.runs.size).toBe(0);
  });

  test('while nobody looks, and wakes up again, goes on as if nothing had been', async () => {
    const stage = new Stage();
    const model = new Model().give(texts('a '));
    const one = stage.process(model.middleware);
    const mine = reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    one.log.halt();
    await tick(3 * LEASE_MS);
    one.log.goOn();
    model.give(texts('b'), stop());
    await tick();
    expect([mine.text, mine.end?.outcome]).toEqual(['a b', 'completed']);
    expect(mine.items.some((item) => item.type === 'chunk' && item.chunk.type === 'reset')).toBe(false);
  });

  test('after it was asked to stop is not run again, and nothing of its text is void', async () => {
    const stage = new Stage();
    const one = stage.process(new Model().give(texts('a ')).middleware);
    const model = new Model();
    const two = stage.process(model.middleware);
    void reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    const got = reading(await streamIn(two.runs.read(key)));
    await tick();
    one.log.halt();
    expect(await two.runs.stop(key)).toMatchObject({ status: 'pending' });
    await tick(LEASE_MS + GRACE_MS + 5);
    await tick(STORED_MS);
    expect([got.text, got.end?.outcome, got.end?.reason, got.end?.by]).toEqual([
      ...['a ', 'cancelled', 'stopped', 'finder'],
    ]);
    expect(model.calls).toEqual([]);
    one.log.goOn();
    await tick();
  });

  test('a third time: the turn ends with lease_lost', async () => {
    const stage = new Stage();
    const dying = (): ReturnType<Stage['process']> => stage.process(new Model().give(texts('x')).middleware);
    const first = dying();
    const processes = [first, dying(), dying()];
    void reading(first.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    const calls: number[] = [];
    for (const [at, { log }] of processes.entries()) {
      const next = processes[at + 1];
      if (next !== undefined) void reading(await streamIn(next.runs.read(key)));
      await tick();
      log.halt();
      await tick(LEASE_MS + GRACE_MS + 5);
      await tick(20);
      if (next !== undefined) calls.push(next.runs.size);
    }
    const last = stage.process(says('never'));
    const got = reading(await streamIn(last.runs.read(key)));
    await tick(LEASE_MS + GRACE_MS);
    expect([calls, got.end?.error?.code]).toEqual([[1, 1], 'lease_lost']);
    for (const { log } of processes) log.goOn();
    await tick();
  });

  test('onOwnerLost: restart asks again without a session, end never', async () => {
    for (const [onOwnerLost, expected] of [
      ['restart', 'completed'],
      ['end', 'failed'],
    ] as const) {
      const stage = new Stage();
      const one = stage.process(new Model().give(texts('a ')).middleware, { onOwnerLost });
      const two = stage.process(says('b'), { onOwnerLost });
      const of = onOwnerLost === 'restart' ? undefined : session;
      void reading(one.runs.stream(of, 'hi', { turnId: 't', ...(of === undefined && { owner: 'ada' }) }));
      await tick();
      const got = reading(await streamIn(two.runs.read(key)));
      await tick();
      one.log.halt();
      await tick(LEASE_MS + GRACE_MS + 5);
      await tick(STORED_MS);
      expect(got.end?.outcome).toBe(expected);
      one.log.goOn();
      await tick();
    }
  });

  const Tenant = contextKey<string>('tenant');
  const tenants: Middleware = async function* tenants(context) {
    yield { type: 'content', content: `for ${context.get(Tenant) ?? 'nobody'}` };
    return { finishReason: 'stop' };
  };

  test('a turn that was given values is not run without them, but with those of runOptions', async () => {
    for (const isKnown of [false, true]) {
      const stage = new Stage();
      const runOptions = isKnown ? { runOptions: () => ({ values: [Tenant.with('ada')] }) } : {};
      const one = stage.process(new Model().give(texts('a ')).middleware, runOptions);
      const two = stage.process(tenants, runOptions);
      void reading(one.runs.stream(session, 'hi', { turnId: 't', values: [Tenant.with('ada')] }));
      await tick();
      const got = reading(await streamIn(two.runs.read(key)));
      await tick();
      one.log.halt();
      await tick(LEASE_MS + GRACE_MS + 5);
      await tick(STORED_MS);
      expect([got.text, got.end?.outcome]).toEqual(isKnown ? ['for ada', 'completed'] : ['a ', 'failed']);
      one.log.goOn();
      await tick();
    }
  });

  test('while another turn waits: the takeover does not end that one', async () => {
    const stage = new Stage();
    const one = stage.process(new Model().give(texts('a ')).middleware, {}, { leaseMs: 1_000 });
    const model = new Model().give(texts('b'), stop(), texts('c'), stop());
    const two = stage.process(model.middleware, {}, { leaseMs: 1_000 });
    void reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    const next = reading(two.runs.stream(session, 'ho', { turnId: 'next' }));
    const got = reading(await streamIn(two.runs.read(key)));
    await tick();
    one.log.halt();
    vi.spyOn(stage.store, 'lease');
    await tick(10_000);
    await tick(20);
    expect([got.end?.outcome, next.end?.outcome]).toEqual(['completed', 'completed']);
    one.log.goOn();
    await tick();
  });
});

describe('a log that fails', () => {
  const down = new SluiceError('store', 'The log is down.');

  test('for a while: nothing is lost or given twice, and the model waits', async () => {
    const model = new Model().give(texts('a '));
    const { runs, log } = new Stage().process(model.middleware);
    const got = reading(runs.stream(session, 'hi'));
    await tick();
    log.failure = down;
    model.give(texts('b '));
    await tick(5_000);
    expect(got.text).toBe('a ');
    log.failure = undefined;
    model.give(texts('c'), stop());
    await tick(250);
    await tick();
    expect([got.text, got.end?.outcome]).toEqual(['a b c', 'completed']);
  });

  test('that keeps a chunk and loses its answer: the chunk is there once, for readers here and elsewhere alike', async () => {
    const stage = new Stage();
    const model = new Model().give(texts('a '));
    const one = stage.process(model.middleware);
    const got = reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    const there = reading(await streamIn(stage.process(says('never')).runs.read(key)));
    await tick();
    let failures = 2;
    one.log.afterwards = (verb) => {
      if (verb === 'append' && failures-- > 0) throw down;
    };
    model.give(texts('b '));
    await tick(500);
    model.give(texts('c'), stop());
    await tick(500);
    expect([got.text, got.end?.outcome]).toEqual(['a b c', 'completed']);
    expect(got.items.slice(1)).toEqual(there.items.slice(1));
  });

  test('for longer than storeWaitMs: the run fails, and its readers say so', async () => {
    const stage = new Stage();
    const model = new Model().give(texts('a '));
    const { runs, log } = stage.process(model.middleware, { storeWaitMs: 2_000 });
    const got = reading(runs.stream(undefined, 'hi'));
    await tick();
    log.failure = down;
    model.give(texts('b '));
    await tick(2_100);
    expect([model.log.at(-1), runs.size]).toEqual(['model 1 closed: aborted', 0]);
    await tick(2_100);
    expect(got.error).toMatchObject({ code: 'store' });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('at the beginning: the first read says so, and no model is called', async () => {
    const model = new Model();
    const { runs, log } = new Stage().process(model.middleware, { storeWaitMs: 1_000 });
    log.failure = down;
    const failure = failureOf(runs.stream(undefined, 'hi').next());
    await tick(1_100);
    expect([(await failure).code, model.calls.length]).toEqual(['store', 0]);
  });

  test('that has lost the stream is said to its readers, and ends the run, which stores no reply', async () => {
    const stage = new Stage();
    const model = new Model().give(texts('a '));
    const one = stage.process(model.middleware);
    const got = reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    await stage.log.forget('ada');
    model.give(texts('b '));
    await tick();
    await settled();
    expect(got.error).toMatchObject({ code: 'store', retryable: false });
    expect([got.text, one.runs.size]).toEqual(['a ', 0]);
    expect(await linesOf(stage.store, session)).toEqual(['user: hi']);
  });

  test('that has lost its newest chunks gets them again, and readers that were ahead wait for them', async () => {
    const stage = new Stage();
    const model = new Model().give(texts('a ', 'b '));
    const one = stage.process(model.middleware);
    const mine = reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    // As if the log had been killed, and come back with less than it had.
    let lost = 0;
    const append = one.log.append;
    one.log.append = async (held, from, chunks, end) => {
      if (lost++ > 0) return append(held, from, chunks, end);
      return { next: 1, at: 0, unreadMs: 0 };
    };
    const given: number[] = [];
    const counted = one.log.append;
    one.log.append = (held, from, chunks, end) => {
      given.push(from);
      return counted(held, from, chunks, end);
    };
    model.give(texts('c'), stop());
    await tick();
    expect([mine.text, mine.end?.outcome, given.slice(0, 2)]).toEqual(['a b c', 'completed', [2, 1]]);
  });
});
