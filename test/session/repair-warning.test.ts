import { describe, expect, test } from 'vitest';
import { MemoryStore, Pipeline, SluiceError } from 'sluice';
import type { Message, Part, StateStore } from 'sluice';
import { encrypted } from 'sluice/stores/encrypted';
import { sqliteStore } from 'sluice/stores/sqlite';
import { answers, failureOf, says, stop, texts } from '../core/harness.ts';
import { TroubledStore } from './stage.ts';

const user = (content: string): Message => ({ role: 'user', content });
const call = (id: string): Part => ({ type: 'tool_call', id, name: 'look', arguments: {} });
const calls = (...ids: string[]): Message => ({ role: 'assistant', content: ids.map(call) });
const ONE = 'The stored conversation was repaired: 1 tool call without its result left out.';
const TWO = 'The stored conversation was repaired: 2 tool calls without their results left out.';

const stores: [string, () => StateStore][] = [
  ['memory', () => new MemoryStore()],
  ['SQLite', () => sqliteStore({ path: ':memory:' })],
  ['an encrypted store', () => encrypted(new MemoryStore(), new Uint8Array(32).fill(7))],
];

/** Appends messages to the session, as another program would. */
async function write(store: StateStore, ...messages: Message[]): Promise<void> {
  const { version = 0 } = (await store.load('s', { last: 0 })) ?? {};
  await store.append(
    's',
    messages.map((message) => ({ message })),
    { expectedVersion: version, turnId: `written-${version}` },
  );
}

/** The warnings of one turn. */
async function turn(
  store: StateStore,
  options: { historyLimit?: number } = {},
  key = 's',
): Promise<string[]> {
  const pipeline = new Pipeline([says('ok')], { store, ...options });
  return (await pipeline.executeWithContext(key, 'user', 'next')).warnings;
}

describe.each(stores)('the warning of a repair, in %s', (_name, make) => {
  test('is given once', async () => {
    const store = make();
    await write(store, user('a'), calls('x'));
    expect([await turn(store), await turn(store), await turn(store)]).toEqual([[ONE], [], []]);
    await store.close();
  });

  test('is given again for a new fault, and only about that one', async () => {
    const store = make();
    await write(store, user('a'), calls('x'));
    expect(await turn(store)).toEqual([ONE]);
    await write(store, user('b'), calls('y', 'z'));
    expect([await turn(store), await turn(store)]).toEqual([[TWO], []]);
    await store.close();
  });

  test('is given once to processes that read windows of different length', async () => {
    const store = make();
    await write(store, user('a'), calls('x'), user('b'), calls('y', 'z'));
    const near = { historyLimit: 2 };
    expect(await turn(store, near)).toEqual([TWO]);
    expect([await turn(store), await turn(store, near), await turn(store)]).toEqual([[ONE], [], []]);
    for (let more = 0; more < 4; more++) expect(await turn(store, near)).toEqual([]);
    await write(store, user('c'), calls('y', 'z'));
    expect([await turn(store, near), await turn(store), await turn(store, near)]).toEqual([[TWO], [], []]);
    await store.close();
  });

  test('is not given again in a fork, except for a later fault', async () => {
    const store = make();
    await write(store, user('a'), calls('x'), user('b'), user('c'), calls('y'));
    expect(await turn(store)).toEqual([TWO]);
    const { id } = await store.fork('s', 3);
    expect([await turn(store, {}, id), await turn(store, {}, id)]).toEqual([[], []]);
    const early = (await store.fork('s', 3)).id;
    const { middleware } = answers([
      [{ type: 'tool_call', id: 'z', name: 'look', arguments: {} }],
      stop({ finishReason: 'tool_calls' }),
    ]);
    const calling = new Pipeline([middleware], { store });
    expect((await calling.executeWithContext(early, 'user', 'next')).warnings).toEqual([]);
    expect([await turn(store, {}, early), await turn(store, {}, early)]).toEqual([[ONE], []]);
    await store.close();
  });

  test('is given again after the session was deleted', async () => {
    const store = make();
    for (let time = 0; time < 2; time++) {
      await write(store, user('a'), calls('x'));
      expect([await turn(store), await turn(store)]).toEqual([[ONE], []]);
      await store.delete('s');
    }
    await store.close();
  });
});

test('the warning of a repair costs no extra call of the store, and leaves other values unchanged', async () => {
  const store = new TroubledStore();
  await write(store, user('a'), calls('x'));
  await store.update('s', { mood: 'calm' }, { expectedVersion: 1 });
  store.log.length = 0;
  await turn(store);
  expect(store.log.map((line) => line.split(' ')[0])).toEqual(['lease', 'load', 'append', 'append']);
  expect((await store.load('s'))?.metadata).toEqual({ mood: 'calm', 'sluice.repaired': { from: 0, to: 2 } });
});

test('a valid session causes no warning, and nothing is stored about it', async () => {
  const store = new MemoryStore();
  expect([await turn(store), await turn(store)]).toEqual([[], []]);
  expect((await store.load('s'))?.metadata).toEqual({});
});

test('the warning of a turn that failed is given by the next turn', async () => {
  const store = new MemoryStore();
  await write(store, user('a'), calls('x'));
  const { middleware } = answers([new SluiceError('server', 'down')], [texts('ok'), stop()]);
  const pipeline = new Pipeline([middleware], { store });
  await failureOf(pipeline.executeWithContext('s', 'user', 'next'));
  expect((await pipeline.executeWithContext('s', 'user', 'next')).warnings).toEqual([ONE]);
  expect(await turn(store)).toEqual([]);
});

test('the warning counts the results without their calls', async () => {
  const store = new MemoryStore();
  const result = (id: string): Part => ({ type: 'tool_result', id, name: 'look', content: 'none' });
  await write(store, user('a'), { role: 'tool', content: [result('x'), result('y')] });
  expect(await turn(store)).toEqual([
    'The stored conversation was repaired: 2 tool results without their calls left out.',
  ]);
});

test('the warning is given again if the reply could not be stored', async () => {
  const store = new TroubledStore();
  await write(store, user('a'), calls('x'));
  store.trouble('append', Promise.resolve());
  store.trouble('append', new SluiceError('store', 'broken', { retryable: false }));
  expect(await turn(store)).toEqual([ONE, 'The turn was not saved: broken']);
  expect([await turn(store), await turn(store)]).toEqual([[ONE], []]);
});

test('the warning is given once by turns without input, too', async () => {
  const store = new MemoryStore();
  await write(store, user('a'), calls('x'), user('b'));
  const pipeline = new Pipeline([says('ok')], { store });
  const again = async (): Promise<string[]> => (await pipeline.executeWithContext('s', [])).warnings;
  expect([await again(), await again(), await turn(store)]).toEqual([[ONE], [], []]);
});

test('the warning about the last message is given once by turns without input, too', async () => {
  const store = new MemoryStore();
  const result: Part = { type: 'tool_result', id: 'x', name: 'look', content: 'none' };
  await write(store, user('a'), { role: 'tool', content: [result] });
  const pipeline = new Pipeline([says('ok')], { store });
  const again = async (): Promise<string[]> => (await pipeline.executeWithContext('s', [])).warnings;
  expect([await again(), await again()]).toEqual([
    ['The stored conversation was repaired: 1 tool result without its call left out.'],
    [],
  ]);
});

test('the warning about a reply that was paused is given when it is no longer continued', async () => {
  const store = new MemoryStore();
  const block = { provider: 'anthropic', data: { type: 'server_tool_use', id: 'y' } };
  const search: Part = {
    type: 'tool_call',
    id: 'y',
    name: 'look',
    arguments: {},
    providerExecuted: true,
    block,
  };
  await write(store, user('a'), calls('x'), user('b'), { role: 'assistant', content: [search] });
  await store.update('s', { 'sluice.paused': true }, { expectedVersion: 1 });
  const pipeline = new Pipeline([says('ok')], { store });
  expect((await pipeline.executeWithContext('s', [])).warnings).toEqual([ONE]);
  expect([await turn(store), await turn(store)]).toEqual([[ONE], []]);
});

test.each([
  ['a text', 'all'],
  ['numbers below 0', { from: -1, to: 5 }],
  ['nothing', null],
])('a note of earlier warnings that is %s counts as none', async (_name, value) => {
  const store = new MemoryStore();
  await write(store, user('a'), calls('x'));
  await store.update('s', { 'sluice.repaired': value }, { expectedVersion: 1 });
  expect([await turn(store), await turn(store)]).toEqual([[ONE], []]);
});
