import { MemoryStore, Pipeline, isSluiceError } from 'sluice';
import type { ExecutionContext, Middleware, PendingCall, StateStore, Step, StepWriter } from 'sluice';
import { provider } from 'sluice/middleware';
import { scripted } from 'sluice/testing';
import { describe, expect, test } from 'vitest';
import { ForwardingStore } from '../support/forwarding-store.ts';

const waiting = (callId: string, path?: string): PendingCall => ({
  ...{ callId, name: 'pay', arguments: {}, waitsFor: 'approval' as const },
  ...(path !== undefined && { path }),
});

const started = (callId: string): Step => ({ kind: 'started', callId });

/** A pipeline with one layer that does something before it answers. */
const doing = (
  does: (context: ExecutionContext) => Promise<void> | void,
  store: StateStore = new MemoryStore(),
): Pipeline => {
  const layer: Middleware = async function* layer(context, next) {
    await does(context);
    return yield* next();
  };
  return new Pipeline([layer, provider(scripted('done', { repeat: true }))], { store });
};

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: unknown) => (isSluiceError(error) ? [error.code, error.message] : error));

describe('an execution inside a call', () => {
  test('writes into the record of the one around it, under the path of the call', async () => {
    const deep = doing(async ({ steps, signal }) => {
      expect(steps.path).toBe('c1/c2');
      await steps.enter(signal).record([started('c3')]);
    });
    const inner = doing(async ({ steps, signal }) => {
      expect(steps.path).toBe('c1');
      await steps.enter(signal).record([started('c2')]);
      await deep.execute('user', 'Go on.', { steps: steps.under('c2') });
    });
    const store = new MemoryStore();
    let list: readonly unknown[] = [];
    const outer = doing(async ({ steps, signal }) => {
      expect(steps.path).toBeUndefined();
      await steps.enter(signal).record([started('c1')]);
      await inner.execute('user', 'Go on.', { steps: steps.under('c1') });
      list = steps.list.map(({ step }) => step);
      expect((await store.steps('s', 't')).map(({ step }) => step)).toEqual(list);
    }, store);
    const { turn, usage } = await outer.executeWithContext('s', 'user', 'Go on.', { turnId: 't' });
    expect(list).toEqual([
      { kind: 'started', callId: 'c1' },
      { kind: 'started', callId: 'c2', path: 'c1' },
      { kind: 'started', callId: 'c3', path: 'c1/c2' },
    ]);
    expect(usage.totalTokens).toBe(60);
    expect(turn?.usage.totalTokens).toBe(60);
  });

  test('says of the calls that wait where they are', async () => {
    const inner = doing(async ({ steps, signal }) => {
      const message = { role: 'assistant' as const, content: '' };
      const reply = { finishReason: 'tool_calls' as const };
      await steps.enter(signal).record([
        { kind: 'reply', round: 0, message, reply, starts: [], waits: [waiting('c2')] },
        { kind: 'wait', pending: [waiting('c2'), waiting('c4', 'c1/c3')] },
      ]);
    });
    const outer = doing(async ({ steps }) => {
      await inner.execute('user', 'Go on.', { steps: steps.under('c1') });
      expect(steps.list.map(({ step }) => step)).toMatchObject([
        { path: 'c1', waits: [{ callId: 'c2', path: 'c1' }] },
        {
          path: 'c1',
          pending: [
            { callId: 'c2', path: 'c1' },
            { callId: 'c4', path: 'c1/c3' },
          ],
        },
      ]);
    });
    await outer.execute('user', 'Go on.');
  });

  test('has a right to write of its own, and what comes at once goes into one write', async () => {
    const writes: number[] = [];
    class Watched extends ForwardingStore {
      override record(...call: Parameters<StateStore['record']>): Promise<number> {
        writes.push(call[2].length);
        return super.record(...call);
      }
    }
    const inner = doing(({ steps, signal }) => steps.enter(signal).record([started('x')]));
    const outer = doing(async ({ steps, signal }) => {
      const mine = steps.enter(signal);
      const writers = [mine, steps.under('c1').enter(signal), steps.under('c2').enter(signal)];
      await Promise.all(writers.map((writer) => writer.record([started('c')])));
      expect(() => steps.under('c1').enter(signal)).toThrow(expect.objectContaining({ code: 'middleware' }));
      await expect(inner.execute('user', 'Go on.', { steps: steps.under('c1') })).rejects.toMatchObject({
        code: 'middleware',
      });
      writers[1]?.leave();
      await inner.execute('user', 'Go on.', { steps: steps.under('c1') });
    }, new Watched(new MemoryStore()));
    await outer.executeWithContext('s', 'user', 'Go on.');
    expect(writes).toEqual([3, 1]);
  });

  test('loses its right when its signal aborts and another takes its place', async () => {
    const outer = doing(async ({ steps, signal }) => {
      const controller = new AbortController();
      const old: StepWriter = steps.under('c1').enter(controller.signal);
      controller.abort();
      await old.record([started('late, and in time')]);
      await steps
        .under('c1')
        .enter(signal)
        .record([started('new')]);
      expect(await codeOf(old.record([started('too late')]))).toMatchObject(['aborted', /abandoned/]);
    });
    await outer.execute('user', 'Go on.');
  });

  test('may keep steps apart from the record', async () => {
    const outer = doing(async ({ steps, signal }) => {
      const apart = steps.under('c1').apart('other');
      await apart.enter(signal).record([started('c2')]);
      expect(apart.turnId).toBe('other');
      expect(apart.list.map(({ step }) => step)).toEqual([{ kind: 'started', callId: 'c2', path: 'c1' }]);
      expect(apart.under('c2').path).toBe('c1/c2');
      expect(steps.list).toEqual([]);
    });
    await outer.execute('user', 'Go on.');
  });

  test('takes only steps of a call, and has no session of its own', async () => {
    const inner = doing(() => undefined);
    const outer = doing(async ({ steps }) => {
      expect(await codeOf(inner.execute('user', 'Go on.', { steps }))).toMatchObject([
        'invalid_options',
        /steps is an object: give context\.steps\.under\(callId\)/,
      ]);
      const own = inner.executeWithContext.bind(inner);
      const withSession = async (): Promise<unknown> =>
        own('s', 'user', 'Go on.', { steps: steps.under('c1') });
      expect(await codeOf(withSession())).toMatchObject([
        'invalid_options',
        /steps is for an execution without a session/,
      ]);
    });
    await outer.execute('user', 'Go on.');
  });

  test('tells its hooks that the turn is stored when that of the one around it is', async () => {
    const log: string[] = [];
    const hooked = (name: string, does: (context: ExecutionContext) => Promise<void> | void): Pipeline =>
      doing(async (context) => {
        context.onEnd(() => {
          log.push(`${name} ends`);
          return (stored) => log.push(`${name} is stored: ${stored}`);
        });
        await does(context);
      });
    const inner = hooked('inner', () => undefined);
    const outer = hooked('outer', async ({ steps }) => {
      await inner.execute('user', 'Go on.', { steps: steps.under('c1') });
    });
    await outer.executeWithContext('s', 'user', 'Go on.');
    expect(log).toEqual(['inner ends', 'outer ends', 'inner is stored: true', 'outer is stored: true']);
  });
});
