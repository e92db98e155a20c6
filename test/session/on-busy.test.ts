import { afterEach, describe, expect, test, vi } from 'vitest';
import { MemoryStore, Pipeline, SluiceError } from 'sluice';
import type { Middleware, PipelineOptions } from 'sluice';
import { Model, answers, counted, failureOf, readAll, says, settled, stop, texts } from '../core/harness.ts';
import { TroubledStore, lineOf, linesOf, processes } from './stage.ts';

afterEach(() => void vi.useRealTimers());

const fakeTimers = (): void =>
  void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });

/** Runs turns until all are over: `finish` ends the model's runs, one after another. */
async function finishAll<T>(turns: Promise<T>[], finish: () => void): Promise<T[]> {
  let over = false;
  const all = Promise.all(turns).finally(() => (over = true));
  while (!over) {
    finish();
    await settled();
  }
  return all;
}

describe('queue', () => {
  test('R33 turns of two pipelines over one store queue up, in the order of asking', async () => {
    const store = new MemoryStore();
    const log: string[] = [];
    const { middleware, finish } = counted(log);
    const pipelines = [1, 2].map(() => new Pipeline([middleware], { store }));
    const turns = ['a', 'b', 'c', 'd'].map((name, at) => {
      const pipeline = pipelines[at % 2] ?? new Pipeline([middleware]);
      return pipeline.executeWithContext('s', 'user', name);
    });
    await settled();
    expect(log).toEqual(['a runs']);
    await finishAll(turns, finish);
    expect(log).toEqual(['a runs', 'b runs', 'c runs', 'd runs']);
    expect(await linesOf(store)).toEqual(
      ['a', 'b', 'c', 'd'].flatMap((name) => [`user: ${name}`, 'assistant: x']),
    );
  });

  test('a session that another process has is requested again, with longer and longer waits', async () => {
    fakeTimers();
    const store = new TroubledStore();
    const theirs = await store.lease('s', 60_000);
    const turn = new Pipeline([says('a')], { store, executionTimeoutMs: 0 }).executeWithContext(
      's',
      'user',
      'hi',
    );
    await vi.advanceTimersByTimeAsync(1_000);
    const soon = store.count('lease');
    await vi.advanceTimersByTimeAsync(10_000);
    const later = store.count('lease') - soon;
    expect(soon).toBeGreaterThan(6);
    expect(later).toBeGreaterThanOrEqual(40);
    expect(later).toBeLessThanOrEqual(80);
    await theirs.release();
    await vi.advanceTimersByTimeAsync(250);
    expect((await turn).outcome).toBe('completed');
  });

  test('the wait for another process ends when the signal aborts, and leaves no timer or listener', async () => {
    fakeTimers();
    const store = new TroubledStore();
    await store.lease('s', 60_000);
    const abort = new AbortController();
    const turn = failureOf(
      new Pipeline([says('a')], { store, executionTimeoutMs: 0 }).executeWithContext('s', 'user', 'hi', {
        signal: abort.signal,
      }),
    );
    await vi.advanceTimersByTimeAsync(100);
    abort.abort();
    expect((await turn).code).toBe('aborted');
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(0);
    const asked = store.count('lease');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(store.count('lease')).toBe(asked);
    expect(await linesOf(store)).toEqual([]);
  });

  test('a wait that ends by the deadline is a timeout of the queue', async () => {
    fakeTimers();
    const store = new MemoryStore();
    await store.lease('s', 60_000);
    const turn = failureOf(
      new Pipeline([says('a')], { store }).executeWithContext('s', 'user', 'hi', {
        deadline: Date.now() + 500,
      }),
    );
    await vi.advanceTimersByTimeAsync(500);
    expect(await turn).toMatchObject({ code: 'timeout', phase: 'queue' });
  });

  test('maxQueuedTurns bounds those of all pipelines over the store', async () => {
    const store = new MemoryStore();
    const { middleware, finish } = counted([]);
    const options: PipelineOptions = { store, maxQueuedTurns: 1 };
    const [one, two] = [new Pipeline([middleware], options), new Pipeline([middleware], options)];
    const turns = [one.executeWithContext('s', 'user', 'a'), two.executeWithContext('s', 'user', 'b')];
    expect(await failureOf(one.executeWithContext('s', 'user', 'c'))).toMatchObject({
      code: 'session_busy',
      retryable: true,
    });
    await finishAll(turns, finish);
    expect(await linesOf(store)).toHaveLength(4);
  });

  test('R12 a thousand turns under one signal leave no listener on it', async () => {
    const { signal } = new AbortController();
    let listening = 0;
    const count =
      <A extends unknown[]>(by: number, real: (...given: A) => void) =>
      (...given: A): void => {
        listening += by;
        real.apply(signal, given);
      };
    signal.addEventListener = count(1, signal.addEventListener.bind(signal));
    signal.removeEventListener = count(-1, signal.removeEventListener.bind(signal));
    const pipeline = new Pipeline([says('a')], { maxQueuedTurns: 1_000 });
    await Promise.all(
      Array.from({ length: 1_000 }, (_, at) =>
        pipeline.executeWithContext(`s${at % 10}`, 'user', 'hi', { signal }),
      ),
    );
    expect(listening).toBe(0);
  });
});

describe('reject', () => {
  test('fails while another turn runs, as an option of the pipeline or of the call', async () => {
    const { middleware, finish } = counted([]);
    const strict = new Pipeline([middleware], { onBusy: 'reject' });
    const first = strict.executeWithContext('s', 'user', 'a');
    await settled();
    expect(await failureOf(strict.executeWithContext('s', 'user', 'b'))).toMatchObject({
      code: 'session_busy',
      retryable: true,
    });
    const patient = strict.executeWithContext('s', 'user', 'c', { onBusy: 'queue' });
    await finishAll([first, patient], finish);
    expect(
      (await failureOf(new Pipeline([says('a')]).execute('user', 'x', { onBusy: 'reject' }))).message,
    ).toContain('onBusy is for turns of a session');
  });

  test('fails at once while another process has the session', async () => {
    const store = new TroubledStore();
    const theirs = await store.lease('s', 60_000);
    const pipeline = new Pipeline([says('a')], { store, onBusy: 'reject' });
    expect((await failureOf(pipeline.executeWithContext('s', 'user', 'hi'))).code).toBe('session_busy');
    expect(store.count('lease')).toBe(2);
    await theirs.release();
    expect((await pipeline.executeWithContext('s', 'user', 'hi')).outcome).toBe('completed');
  });

  test('gets a session whose turn has just ended, in this process and in another', async () => {
    const store = new TroubledStore();
    const pipeline = new Pipeline([says('a')], { store, onBusy: 'reject' });
    for (let turn = 0; turn < 3; turn++) {
      await pipeline.executeWithContext('s', 'user', 'hi');
      await (await store.lease('s', 60_000)).release();
    }
    for await (const chunk of pipeline.executeStreamWithContext('s', 'user', 'hi'))
      if (chunk.type === 'done') await (await store.lease('s', 60_000)).release();
  });
});

test('a turn ends when its session is free, and not before', async () => {
  const store = new TroubledStore();
  const gate = Promise.withResolvers<void>();
  store.trouble('append', Promise.resolve());
  store.trouble('append', new SluiceError('store', 'broken', { retryable: false }));
  store.trouble('release', gate.promise);
  let over = false;
  const turn = new Pipeline([says('a')], { store }).executeWithContext('s', 'user', 'hi');
  void turn.then(() => (over = true));
  await settled();
  expect([store.log.at(-1), over]).toEqual(['release', false]);
  gate.resolve();
  expect((await turn).outcome).toBe('completed');
});

describe('supersede', () => {
  test('ends the turn that runs, which stores what it has, and takes its place', async () => {
    const store = new MemoryStore();
    const model = new Model().give(texts('half an '));
    const first = readAll(
      new Pipeline([model.middleware], { store }).executeStreamWithContext('s', 'user', 'a'),
    );
    await settled();
    const sent: unknown[] = [];
    const looks: Middleware = function looks(context, next) {
      sent.push(...context.request.messages.map(lineOf));
      return next();
    };
    const pipeline = new Pipeline([looks, says('whole')], { store });
    const second = await pipeline.executeWithContext('s', 'user', 'b', { onBusy: 'supersede' });
    const { content, error } = await first;
    expect([content, error?.code, error?.partial?.content]).toEqual(['half an ', 'aborted', 'half an ']);
    expect(error?.message).toContain('superseded');
    expect(second.response.content).toBe('whole');
    expect(await linesOf(store)).toEqual(['user: a', 'assistant: half an  *', 'user: b', 'assistant: whole']);
    expect(sent).toEqual(['user: a', 'assistant: half an  *', 'user: b']);
    expect(model.log).toContain('model 1 closed: aborted');
  });

  test('also ends waiting turns: the newest wins, and nothing of the others is stored', async () => {
    const store = new MemoryStore();
    const { middleware, finish } = counted([]);
    const pipeline = new Pipeline([middleware], { store, onBusy: 'supersede', closeTimeoutMs: 50 });
    const run = (name: string): Promise<unknown> =>
      pipeline.executeWithContext('s', 'user', name).catch((error: unknown) => error);
    const waits = pipeline.executeWithContext('s', 'user', 'a');
    await settled();
    const queued = failureOf(pipeline.executeWithContext('s', 'user', 'q', { onBusy: 'queue' }));
    await settled();
    const turns = [failureOf(waits), queued, run('b'), run('c'), run('d')];
    const over = await finishAll<unknown>(turns, finish);
    expect(over.map((one) => (one instanceof Error ? one.message : 'done'))).toEqual([
      ...Array.from({ length: 4 }, () => 'The turn was superseded by another of the session "s".'),
      'done',
    ]);
    expect(await linesOf(store)).toEqual(['user: a', 'user: d', 'assistant: x']);
  });

  test('a turn that has finished already keeps its result', async () => {
    const store = new TroubledStore();
    const gate = Promise.withResolvers<void>();
    const pipeline = new Pipeline([says('first')], { store });
    const first = pipeline.executeWithContext('s', 'user', 'a');
    store.trouble('append', Promise.resolve());
    store.trouble('append', gate.promise);
    await settled();
    const second = pipeline.executeWithContext('s', 'user', 'b', { onBusy: 'supersede' });
    await settled();
    gate.resolve();
    expect([(await first).outcome, (await second).outcome]).toEqual(['completed', 'completed']);
    expect(await linesOf(store)).toEqual(['user: a', 'assistant: first', 'user: b', 'assistant: first']);
  });

  test('R42 takes the session from another process, whose late append is refused', async () => {
    const [one, two] = processes();
    const model = new Model().give(texts('half an '));
    const slow = new Pipeline([model.middleware], { store: one });
    const first = readAll(slow.executeStreamWithContext('s', 'user', 'a'));
    await settled();
    const fast = new Pipeline([says('mine')], { store: two, onBusy: 'supersede' });
    expect((await fast.executeWithContext('s', 'user', 'b')).response.content).toBe('mine');
    model.give(texts('late'), stop());
    const { result } = await first;
    expect(result?.unsaved?.map(({ content }) => content)).toEqual(['half an late']);
    expect(result?.warnings[0]).toContain('not saved');
    expect(await linesOf(two)).toEqual(['user: a', 'user: b', 'assistant: mine']);
  });

  test('does not wait forever for a turn that cannot end', async () => {
    fakeTimers();
    const store = new TroubledStore();
    const model = new Model().give(texts('half an '));
    const pipeline = new Pipeline([model.middleware], {
      store,
      executionTimeoutMs: 0,
      saveTimeoutMs: 60_000,
    });
    const first = failureOf(pipeline.executeWithContext('s', 'user', 'a'));
    await vi.advanceTimersByTimeAsync(0);
    store.trouble('append', new Promise<never>(() => undefined));
    const second = new Pipeline([says('mine')], { store, onBusy: 'supersede' }).executeWithContext(
      's',
      'user',
      'b',
    );
    await vi.advanceTimersByTimeAsync(4_900);
    expect(store.log).not.toContain('lease takeOver');
    await vi.advanceTimersByTimeAsync(200);
    expect((await second).outcome).toBe('completed');
    await vi.advanceTimersByTimeAsync(60_000);
    expect((await first).code).toBe('aborted');
    expect(await linesOf(store)).toEqual(['user: a', 'user: b', 'assistant: mine']);
  });

  test('a waiting turn that is superseded leaves the queue at once: the newest runs as soon as the running one ends', async () => {
    fakeTimers();
    const store = new TroubledStore();
    const model = new Model().give(texts('half '));
    const pipeline = new Pipeline([model.middleware], { store, executionTimeoutMs: 0 });
    const first = failureOf(pipeline.executeWithContext('s', 'user', 'a'));
    await vi.advanceTimersByTimeAsync(0);
    const waiting = failureOf(pipeline.executeWithContext('s', 'user', 'b'));
    await vi.advanceTimersByTimeAsync(0);
    const newest = new Pipeline([says('mine')], { store, onBusy: 'supersede' }).executeWithContext(
      's',
      'user',
      'c',
    );
    await vi.advanceTimersByTimeAsync(0);
    expect((await newest).response.content).toBe('mine');
    expect([(await first).code, (await waiting).code]).toEqual(['aborted', 'aborted']);
    expect(await linesOf(store)).toEqual(['user: a', 'assistant: half  *', 'user: c', 'assistant: mine']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a superseded turn that ends late leaves a queue that is not its own any more as it is', async () => {
    fakeTimers();
    const store = new TroubledStore();
    const stuck = new Model().give(texts('half '));
    const first = failureOf(
      new Pipeline([stuck.middleware], {
        store,
        executionTimeoutMs: 0,
        saveTimeoutMs: 60_000,
      }).executeWithContext('s', 'user', 'a'),
    );
    await vi.advanceTimersByTimeAsync(0);
    const gate = Promise.withResolvers<void>();
    store.trouble('append', gate.promise);
    const model = new Model().give(texts('mine'));
    const pipeline = new Pipeline([model.middleware], { store, executionTimeoutMs: 0 });
    const second = pipeline.executeWithContext('s', 'user', 'b', { onBusy: 'supersede' });
    // The first has 5 seconds to end. Then the second overtakes it.
    await vi.advanceTimersByTimeAsync(5_010);
    const third = pipeline.executeWithContext('s', 'user', 'c');
    await vi.advanceTimersByTimeAsync(0);
    gate.resolve();
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await first).code).toBe('aborted');
    expect(model.log).toEqual(['model 1 called']);
    model.give(stop());
    await vi.advanceTimersByTimeAsync(10);
    expect((await second).outcome).toBe('completed');
    expect(model.log).toEqual(['model 1 called', 'model 1 called']);
    model.give(texts('next'), stop());
    await vi.advanceTimersByTimeAsync(10);
    expect((await third).response.content).toBe('next');
    expect(await linesOf(store)).toEqual([
      'user: a',
      'user: b',
      'assistant: mine',
      'user: c',
      'assistant: next',
    ]);
  });

  test('a turn is superseded while it waits for a slot, too', async () => {
    const store = new MemoryStore();
    const { middleware, finish } = counted([]);
    const pipeline = new Pipeline([middleware], { store, maxConcurrentExecutions: 1 });
    const other = pipeline.executeWithContext('other', 'user', 'x');
    await settled();
    const first = failureOf(pipeline.executeWithContext('s', 'user', 'a'));
    await settled();
    const second = pipeline.executeWithContext('s', 'user', 'b', { onBusy: 'supersede' });
    await finishAll<unknown>([other, first, second], finish);
    expect((await first).code).toBe('aborted');
    expect(await linesOf(store)).toEqual(['user: a', 'user: b', 'assistant: x']);
  });
});

test('onBusy is one of three words', async () => {
  const made = (async () => Reflect.construct(Pipeline, [[says('a')], { onBusy: 'later' }]))();
  expect((await failureOf(made)).message).toContain(
    'onBusy is a string: give "queue" or "reject" or "supersede"',
  );
});

test('a shutdown ends the turns that wait', async () => {
  const store = new MemoryStore();
  await store.lease('s', 60_000);
  const pipeline = new Pipeline([answers().middleware], { store, shutdownTimeoutMs: 10 });
  const turns = ['a', 'b'].map((name) => failureOf(pipeline.executeWithContext('s', 'user', name)));
  await settled();
  await pipeline.shutdown();
  expect((await Promise.all(turns)).map(({ code }) => code)).toEqual(['shutting_down', 'shutting_down']);
});
