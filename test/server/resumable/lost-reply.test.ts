import { describe, expect, test } from 'vitest';
import { MemoryStore, SluiceError } from 'sluice';
import { Model, says, stop, texts } from '../../core/harness.ts';
import { linesOf } from '../../session/stage.ts';
import { GRACE_MS, LEASE_MS, STORED_MS, Stage, reading, streamIn, tick, virtualTime } from './stage.ts';
import type { Reading } from './stage.ts';

const session = { owner: 'ada', id: 's' };
const key = { owner: 'ada', id: 't' };
const SEEN = ['user: hi', 'assistant: a  *'];
const DEAD_MS = LEASE_MS + GRACE_MS + 5;

virtualTime();

type Process = ReturnType<Stage['process']>;

/** A process that runs a turn of which readers have seen `a `, and its model. */
async function dying(stage: Stage): Promise<{ one: Process; model: Model }> {
  const model = new Model().give(texts('a '));
  const one = stage.process(model.middleware);
  void reading(one.runs.stream(session, 'hi', { turnId: 't' }));
  await tick();
  return { one, model };
}

const finder = (stage: Stage): Process => stage.process(says('never'), { onOwnerLost: 'end' });

/** The death of a process is found, and what was seen is stored. */
async function found(): Promise<void> {
  await tick(DEAD_MS);
  await tick(STORED_MS);
}

/** Dead processes wake up, and are refused. */
async function wakeUp(...processes: Process[]): Promise<void> {
  for (const { log } of processes) log.goOn();
  await tick();
}

/** The store fails until the returned function is called. */
function breakStore({ store }: Stage): () => void {
  store.load = () => Promise.reject(new SluiceError('store', 'The store is down.'));
  return () => {
    store.load = MemoryStore.prototype.load.bind(store);
  };
}

async function readingOf({ runs }: Process): Promise<Reading> {
  const got = reading(await streamIn(runs.read(key)));
  await tick();
  return got;
}

/** The end of a stream and the history at the moment when the end is read. */
async function atTheEnd(stage: Stage, process: Process): Promise<() => unknown[]> {
  const stream = await streamIn(process.runs.read(key));
  const seen: unknown[] = [];
  void (async () => {
    for (let items = await stream.next(); items !== undefined; items = await stream.next())
      for (const item of items)
        if (item.type === 'end')
          seen.push(item.end.outcome, item.end.reason, await linesOf(stage.store, session));
  })();
  await tick();
  return () => seen;
}

describe('what was seen of a turn whose process died and that nobody runs again', () => {
  test('is in the session once its end can be read, and once only', async () => {
    const stage = new Stage();
    const { one } = await dying(stage);
    const finders = [finder(stage), finder(stage)];
    const ends = await Promise.all(finders.map((process) => atTheEnd(stage, process)));
    one.log.halt();
    await found();
    for (const seen of ends) expect(seen()).toEqual(['failed', 'owner_lost', SEEN]);
    const { turns, cost } = (await stage.store.load(session)) ?? {};
    expect([turns, cost?.status]).toEqual([1, 'estimated']);
    await wakeUp(one);
  });

  test('after a stop is stored as a cancelled reply, also if the stop came last', async () => {
    for (const isLast of [false, true]) {
      const stage = new Stage();
      const { one } = await dying(stage);
      const two = stage.process(says('never'));
      const seen = await atTheEnd(stage, two);
      one.log.halt();
      if (!isLast) await two.runs.stop(key);
      else {
        const open = two.log.open;
        two.log.open = async (...given) => {
          await stage.log.stop(key, 'stopped');
          return open(...given);
        };
      }
      await found();
      expect(seen()).toEqual(['cancelled', 'stopped', SEEN]);
      expect((await stage.store.turn(session, 't.reply'))?.end?.outcome).toBe('cancelled');
      await wakeUp(one);
    }
  });

  test('is stored by a sweep if nobody reads it', async () => {
    const stage = new Stage();
    const { one } = await dying(stage);
    one.log.halt();
    await tick(DEAD_MS);
    const two = finder(stage);
    const sweep = two.runs.sweep();
    await tick(LEASE_MS);
    await tick(STORED_MS);
    expect(await sweep).toBe(1);
    expect(await linesOf(stage.store, session)).toEqual(SEEN);
    await wakeUp(one);
  });

  test('is what was not void: the text of the run that took over and died, too', async () => {
    const stage = new Stage();
    const { one } = await dying(stage);
    const two = stage.process(new Model().give(texts('b ')).middleware, { maxTakeovers: 1 });
    void readingOf(two);
    one.log.halt();
    await found();
    two.log.halt();
    await tick(DEAD_MS);
    const got = await readingOf(stage.process(says('never'), { maxTakeovers: 1 }));
    await tick(STORED_MS);
    expect([got.text, got.end?.outcome]).toEqual(['b ', 'failed']);
    expect(await linesOf(stage.store, session)).toEqual(['user: hi', 'assistant: b  *']);
    await wakeUp(one, two);
  });

  test.each([
    ['before it is stored', 'open'],
    ['before the end is written', 'append'],
  ] as const)('is stored once if the process that found it dies, too: %s', async (_when, verb) => {
    const stage = new Stage();
    const { one } = await dying(stage);
    const two = finder(stage);
    void readingOf(two);
    await tick();
    one.log.halt();
    const call = two.log[verb];
    Object.assign(two.log, {
      [verb]: (...given: Parameters<typeof call>) => {
        two.log.halt();
        return Reflect.apply(call, two.log, given);
      },
    });
    if (verb === 'open') two.log.afterwards = (name) => (name === 'open' ? two.log.halt() : undefined);
    await found();
    expect(await linesOf(stage.store, session)).toEqual(verb === 'open' ? ['user: hi'] : SEEN);
    const got = await readingOf(finder(stage));
    expect(got.end).toBeUndefined();
    await found();
    expect([got.text, got.end?.outcome]).toEqual(['a ', 'failed']);
    expect(await linesOf(stage.store, session)).toEqual(SEEN);
    // Both wake up, and are refused.
    for (const { log } of [one, two]) log.goOn();
    await tick(STORED_MS);
    expect([await linesOf(stage.store, session), (await stage.store.load(session))?.turns]).toEqual([
      SEEN,
      1,
    ]);
  });

  test('stays as it is if the dead process wakes up, and the next turn follows it', async () => {
    const stage = new Stage();
    const { one, model } = await dying(stage);
    const two = stage.process(says('c'), { onOwnerLost: 'end' });
    void readingOf(two);
    one.log.halt();
    model.give(texts('b '), stop());
    await found();
    one.log.goOn();
    await tick(STORED_MS);
    expect(await linesOf(stage.store, session)).toEqual(SEEN);
    const next = reading(two.runs.stream(session, 'ho', { turnId: 'next' }));
    await tick(STORED_MS);
    expect(next.end?.outcome).toBe('completed');
    expect(await linesOf(stage.store, session)).toEqual([...SEEN, 'user: ho', 'assistant: c']);
  });

  test('that cannot be stored is said with the end, after the store was tried for storeWaitMs', async () => {
    const stage = new Stage();
    const { one } = await dying(stage);
    const two = stage.process(says('never'), { onOwnerLost: 'end', storeWaitMs: 3_000 });
    const got = await readingOf(two);
    one.log.halt();
    const repair = breakStore(stage);
    await tick(DEAD_MS + 2_000);
    expect(got.end).toBeUndefined();
    await tick(2_000);
    expect([got.end?.outcome, got.end?.warnings]).toEqual([
      'failed',
      ['What had come of the reply was not saved.'],
    ]);
    repair();
    expect(await linesOf(stage.store, session)).toEqual(['user: hi']);
    await wakeUp(one);
  });

  test('is left to another process by one that shuts down before it is stored', async () => {
    const stage = new Stage();
    const { one } = await dying(stage);
    const two = finder(stage);
    void readingOf(two);
    await tick();
    one.log.halt();
    const repair = breakStore(stage);
    await tick(DEAD_MS);
    await two.runs.close({ signal: AbortSignal.abort() });
    await tick(STORED_MS);
    repair();
    const got = await readingOf(finder(stage));
    await found();
    expect([got.end?.outcome, got.end?.warnings]).toEqual(['failed', undefined]);
    expect(await linesOf(stage.store, session)).toEqual(SEEN);
    await wakeUp(one);
  });

  test('is stored if the store fails for a while', async () => {
    const stage = new Stage();
    const { one } = await dying(stage);
    const seen = await atTheEnd(stage, finder(stage));
    one.log.halt();
    const repair = breakStore(stage);
    await tick(DEAD_MS + 2 * LEASE_MS);
    repair();
    await tick(DEAD_MS);
    expect(seen()).toEqual(['failed', 'owner_lost', SEEN]);
    await wakeUp(one);
  });

  test('and that was stored whole before is not changed', async () => {
    const stage = new Stage();
    const { one, model } = await dying(stage);
    const got = await readingOf(finder(stage));
    const append = one.log.append;
    one.log.append = (...given) => {
      if (given[3] !== undefined) one.log.halt();
      return append(...given);
    };
    model.give(texts('b'), stop());
    await tick();
    await found();
    expect(got.end?.outcome).toBe('failed');
    expect(await linesOf(stage.store, session)).toEqual(['user: hi', 'assistant: a b']);
    await wakeUp(one);
  });
});
