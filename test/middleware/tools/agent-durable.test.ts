import { MemoryStore, Pipeline, SluiceError, contextKey } from 'sluice';
import type { Middleware, StateStore, Step } from 'sluice';
import { provider } from 'sluice/middleware';
import { retry } from 'sluice/middleware/retry';
import { constant } from 'sluice/kit';
import { agentTool, tool, tools } from 'sluice/middleware/tools';
import type { Tool } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import * as z from 'zod';
import { ForwardingStore } from '../../support/forwarding-store.ts';
import { ask, failure, priced, pricedAgent as agent } from './agent-stage.ts';
import { calling, placeOf, play, resultsIn } from './stage.ts';
import { KEY, counted, run } from './turns.ts';

/** A tool whose calls the client runs. */
const asksClient = (name = 'client'): Tool =>
  tool({ name, description: 'Asks the client', input: z.object({}) });

/** A store that fails at the first step that a function picks, and ever after: as if the process had died there. */
class DyingStore extends ForwardingStore {
  readonly #dies: (step: Step) => boolean;
  #isDead = false;

  constructor(store: StateStore, dies: (step: Step) => boolean) {
    super(store);
    this.#dies = dies;
  }

  override async record(...call: Parameters<StateStore['record']>): Promise<number> {
    this.#isDead ||= call[2].some(this.#dies);
    if (this.#isDead) throw new SluiceError('store', 'The store is gone.', { retryable: false });
    return super.record(...call);
  }
}

/** The steps of a turn, one word each: those of agents with the places of the calls that lead to them. */
const wordsOf = (steps: readonly { step: Step }[]): string[] =>
  steps.map(({ step: { kind, path } }) =>
    path === undefined ? kind : `${kind} in ${path.split('/').map(placeOf).join('/')}`,
  );

/** Records what a store is told, one line a write. */
function watched(store: StateStore): { store: StateStore; writes: string[][] } {
  const writes: string[][] = [];
  class Watched extends ForwardingStore {
    override record(...call: Parameters<StateStore['record']>): Promise<number> {
      writes.push(wordsOf(call[2].map((step) => ({ step }))));
      return super.record(...call);
    }
  }
  return { store: new Watched(store), writes };
}

describe('the steps of an agent', () => {
  test('are in the record of the turn, under the path of its call', async () => {
    const { store, writes } = watched(new MemoryStore());
    const { made } = counted();
    const deep = agent([calling(['count', {}]), 'deep'], [made], 'deep');
    const inner = agent([ask('deep'), 'inner'], [deep.made]);
    const { result } = await run(store, [tools([inner.made])], [ask(), 'done'], { turnId: 't' });
    expect(result?.response.content).toBe('done');
    expect(writes).toEqual([
      ['reply'],
      ['reply in 0_0'],
      ['reply in 0_0/0_0'],
      ['result in 0_0/0_0'],
      ['result in 0_0'],
      ['result'],
    ]);
    expect(result?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    expect((await store.load(KEY))?.messages).toHaveLength(4);
    expect(await store.steps(KEY, 't')).toEqual([]);
  });

  test('of several agents that come at once go into one write', async () => {
    const { store, writes } = watched(new MemoryStore());
    const { made } = counted();
    const [one, other] = ['one', 'other'].map(
      (name) => agent([calling(['count', {}]), name], [made], name).made,
    );
    const both = calling(['one', { prompt: 'A' }], ['other', { prompt: 'B' }]);
    await run(store, [tools([one, other].filter((agent) => agent !== undefined))], [both, 'done'], {
      turnId: 't',
    });
    expect(writes).toEqual([
      ['reply'],
      ['reply in 0_0', 'reply in 0_1'],
      ['result in 0_0', 'result in 0_1'],
      ['result', 'result'],
    ]);
  });

  test('let its tools use the values of the session', async () => {
    const Seen = contextKey<string>('seen');
    const sets = tool({
      name: 'sets',
      description: 'Sets a value',
      input: z.object({}),
      execute: (_input, { session }) => session?.set(Seen, `by ${session.id}`),
    });
    const store = new MemoryStore();
    const { made } = agent([calling(['sets', {}]), 'inner'], [sets]);
    await run(store, [tools([made])], [ask(), failure], { turnId: 't' });
    expect((await store.load(KEY))?.metadata).toEqual({ seen: `by ${KEY}` });
  });

  test('are gone on with when the turn is sent again: no finished tool of the agent runs twice', async () => {
    const store = new MemoryStore();
    const { made, runs } = counted();
    const isOuterResult = (step: Step): boolean => step.kind === 'result' && step.path === undefined;
    const dying = new DyingStore(store, isOuterResult);
    const first = agent([calling(['count', {}]), 'inner'], [made]);
    const died = await run(dying, [priced(1), tools([first.made])], [ask()], { turnId: 't' });
    expect(died.error?.code).toBe('store');
    expect(wordsOf(await store.steps(KEY, 't'))).toEqual(['reply', 'reply in 0_0', 'result in 0_0']);

    const second = agent(['inner again'], [made], 'agent', { progress: ({ type }) => type });
    const next = await run(store, [priced(1), tools([second.made])], ['done'], { turnId: 't' });
    expect(next.result?.response.content).toBe('done');
    // What the agent has said before is not reported again.
    const progress = ['progress 0_0 "content"', 'progress 0_0 "content"'];
    expect(next.seen).toEqual(['call 0_0 agent', ...progress, 'result 0_0 inner again', 'done', 'done']);
    expect(runs).toHaveLength(1);
    expect(resultsIn(second.model.requests[0]?.messages)).toEqual(['ok 0_0 run 1']);
    expect((await store.load(KEY))?.open).toBeUndefined();
  });

  test('are gone on with after an abort in the middle', async () => {
    const store = new MemoryStore();
    const { made, runs } = counted();
    const first = agent([calling(['count', {}]), { text: 'Think', hang: true }], [made]);
    const controller = new AbortController();
    const aborted = run(store, [priced(1), tools([first.made])], [ask()], {
      turnId: 't',
      signal: controller.signal,
    });
    await first.model.nextCall();
    await first.model.nextCall();
    controller.abort();
    expect((await aborted).error?.code).toBe('aborted');
    const second = agent(['inner'], [made]);
    const next = await run(store, [priced(1), tools([second.made])], ['done'], { turnId: 't' });
    expect(next.seen).toEqual(['call 0_0 agent', 'result 0_0 inner', 'done', 'done']);
    expect(runs).toHaveLength(1);
  });

  test('are gone on with when the loop runs again in the same execution, also without a session', async () => {
    const { made, runs } = counted();
    const inner = agent([calling(['count', {}]), { text: 'Think', hang: true }, 'inner'], [made]);
    // Gives up the first run while the agent works, as a timeout would.
    const twice: Middleware = async function* twice(_context, next) {
      const stream = next();
      const reading = (async () => {
        while (!(await stream.next()).done);
      })();
      await inner.model.nextCall();
      await inner.model.nextCall();
      await stream.close();
      await reading;
      return yield* next();
    };
    const played = await play([twice, tools([inner.made])], [ask(), 'done']);
    expect(played.error).toBeUndefined();
    expect(runs).toHaveLength(1);
    expect(played.seen.at(-3)).toBe('result 0_0 inner');
    expect(resultsIn(inner.model.requests[2]?.messages)).toEqual(['ok 0_0 run 1']);
  });

  test('of another conversation in the same execution are apart', async () => {
    const { made, runs } = counted();
    const inner = agent([calling(['count', {}]), 'one', calling(['count', {}]), 'two'], [made]);
    const asksAgain: Middleware = async function* asksAgain(context, next) {
      yield* next();
      return yield* next({ messages: [...context.request.messages, { role: 'user', content: 'Again.' }] });
    };
    const store = new MemoryStore();
    const { writes, store: seen } = watched(store);
    const played = await run(seen, [asksAgain, tools([inner.made])], [ask(), 'done', ask(), 'done'], {
      turnId: 't',
    });
    expect(played.error).toBeUndefined();
    expect(runs).toHaveLength(2);
    expect(new Set(runs).size).toBe(2);
    expect(writes.flat()).toEqual(['reply', 'reply in 0_0', 'result in 0_0', 'result']);
  });
});

describe('a call that waits inside an agent', () => {
  test('makes the turn wait with it, under its path', async () => {
    const { store, writes } = watched(new MemoryStore());
    const { made } = agent([calling(['client', {}])], [asksClient()]);
    const { result, seen } = await run(store, [tools([made])], [ask()], { turnId: 't' });
    expect(result).toMatchObject({ outcome: 'interrupted', reason: 'tool_calls' });
    expect(seen).toEqual(['call 0_0 agent', 'done']);
    const id = result?.response.toolCalls[0]?.id;
    expect(result?.pending).toMatchObject([{ name: 'client', waitsFor: 'client', path: id }]);
    expect(writes).toEqual([['reply'], ['reply in 0_0'], ['wait in 0_0'], ['wait']]);
    const [, reply, , wait] = await store.steps(KEY, 't');
    expect(wait?.step).toMatchObject({ kind: 'wait', pending: result?.pending });
    expect(reply?.step).toMatchObject({ kind: 'reply', waits: [{ path: id }] });
    expect((await store.load(KEY))?.open).toBe('t');
  });

  test('has a path of all calls that lead to it', async () => {
    const deep = agent([calling(['client', {}])], [asksClient()], 'deep');
    const { made } = agent([ask('deep')], [deep.made]);
    const { result } = await run(new MemoryStore(), [tools([made])], [ask()], { turnId: 't' });
    expect(result?.pending?.map(({ path }) => path?.split('/').map(placeOf))).toEqual([['0_0', '0_0']]);
    expect(result?.trace.filter(({ kind }) => kind === 'tool').map(({ outcome }) => outcome)).toEqual([
      'interrupted',
      'interrupted',
    ]);
  });

  test('waits until the calls beside it have ended', async () => {
    const store = new MemoryStore();
    const waits = agent([calling(['client', {}])], [asksClient()], 'waits');
    const works = agent([calling(['count', {}]), 'worked'], [counted().made], 'works');
    const all = calling(
      ['waits', { prompt: 'A' }],
      ['client', {}],
      ['works', { prompt: 'B' }],
      ['waits', { prompt: 'C' }],
    );
    waits.model.enqueue(calling(['client', {}]));
    // One at a time: a call that waits frees its place.
    const layer = tools([waits.made, works.made, asksClient()], { maxParallel: 1 });
    const { result, seen } = await run(store, [layer], [all], { turnId: 't' });
    expect(seen).toContain('result 0_2 worked');
    expect(result?.outcome).toBe('interrupted');
    expect(result?.pending?.map(({ path }) => path && placeOf(path))).toEqual([undefined, '0_0', '0_3']);
    const kinds = (await store.steps(KEY, 't')).map(({ step }) => step.kind);
    expect(kinds.at(-1)).toBe('wait');
  });

  test('waits again when the turn is sent again: nothing runs twice, and no step is added', async () => {
    const store = new MemoryStore();
    const { made, runs } = counted();
    const list = [made, asksClient()];
    const layers = (answers: ScriptedAnswer[]): Middleware[] => [
      tools([agent([...answers], list, 'one').made, agent([...answers], list, 'other').made]),
    ];
    const both = calling(['one', { prompt: 'A' }], ['other', { prompt: 'B' }]);
    const first = await run(store, layers([calling(['count', {}], ['client', {}])]), [both], { turnId: 't' });
    const before = await store.steps(KEY, 't');
    const again = await run(store, layers([]), [], { turnId: 't' });
    expect(again.result?.pending).toEqual(first.result?.pending);
    expect(again.result?.pending).toHaveLength(2);
    expect(runs).toHaveLength(2);
    expect(await store.steps(KEY, 't')).toEqual(before);
  });

  test('is an error without a session: nobody could decide', async () => {
    const { made } = agent([calling(['client', {}])], [asksClient()]);
    const { error, model } = await play(tools([made]), [ask(), 'done']);
    expect(error).toMatchObject({
      code: 'invalid_options',
      message:
        'The agent agent waits for a decision on a call of client, which takes a session: call executeWithContext().',
    });
    expect(model.calls).toHaveLength(1);
  });

  test('is told as it stands if another turn follows', async () => {
    const store = new MemoryStore();
    const { made } = agent([calling(['client', {}])], [asksClient()]);
    await run(store, [tools([made])], [ask()], { turnId: 't' });
    const next = await run(store, [tools([made])], ['hello'], { turnId: 'u' }, 'And now?');
    expect(resultsIn(next.model.requests[0]?.messages).join()).toMatch(/^error 0_0 It is not known/);
  });
});

describe('the time of an execution', () => {
  test('ends an agent with it, and the agent has no result then', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const store = new MemoryStore();
    const hangs = agent([{ text: 'Think', hang: true }], []);
    const options = { turnId: 't', timeoutMs: 60_000 };
    const running = run(store, [tools([hangs.made])], [ask(), 'done'], options);
    await hangs.model.nextCall();
    await vi.advanceTimersByTimeAsync(60_000);
    const { error, seen } = await running;
    expect(error).toMatchObject({ code: 'timeout', phase: 'total' });
    expect(seen).toEqual(['call 0_0 agent']);
    expect(wordsOf(await store.steps(KEY, 't'))).toEqual(['reply', 'cut']);
  });
});

describe('a retry', () => {
  test('inside an agent repeats a call of its model, and in the agent alone', async () => {
    const { made, runs } = counted();
    const down = { error: new SluiceError('overloaded', 'Busy.') };
    const model = scripted([calling(['count', {}]), down, 'inner']);
    const pipeline = new Pipeline([tools([made]), retry({ backoff: constant(0) }), provider(model)]);
    const inner = agentTool(pipeline, { name: 'agent', description: 'Helps' });
    const played = await play(tools([inner]), [ask(), 'done']);
    expect(played.seen.at(-3)).toBe('result 0_0 inner');
    expect(played.model.calls).toHaveLength(2);
    expect(runs).toHaveLength(1);
  });
});
