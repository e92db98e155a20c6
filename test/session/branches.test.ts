import { describe, expect, test } from 'vitest';
import { Pipeline, SluiceError } from 'sluice';
import type { Lease, Message, StateStore } from 'sluice';
import { provider } from 'sluice/middleware';
import { scripted } from 'sluice/testing';
import { failureOf } from '../core/harness.ts';
import { calling } from '../middleware/tools/stage.ts';
import { ForwardingStore, leaseOver } from '../support/forwarding-store.ts';
import { KEY, ended, idsOf, linesOf, stage, waysOf } from './branch-stage.ts';

/** A store of which some calls fail. */
class Down extends ForwardingStore {
  readonly #down: readonly string[];

  constructor(store: StateStore, down: readonly string[]) {
    super(store);
    this.#down = down;
  }

  override append(...given: Parameters<StateStore['append']>): Promise<number> {
    return this.#call('append', () => super.append(...given));
  }

  override async lease(...given: Parameters<StateStore['lease']>): Promise<Lease> {
    const lease = await super.lease(...given);
    return leaseOver(lease, {
      renew: (ms) => lease.renew(ms),
      release: () => this.#call('release', () => lease.release()),
    });
  }

  #call<T>(name: string, call: () => Promise<T>): Promise<T> {
    return this.#down.includes(name) ? Promise.reject(new Error(`${name} is down`)) : call();
  }
}

const failure = { error: new SluiceError('invalid_request', 'No.') };

describe('regenerate', () => {
  test('replaces the last reply, which stays readable as a branch', async () => {
    const { pipeline, say, sent, store } = stage(['a1', 'b1', 'b2']);
    await say('a');
    await say('b');
    const { response } = await ended(pipeline.regenerate(KEY));
    expect(response.content).toBe('b2');
    expect(sent().at(-1)).toEqual(['u a', 'a a1', 'u b']);
    expect(await waysOf(store)).toEqual(['u a | a a1 | u b | a b1', '> u a | a a1 | u b | a b2']);
  });

  test('is the same as [], and may be repeated', async () => {
    const { pipeline, say, sent, store } = stage(['1', '2', '3', '4', 'next']);
    await say('a');
    await pipeline.executeWithContext(KEY, []);
    await pipeline.executeWithContext(KEY, []);
    await ended(pipeline.regenerate(KEY));
    await say('b');
    expect(sent().slice(0, 4)).toEqual(Array.from({ length: 4 }, () => ['u a']));
    expect(sent()[4]).toEqual(['u a', 'a 4', 'u b']);
    const [question = ''] = await idsOf(store);
    expect((await store.branches(KEY)).map(({ parent }) => parent)).toEqual([
      '',
      question,
      question,
      question,
    ]);
  });

  test('replaces all rounds of a turn with tools, and runs its tools again with new ids', async () => {
    const { pipeline, say, runs, sent, store } = stage([
      calling(['count', {}]),
      'one',
      calling(['count', {}]),
      'two',
    ]);
    await say('a');
    await ended(pipeline.regenerate(KEY));
    expect(new Set(runs).size).toBe(2);
    expect(sent()[2]).toEqual(['u a']);
    expect(await waysOf(store)).toEqual([
      'u a | a tool_call | t run 1 | a one',
      '> u a | a tool_call | t run 2 | a two',
    ]);
  });

  test('answers results of tools that the caller has sent, and not the question before them', async () => {
    const { pipeline, sent, store } = stage(['done', 'done again']);
    const call: Message = {
      role: 'assistant',
      content: [{ type: 'tool_call', id: 'x', name: 'look', arguments: {} }],
    };
    await store.append(KEY, [{ message: { role: 'user', content: 'a' } }, { message: call }], {
      expectedVersion: 0,
      turnId: 'before',
    });
    await pipeline.executeWithContext(KEY, {
      role: 'tool',
      content: [{ type: 'tool_result', id: 'x', name: 'look', content: 'seen' }],
    });
    await ended(pipeline.regenerate(KEY));
    expect(sent()).toEqual([
      ['u a', 'a tool_call', 't seen'],
      ['u a', 'a tool_call', 't seen'],
    ]);
    expect((await waysOf(store)).at(-1)).toBe('> u a | a tool_call | t seen | a done again');
  });

  test('just answers a message that has no reply, and makes no branch', async () => {
    const { pipeline, say, store } = stage([failure, 'a1']);
    await failureOf(say('a'));
    await ended(pipeline.regenerate(KEY));
    expect(await waysOf(store)).toEqual(['> u a | a a1']);
    expect(await failureOf(ended(stage([]).pipeline.regenerate(KEY)))).toMatchObject({ code: 'not_found' });
  });

  test('that fails leaves the message without a reply, and the old one on its branch', async () => {
    const { pipeline, say, store } = stage(['a1', failure, 'a2']);
    await say('a');
    await failureOf(ended(pipeline.regenerate(KEY)));
    expect(await waysOf(store)).toEqual(['u a | a a1', '> u a']);
    await ended(pipeline.regenerate(KEY));
    expect(await waysOf(store)).toEqual(['u a | a a1', '> u a | a a2']);
  });

  test('finds the last message of the user also if it is older than historyLimit', async () => {
    const { pipeline, say, sent, store } = stage([calling(['count', {}]), 'one', 'two', 'three'], {
      historyLimit: 1,
    });
    await say('a');
    await ended(pipeline.regenerate(KEY));
    expect(sent()[2]).toEqual(['u a']);
    await ended(pipeline.regenerate(KEY));
    expect((await waysOf(store)).at(-1)).toBe('> u a | a three');
  });

  test('with a turnId is stored once, and has its stored result', async () => {
    const { pipeline, say, model, store } = stage(['a1', 'a2', 'b1']);
    await say('a');
    const turn = { turnId: 'again' };
    const first = await ended(pipeline.regenerate(KEY, turn));
    const second = await ended(pipeline.regenerate(KEY, turn));
    expect([first.response.content, second.response.content, second.replayed]).toEqual(['a2', 'a2', true]);
    expect(model.calls).toHaveLength(2);
    expect(await waysOf(store)).toEqual(['u a | a a1', '> u a | a a2']);
    expect(await failureOf(pipeline.executeWithContext(KEY, 'user', 'b', turn))).toMatchObject({
      code: 'conflict',
    });
  });

  test('with a turnId that failed is run again, on a branch of its own', async () => {
    const partial = { text: ['half'], after: 1, error: new SluiceError('truncated', 'cut') };
    const { pipeline, say, store, sent } = stage(['a1', partial, 'a2']);
    await say('a');
    await failureOf(ended(pipeline.regenerate(KEY, { turnId: 'again' })));
    await ended(pipeline.regenerate(KEY, { turnId: 'again' }));
    expect(sent().at(-1)).toEqual(['u a']);
    expect(await waysOf(store)).toEqual(['u a | a a1', 'u a | a* half', '> u a | a a2']);
  });

  test('with a turnId is refused after other turns have come, and on another branch', async () => {
    const { pipeline, say, store } = stage(['a1', failure, 'b1', 'c1']);
    await say('a');
    const [, a1 = ''] = await idsOf(store);
    const turn = { turnId: 'again' };
    await failureOf(ended(pipeline.regenerate(KEY, turn)));
    await say('b');
    const later = await failureOf(ended(pipeline.regenerate(KEY, turn)));
    expect([later.code, later.message]).toEqual([
      'conflict',
      'Other turns of the session "s" came after the one that this turnId regenerates: give another turnId.',
    ]);
    const [first = ''] = await idsOf(store);
    await ended(pipeline.edit(KEY, first, 'c'));
    expect(await failureOf(ended(pipeline.regenerate(KEY, turn)))).toMatchObject({
      code: 'conflict',
      message:
        'The turn of this turnId is on another branch of the session "s": select that with switchTo(), or give another turnId.',
    });
    await pipeline.switchTo(KEY, a1);
  });

  test('lets a reply go on that the provider has paused', async () => {
    const paused = { text: 'I search. ', finishReason: 'pause' } as const;
    const { store, sent, model } = stage([paused, 'found', 'again']);
    const pipeline = new Pipeline([provider(model)], { store });
    await pipeline.executeWithContext(KEY, 'user', 'a');
    await ended(pipeline.regenerate(KEY));
    expect(sent()[1]).toEqual(['u a', 'a I search. ']);
    expect(await waysOf(store)).toEqual(['> u a | a I search.  | a found']);
    await ended(pipeline.regenerate(KEY));
    expect(await waysOf(store)).toEqual(['u a | a I search.  | a found', '> u a | a again']);
  });
});

describe('edit', () => {
  test('answers another message in the place of one of the user, and the old one stays as a branch', async () => {
    const { pipeline, say, sent, store } = stage(['a1', 'b1', 'x1', 'y1']);
    await say('a');
    await say('b');
    const [a = '', a1 = '', b = ''] = await idsOf(store);
    const { response } = await ended(pipeline.edit(KEY, b, 'x'));
    expect([response.content, sent().at(-1)]).toEqual(['x1', ['u a', 'a a1', 'u x']]);
    await ended(pipeline.edit(KEY, a, { role: 'user', content: [{ type: 'text', text: 'y' }] }));
    expect(sent().at(-1)).toEqual(['u y']);
    expect(await waysOf(store)).toEqual([
      'u a | a a1 | u b | a b1',
      'u a | a a1 | u x | a x1',
      '> u y | a y1',
    ]);
    expect((await store.branches(KEY)).map(({ parent }) => parent)).toEqual(['', a1, '']);
  });

  test('all edits of one message have one parent, whichever of them is edited', async () => {
    const { pipeline, say, store } = stage(['a1', 'b1', '1', '2', '3']);
    await say('a');
    await say('b');
    const [, a1, b = ''] = await idsOf(store);
    await ended(pipeline.edit(KEY, b, 'b2'));
    for (const text of ['b3', 'b4']) await ended(pipeline.edit(KEY, (await idsOf(store))[2] ?? '', text));
    expect((await store.branches(KEY)).map(({ parent }) => parent)).toEqual(['', a1, a1, a1]);
  });

  test('edits a message in the middle of what was appended at once', async () => {
    const { pipeline, store, sent } = stage(['new', 'newer']);
    const history = ['a', 'a1', 'b', 'b1'].map((content, at) => ({
      message: { role: at % 2 === 0 ? 'user' : 'assistant', content } as const,
    }));
    await store.append(KEY, history, { expectedVersion: 0, turnId: 'import' });
    const ids = await idsOf(store);
    await ended(pipeline.edit(KEY, ids[2] ?? '', 'x'));
    expect((await idsOf(store)).slice(0, 2)).toEqual(ids.slice(0, 2));
    await ended(pipeline.edit(KEY, (await idsOf(store))[2] ?? '', 'y'));
    expect(sent().at(-1)).toEqual(['u a', 'a a1', 'u y']);
    expect((await store.branches(KEY)).map(({ parent }) => parent)).toEqual(['', ids[1], ids[1]]);
  });

  test('sends as much of the history as any turn', async () => {
    const answers = ['a1', 'b1', 'c1', 'x1'];
    const { pipeline, say, sent, store } = stage(answers, { historyLimit: 2 });
    for (const text of ['a', 'b', 'c']) await say(text);
    const ids = await idsOf(store);
    await ended(pipeline.edit(KEY, ids[4] ?? '', 'x'));
    expect(sent().at(-1)).toEqual(['u b', 'a b1', 'u x']);
    expect(await linesOf(store)).toEqual(['u a', 'a a1', 'u b', 'a b1', 'u x', 'a x1']);
  });

  test('with a turnId is stored once, and goes on after a failure', async () => {
    const { pipeline, say, store, sent } = stage(['a1', failure, 'x1']);
    await say('a');
    const [a = ''] = await idsOf(store);
    const turn = { turnId: 'edit-1' };
    await failureOf(ended(pipeline.edit(KEY, a, 'x', turn)));
    await ended(pipeline.edit(KEY, a, 'x', turn)).catch(() => undefined);
    const [x = ''] = await idsOf(store);
    const again = await ended(pipeline.edit(KEY, x, 'x', turn));
    expect([again.response.content, again.replayed, sent().at(-1)]).toEqual(['x1', true, ['u x']]);
    expect(await waysOf(store)).toEqual(['u a | a a1', '> u x | a x1']);
    const other = await failureOf(ended(pipeline.edit(KEY, x, 'other words', turn)));
    expect(other.code).toBe('conflict');
  });

  test('takes the id of a loaded message of the user, and one message', async () => {
    const { pipeline, say, model, store } = stage(['a1', 'x1']);
    await say('a');
    const [a = '', a1 = ''] = await idsOf(store);
    for (const id of ['', 'nope', '99999.0'])
      expect(await failureOf(ended(pipeline.edit(KEY, id, 'x')))).toMatchObject({
        code: 'not_found',
        message: `The session "s" has no message "${id}" on the branch that is loaded: load it with \`ids\`, or select another branch with switchTo().`,
      });
    expect(await failureOf(ended(pipeline.edit(KEY, a1, 'x')))).toMatchObject({
      code: 'invalid_request',
      message: `The message "${a1}" of the session "s" has the role assistant: edit() takes the id of a message of the user.`,
    });
    expect((await failureOf(ended(pipeline.edit('none', a, 'x')))).code).toBe('not_found');
    expect(() => pipeline.edit(KEY, a, { role: 'assistant', content: 'x' })).toThrow(
      'message is a message of the role assistant: give one message of the user, or its text.',
    );
    expect(() => pipeline.edit(KEY, JSON.parse('7'), 'x')).toThrow('messageId is a number');
    expect(model.calls).toHaveLength(1);
    await ended(pipeline.edit(KEY, a, 'x'));
    expect((await failureOf(ended(pipeline.edit(KEY, a, 'y')))).code).toBe('not_found');
  });

  test('a message of another branch is edited after that was selected', async () => {
    const { pipeline, say, store } = stage(['a1', 'x1', 'b1', 'y1']);
    await say('a');
    const [a = '', a1 = ''] = await idsOf(store);
    await ended(pipeline.edit(KEY, a, 'x'));
    await pipeline.switchTo(KEY, a1);
    await say('b');
    await ended(pipeline.edit(KEY, a, 'y'));
    expect(await waysOf(store)).toEqual(['u a | a a1 | u b | a b1', 'u x | a x1', '> u y | a y1']);
  });
});

describe('branches and switchTo', () => {
  test('the selected branch is what is loaded and what the next turn follows', async () => {
    const { pipeline, say, sent, store } = stage(['a1', 'a2', 'b1']);
    await say('a');
    const [, a1 = ''] = await idsOf(store);
    await ended(pipeline.regenerate(KEY));
    await pipeline.switchTo(KEY, a1);
    await say('b');
    expect(sent().at(-1)).toEqual(['u a', 'a a1', 'u b']);
    expect(await waysOf(store)).toEqual(['> u a | a a1 | u b | a b1', 'u a | a a2']);
    const branches = await pipeline.branches(KEY);
    expect(branches.map(({ messageCount, isHead }) => [messageCount, isHead])).toEqual([
      [4, true],
      [2, false],
    ]);
    expect(await pipeline.branches('none')).toEqual([]);
  });

  test('selecting what is selected changes nothing; an unknown id and an unknown session are not_found', async () => {
    const { pipeline, say, store } = stage(['a1']);
    await say('a');
    const [, a1 = ''] = await idsOf(store);
    await pipeline.switchTo(KEY, a1);
    expect((await store.load(KEY))?.version).toBe(2);
    expect((await failureOf(pipeline.switchTo(KEY, 'x'))).code).toBe('not_found');
    expect((await failureOf(pipeline.switchTo('none', a1))).code).toBe('not_found');
    await (await store.lease(KEY, 1_000)).release();
  });

  test('a running turn makes it session_busy', async () => {
    const { pipeline, say, store } = stage(['a1', { text: ['x', 'y'], batchSize: 1 }]);
    await say('a');
    const [a = ''] = await idsOf(store);
    const stream = pipeline.executeStreamWithContext(KEY, 'user', 'b');
    await stream.next();
    expect(await failureOf(pipeline.switchTo(KEY, a))).toMatchObject({
      code: 'session_busy',
      retryable: true,
    });
    await stream.close();
    await pipeline.switchTo(KEY, a);
    expect(await linesOf(store)).toEqual(['u a']);
  });

  test.each([
    ['that fails twice has one error, the first', ['append', 'release'], /failed at append/],
    ['that cannot give the session back has selected the branch all the same', ['release'], undefined],
  ] as const)('a store %s', async (_what, down, message) => {
    const { store, say } = stage(['a1']);
    await say('a');
    const [a = ''] = await idsOf(store);
    const pipeline = new Pipeline([provider(scripted([]))], { store: new Down(store, down) });
    const failed = await pipeline.switchTo(KEY, a).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (message === undefined) expect(failed).toBeUndefined();
    else expect(failed).toMatchObject({ code: 'store', message: expect.stringMatching(message) });
    expect(await linesOf(store)).toEqual(message === undefined ? ['u a'] : ['u a', 'a a1']);
  });

  test('a paused reply is left to its branch', async () => {
    const paused = { text: 'I search. ', finishReason: 'pause' } as const;
    const { store, sent, model } = stage(['a1', paused, 'a2']);
    const pipeline = new Pipeline([provider(model)], { store });
    await pipeline.executeWithContext(KEY, 'user', 'a');
    const [, a1 = ''] = await idsOf(store);
    await pipeline.executeWithContext(KEY, 'user', 'b');
    await pipeline.switchTo(KEY, a1);
    await ended(pipeline.regenerate(KEY));
    expect(sent().at(-1)).toEqual(['u a']);
  });
});
