import { describe, expect, test, vi } from 'vitest';
import { Pipeline, SluiceError } from 'sluice';
import { memoryLog } from '../../../server/log/memory-log.ts';
import { resumable } from '../../../server/resumable/resumable.ts';
import { Model, answers, failureOf, says, stop, text, texts } from '../../core/harness.ts';
import { linesOf } from '../../session/stage.ts';
import { Stage, reading, streamIn, tick, virtualTime } from './stage.ts';

const session = { owner: 'ada', id: 's' };

virtualTime();

describe('a turn that runs apart from its connection', () => {
  test('gives its start, its chunks with their places, and its end', async () => {
    const { runs } = new Stage().process(says('a', 'b'));
    const got = reading(runs.stream(session, 'hi', { turnId: 't', model: 'm' }));
    await tick();
    await got.done;
    const [start, ...rest] = got.items;
    expect(start).toEqual({
      type: 'start',
      start: { turnId: 't', session, model: 'm', startedAt: expect.any(Number) },
      resets: [],
      count: 0,
    });
    expect(rest.map((item) => item.type !== 'start' && [item.type, item.position])).toEqual([
      ['chunk', 1],
      ['chunk', 2],
      ['end', 3],
    ]);
    expect(got.end).toMatchObject({ outcome: 'completed', finishReason: 'stop', by: 'owner' });
    expect(JSON.stringify(got.items)).not.toContain('trace');
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([
    [
      'signal',
      new AbortController().signal,
      /^resumable\(\): a turn does not end with its caller: take signal out, and call stop\(\)/,
    ],
    ['steps', {}, /^resumable\(\): steps is not an option: take it out or fix its name\.$/],
    ['temperature', 0.5, /^resumable\(\): temperature is not an option/],
  ])('refuses what it would leave out: %s', (name, value, message) => {
    const { runs } = new Stage().process(says('a'));
    const stream = (options: object): unknown => Reflect.apply(runs.stream, runs, [session, 'hi', options]);
    const error = { code: 'invalid_options', message: expect.stringMatching(message) };
    expect(() => stream({ [name]: value })).toThrow(expect.objectContaining(error));
    expect(() => stream({ [name]: undefined })).not.toThrow();
  });

  test('runs nothing before the first read', async () => {
    const model = new Model();
    const { runs, log } = new Stage().process(model.middleware);
    const stream = runs.stream(session, 'hi');
    await tick();
    expect([model.log, log.calls]).toEqual([[], []]);
    await stream.close();
    expect(await stream.next()).toBeUndefined();
    expect(log.calls).toEqual([]);
  });

  test('goes on when its reader leaves, and is stored', async () => {
    const stage = new Stage();
    const model = new Model().give(texts('a '));
    const { runs } = stage.process(model.middleware);
    const stream = runs.stream(session, 'hi', { turnId: 't' });
    const got = reading(stream);
    await tick();
    await stream.close();
    model.give(texts('b'), stop());
    await tick();
    await got.done;
    expect([got.text, got.end]).toEqual(['a ', undefined]);
    expect(await linesOf(stage.store, session)).toEqual(['user: hi', 'assistant: a b']);
    const again = reading(await streamIn(runs.read(stream.key)));
    await tick();
    expect([again.text, again.end?.outcome]).toEqual(['a b', 'completed']);
  });

  test('gives nobody a chunk before the log has it', async () => {
    const stage = new Stage();
    const model = new Model().give(texts('a'));
    const { runs, log } = stage.process(model.middleware);
    const got = reading(runs.stream(session, 'hi'));
    await tick();
    log.halt();
    model.give(texts('b'));
    await tick(10);
    expect(got.text).toBe('a');
    log.goOn();
    await tick();
    expect(got.text).toBe('ab');
    await runs.close({ signal: AbortSignal.abort() });
  });

  test('sends what comes while an append is under way with the next one', async () => {
    const model = new Model().give(texts('a'));
    const { runs, log } = new Stage().process(model.middleware, {}, { streamBufferSize: 100 });
    const got = reading(runs.stream(undefined, 'hi'));
    await tick();
    const before = log.count('append');
    log.halt();
    for (const piece of 'bcdefgh') model.give(texts(piece));
    await tick(10);
    log.goOn();
    await tick();
    expect([got.text, log.count('append') - before]).toEqual(['abcdefgh', 2]);
    await runs.close({ signal: AbortSignal.abort() });
  });

  test('coalesceMs: the first append is made at once, those that follow have their distance, and the end does not wait', async () => {
    const model = new Model().give(texts('a'));
    const { runs, log } = new Stage().process(model.middleware, { coalesceMs: 50 });
    const got = reading(runs.stream(undefined, 'hi'));
    await tick();
    expect(got.text).toBe('a');
    for (const piece of 'bcdef') {
      model.give(texts(piece));
      await tick(10);
    }
    expect(got.text).toBe('abcdef');
    expect(log.count('append')).toBe(2);
    model.give(texts('g'), stop());
    await tick(50);
    await got.done;
    expect(got.end?.outcome).toBe('completed');
  });

  test('the model is not read while 256 chunks wait for the log', async () => {
    let given = 0;
    const { runs, log } = new Stage().process(async function* many() {
      for (; given < 5_000; given++) yield text('x');
      return { finishReason: 'stop' };
    });
    const got = reading(runs.stream(undefined, 'hi'));
    log.afterwards = (verb) => {
      if (verb === 'append') log.halt();
    };
    await tick(100);
    expect(given).toBeLessThan(600);
    log.afterwards = undefined;
    log.goOn();
    await tick(100);
    await got.done;
    expect(got.text).toHaveLength(5_000);
  });

  test('R13 a reader that does not keep up holds a page, however much there is', async () => {
    const { runs } = new Stage().process(async function* many() {
      for (let at = 0; at < 20_000; at++) yield text('x');
      return { finishReason: 'stop' };
    });
    const stream = runs.stream(undefined, 'hi');
    await Promise.all([stream.next(), tick()]);
    await tick();
    expect(runs.size).toBe(0);
    let most = 0;
    let count = 0;
    for (let items = await stream.next(); items !== undefined; items = await stream.next()) {
      most = Math.max(most, items.length);
      count += items.length;
    }
    expect([count, most < 1_100]).toEqual([20_001, true]);
  });

  test('a turn without a session is read by its owner and its id alone', async () => {
    const { runs } = new Stage().process(says('a'));
    const stream = runs.stream(undefined, 'hi', { owner: 'ada', turnId: 't' });
    await Promise.all([reading(stream).done, tick()]);
    expect(stream.key).toEqual({ owner: 'ada', id: 't' });
    expect((await runs.read({ owner: 'ada', id: 't' })).as).toBe('stream');
    expect((await runs.read({ owner: 'eve', id: 't' })).as).toBe('unknown');
  });

  test('wrong arguments are told at once', () => {
    const { runs } = new Stage().process(says('a'));
    expect(() => runs.stream(undefined, [])).toThrow('messages is an empty array');
    expect(() => runs.stream(undefined, 'hi', { onBusy: 'queue' })).toThrow('onBusy');
    expect(() => runs.stream(undefined, 'hi', { edit: 'x' })).toThrow('session');
  });

  test('options that are wrong are named', () => {
    const pipeline = new Pipeline([says('a')]);
    expect(() => resumable(pipeline, { log: memoryLog(), leaseMs: 5 })).toThrow('leaseMs');
    expect(() => Reflect.apply(resumable, undefined, [undefined, { log: memoryLog() }])).toThrow('pipelines');
    const named = resumable({ chat: pipeline }, { log: memoryLog() });
    expect(() => named.stream(undefined, 'hi', { name: 'other' })).toThrow('name');
    expect(() => named.stream(undefined, 'hi')).toThrow('name');
  });

  test('an error of the model is the end of the stream', async () => {
    const { runs } = new Stage().process(
      answers([[text('a')], new SluiceError('overloaded', 'secret')]).middleware,
    );
    const got = reading(runs.stream(undefined, 'hi'));
    await tick();
    await got.done;
    expect([got.text, got.end?.outcome, got.end?.error?.code, got.end?.error?.retryable]).toEqual([
      ...['a', 'failed', 'overloaded', true],
    ]);
    expect(JSON.stringify(got.items)).not.toContain('secret');
  });
});

describe('R63 a second reader', () => {
  test('gets the turn from its first chunk, then live, on another process too', async () => {
    const stage = new Stage();
    const model = new Model().give(texts('a ', 'b '));
    const one = stage.process(model.middleware);
    const two = stage.process(says('never'));
    const first = reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    const here = reading(await streamIn(one.runs.join(session)));
    const there = reading(await streamIn(two.runs.join(session)));
    await tick();
    expect([here.text, there.text]).toEqual(['a b ', 'a b ']);
    model.give(texts('c'));
    await tick();
    expect([first.text, here.text, there.text]).toEqual(['a b c', 'a b c', 'a b c']);
    model.give(stop());
    await tick();
    for (const got of [first, here, there])
      expect(got.items).toEqual(first.items.map((item, at) => (at === 0 ? got.items[0] : item)));
    expect(first.end?.outcome).toBe('completed');
    expect(model.calls).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('reads each chunk once from a log whose pages begin before what was asked for', async () => {
    const stage = new Stage();
    const log = memoryLog();
    const read = log.read.bind(log);
    // A log may keep appends together, and gives whole entries.
    log.read = async (key, options) => {
      const page = await read(key, { ...options, after: 0 });
      const chunks = page?.entries.flatMap((entry) => entry.chunks) ?? [];
      const [first] = page?.entries ?? [];
      if (page === undefined || first === undefined || chunks.length <= options.after) return page;
      return { ...page, entries: [{ ...first, chunks }] };
    };
    const model = new Model().give(texts('a '));
    const one = stage.process(model.middleware, { log });
    const two = stage.process(says('never'), { log });
    const first = reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    const there = reading(await streamIn(two.runs.join(session)));
    await tick();
    model.give(texts('b ', 'c '));
    await tick();
    model.give(texts('d'), stop());
    await tick(1_000);
    expect([first.text, there.text]).toEqual(['a b c d', 'a b c d']);
    expect(there.items.map((item) => item.type !== 'start' && item.position)).toEqual([false, 1, 2, 3, 4, 5]);
  });

  test('the same turn sent again joins: one call of the model, one message in the session', async () => {
    const stage = new Stage();
    const model = new Model().give(texts('a '));
    const one = stage.process(model.middleware);
    const two = stage.process(says('never'));
    const first = reading(one.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    const second = reading(two.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    expect(second.text).toBe('a ');
    model.give(texts('b'), stop());
    await tick();
    const third = reading(two.runs.stream(session, 'hi', { turnId: 't' }));
    await tick();
    expect([first.text, second.text, third.text]).toEqual(['a b', 'a b', 'a b']);
    expect(await linesOf(stage.store, session)).toEqual(['user: hi', 'assistant: a b']);
  });

  test('another body under the id of a turn is a conflict', async () => {
    const { runs } = new Stage().process(says('a'));
    await Promise.all([reading(runs.stream(session, 'hi', { turnId: 't' })).done, tick()]);
    const other = failureOf(runs.stream(session, 'something else', { turnId: 't' }).next());
    await tick();
    expect((await other).code).toBe('conflict');
    const model = failureOf(runs.stream(session, 'hi', { turnId: 't', model: 'n' }).next());
    await tick();
    expect((await model).code).toBe('conflict');
    const same = reading(runs.stream(session, 'hi', { turnId: 't', timeoutMs: 5_000 }));
    await tick();
    expect(same.text).toBe('a');
  });

  test('nothing to join is said so', async () => {
    const { runs } = new Stage().process(says('a'));
    expect(await runs.join(session)).toEqual({ as: 'unknown' });
    await Promise.all([reading(runs.stream(session, 'hi', { turnId: 't' })).done, tick()]);
    expect(await runs.join(session)).toEqual({ as: 'unknown' });
  });
});

describe('reading with a cursor', () => {
  test('says when the client is at the end, or ahead of what there is', async () => {
    const { runs } = new Stage().process(says('a'));
    const stream = runs.stream(undefined, 'hi', { turnId: 't' });
    await Promise.all([reading(stream).done, tick()]);
    const at = (position: number) => runs.read(stream.key, { after: { position, sub: 0 } });
    expect(await at(1)).toMatchObject({ as: 'stream', hasEnded: false });
    expect(await at(2)).toMatchObject({ as: 'stream', hasEnded: true });
    expect(await at(3)).toEqual({ as: 'ahead' });
  });

  test('waits three seconds for a log that has less than the client', async () => {
    const model = new Model().give(texts('a'));
    const { runs } = new Stage().process(model.middleware);
    const stream = runs.stream(undefined, 'hi', { turnId: 't' });
    const got = reading(stream);
    await tick();
    let answer: string | undefined;
    void runs.read(stream.key, { after: { position: 2, sub: 0 } }).then(({ as }) => (answer = as));
    await tick(2_000);
    expect(answer).toBeUndefined();
    model.give(texts('b'));
    await tick(200);
    expect(answer).toBe('stream');
    void runs.read(stream.key, { after: { position: 9, sub: 0 } }).then(({ as }) => (answer = as));
    await tick(3_200);
    expect(answer).toBe('ahead');
    model.give(stop());
    await tick();
    await got.done;
  });

  test('a log that has lost the first chunks is a gap, and a reader that is too slow fails', async () => {
    const stage = new Stage();
    const log = memoryLog({ maxStreamBytes: 5_000 });
    const model = new Model().give(texts('a'));
    const pipeline = new Pipeline([model.middleware], { store: stage.store });
    const runs = resumable(pipeline, { log });
    const other = resumable(pipeline, { log });
    const stream = runs.stream(undefined, 'hi', { turnId: 't' });
    const slow = await Promise.all([stream.next(), tick()]);
    expect(slow[0]).toHaveLength(1);
    const late = await streamIn(other.read(stream.key));
    await late.next();
    for (let at = 0; at < 600; at++) model.give(texts('some text '));
    await tick();
    expect(await other.read(stream.key)).toMatchObject({ as: 'gap' });
    const error = await failureOf(late.next());
    expect([error.code, error.retryable]).toEqual(['truncated', false]);
    model.give(stop());
    await tick();
  });
});

describe('a turn that has ended and is sent again', () => {
  test('is read again; with `again` it runs once more, and what it said before is void', async () => {
    const stage = new Stage();
    const { middleware, calls } = answers(
      [[text('a ')], new SluiceError('server', 'down')],
      [[text('b')], stop()],
    );
    const { runs } = stage.process(middleware);
    const ask = (again: boolean) => runs.stream(session, 'hi', { turnId: 't', again });
    await Promise.all([reading(ask(false)).done, tick()]);
    const read = reading(ask(false));
    await tick();
    expect([read.text, read.end?.outcome, calls.length]).toEqual(['a ', 'failed', 1]);
    const again = reading(ask(true));
    await tick();
    expect([again.text, again.end?.outcome, calls.length]).toEqual(['b', 'completed', 2]);
    const done = reading(ask(true));
    await tick();
    expect([done.text, calls.length]).toEqual(['b', 2]);
    const places = done.items.map((item) => (item.type === 'start' ? 0 : item.position));
    expect(places).toEqual([0, 1, 2, 3, 4]);
  });
});
