import { afterEach, describe, expect, test, vi } from 'vitest';
import { MemoryStore, Pipeline, SluiceError } from 'sluice';
import type { CallEnd, Middleware } from 'sluice';
import { Model, failureOf, says, settled, stop, text } from './harness.ts';

afterEach(() => vi.useRealTimers());

describe('an observer that has the call wait', () => {
  const waiting =
    (ready: Promise<unknown>, ends: CallEnd[] = []): Middleware =>
    (_context, next) =>
      next().tap({ call: () => ({ ready, end: (end) => void ends.push(end) }) });

  test('nothing is sent before it resolves', async () => {
    const model = new Model();
    const gate = Promise.withResolvers<void>();
    const other = Promise.withResolvers<void>();
    const stack = [waiting(gate.promise), waiting(other.promise), model.middleware];
    const stream = new Pipeline(stack).executeStream('user', 'hi');
    const first = stream.next();
    gate.resolve();
    await settled();
    expect(model.log).toEqual([]);
    other.resolve();
    model.give([text('a')], stop());
    expect(await first).toMatchObject({ value: { content: 'a' } });
    await stream.close();
  });

  test('if it rejects, nothing is sent: the call is refused, and nothing is billed', async () => {
    const model = new Model();
    const ends: CallEnd[] = [];
    const refused = waiting(Promise.reject(new SluiceError('budget', 'spent')), ends);
    const error = await failureOf(new Pipeline([refused, model.middleware]).execute('user', 'hi'));
    expect(error).toMatchObject({ code: 'budget', partial: { usage: { totalTokens: 0 } } });
    expect([model.log, ends.map(({ usage }) => usage.totalTokens)]).toEqual([[], [0]]);
  });

  test('an execution that is closed meanwhile does not wait for it, and sends nothing when it comes', async () => {
    const model = new Model();
    const ends: CallEnd[] = [];
    const gate = Promise.withResolvers<void>();
    const stream = new Pipeline([waiting(gate.promise, ends), model.middleware]).executeStream('user', 'hi');
    const first = stream.next();
    await settled();
    // No timer is needed for it.
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    await stream.close();
    vi.useRealTimers();
    expect(await first).toMatchObject({ done: true });
    gate.resolve();
    await settled();
    expect([model.log, ends.map(({ usage }) => usage.totalTokens)]).toEqual([[], [0]]);
    expect((await failureOf(stream.result)).code).toBe('aborted');
  });

  test('the first of several that rejects refuses the call, and every observer hears the end', async () => {
    const model = new Model();
    const ends: CallEnd[] = [];
    const never = new Promise(() => undefined);
    const spent = Promise.reject(new SluiceError('budget', 'spent'));
    const stack = [waiting(never, ends), waiting(spent, ends), waiting(never, ends), model.middleware];
    const error = await failureOf(new Pipeline(stack).execute('user', 'hi'));
    expect(error.code).toBe('budget');
    expect(ends.map((end) => [end.outcome, end.error?.code])).toEqual(Array(3).fill(['failed', 'budget']));
    expect(model.log).toEqual([]);
  });

  test('all are asked before the first wait, and wait side by side', async () => {
    const log: string[] = [];
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const asked = (name: string, ready: Promise<void> | undefined): Middleware =>
      function layer(_context, next) {
        return next().tap({
          call() {
            log.push(name);
            return { ready };
          },
        });
      };
    const model = new Model({ log }).give([text('a')], stop());
    const stack = [asked('outer', gates[0]?.promise), asked('inner', gates[1]?.promise), model.middleware];
    const running = new Pipeline(stack).execute('user', 'hi');
    await settled();
    expect(log).toEqual(['outer', 'inner']);
    gates[1]?.resolve();
    await settled();
    expect(log).toEqual(['outer', 'inner']);
    gates[0]?.resolve();
    expect((await running).response.content).toBe('a');
    expect(log).toEqual(['outer', 'inner', 'model 1 called']);
  });

  test('a call whose stream is closed while it waits ends at once, with an end', async () => {
    const model = new Model();
    const ends: CallEnd[] = [];
    const closing: Middleware = async function* closing(context, next) {
      const stream = next().tap({
        call: () => ({ ready: new Promise(() => undefined), end: (end) => void ends.push(end) }),
      });
      const read = stream.next();
      await settled();
      await stream.close();
      await read;
      return yield* context.run(says('other'));
    };
    const { response, usage } = await new Pipeline([closing, model.middleware]).execute('user', 'hi');
    expect([response.content, model.log]).toEqual(['other', []]);
    expect(ends.map((end) => [end.outcome, end.error?.code])).toEqual([['cancelled', 'aborted']]);
    expect(usage.inputTokens).toBeGreaterThan(0);
  });
});

describe('what onEnd() leaves for later', () => {
  const after =
    (log: unknown[], store: MemoryStore): Middleware =>
    (context, next) => {
      context.onEnd(async () => {
        log.push('end', (await store.load('s'))?.messages.length);
        return (stored) => void log.push('stored', stored);
      });
      return next();
    };

  test('is called when the turn is stored, before the consumer learns of the end', async () => {
    const log: unknown[] = [];
    const store = new MemoryStore();
    const seen: Middleware = (context, next) => {
      context.onEnd(() => async () => log.push('sees', (await store.load('s'))?.messages.length));
      return next();
    };
    const pipeline = new Pipeline([after(log, store), seen, says('a')], { store });
    await pipeline.executeWithContext('s', 'user', 'hi');
    await settled();
    expect(log).toEqual(['end', 1, 'stored', true, 'sees', 2]);
  });

  test('is called for a turn that could not be stored, and is called without a session, too', async () => {
    const log: unknown[] = [];
    const store = new MemoryStore();
    const broken = new Proxy(store, {
      get(target, name) {
        if (name === 'append')
          return (...call: Parameters<MemoryStore['append']>) =>
            call[2].end === undefined
              ? target.append(...call)
              : Promise.reject(new SluiceError('lease_lost', 'Gone.'));
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    const pipeline = new Pipeline([after(log, store), says('a')], { store: broken });
    await pipeline.executeWithContext('s', 'user', 'hi');
    await pipeline.execute('user', 'hi');
    expect(log).toEqual(['end', 1, 'stored', false, 'end', 1, 'stored', true]);
  });

  test('what it throws is a warning', async () => {
    const bad: Middleware = (context, next) => {
      context.onEnd(() => () => {
        throw new TypeError('x');
      });
      return next();
    };
    const { warnings } = await new Pipeline([bad, says('a')]).execute('user', 'hi');
    expect(warnings).toEqual(['What onEnd() left for later threw TypeError.']);
  });
});
