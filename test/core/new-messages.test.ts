import { describe, expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import type { Message, Middleware, ToolDefinition } from 'sluice';
import { failureOf, says } from './harness.ts';

/** A message that counts how often its role is read, which each check does. */
class Watched implements Message {
  reads = 0;
  readonly content = 'hi';
  get role(): 'user' {
    this.reads++;
    return 'user';
  }
}

const ask = (change: Middleware, messages: Message[] = [{ role: 'user', content: 'hi' }]) =>
  new Pipeline([change, says('a')]).execute(messages);

describe('the messages that a layer passes to next()', () => {
  test.each<[string, (own: readonly Message[], more: Message) => Message[]]>([
    ['the same messages', (own) => [...own]],
    ['more messages', (own, more) => [...own, more]],
    ['a prompt before them', (own, more) => [more, ...own]],
    ['only the last of them', (own) => own.slice(2)],
    ['another one in the middle', (own, more) => [...own.slice(0, 2), more, ...own.slice(3)]],
  ])('are not checked again if they are those of its request: %s', async (_, changed) => {
    const own = Array.from({ length: 5 }, () => new Watched());
    const more = new Watched();
    const reads: number[] = [];
    const layer: Middleware = function layer(context, next) {
      for (const one of own) one.reads = 0;
      const stream = next({ messages: changed(context.request.messages, more) });
      reads.push(...own.map((one) => one.reads), more.reads);
      return stream;
    };
    await ask(layer, own);
    expect(reads.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
    expect(reads[5]).toBe(changed(own, more).includes(more) ? 1 : 0);
  });

  test('are checked once if they are new and come in each round', async () => {
    const added: Watched[] = [];
    const rounds: Middleware = async function* rounds(context, next) {
      for (const _round of [1, 2, 3]) {
        added.push(new Watched());
        yield* next({ messages: [...context.request.messages, ...added] });
      }
      return { finishReason: 'stop' };
    };
    await ask(rounds);
    expect(added.map(({ reads }) => reads)).toEqual([1, 1, 1]);
  });

  test.each<[string, unknown, string]>([
    ['a wrong role', { role: 'robot', content: 'x' }, 'messages[1].role is the string "robot"'],
    ['no object', 'x', 'messages[1] is a string'],
    ['nothing', undefined, 'messages[1] is undefined'],
  ])('are an error if a new one has %s, each time that it comes', async (_, wrong, message) => {
    const errors: unknown[] = [];
    const twice: Middleware = function twice(context, next) {
      for (const _try of [1, 2]) {
        try {
          next({ messages: [...context.request.messages, wrong as Message] });
        } catch (error) {
          errors.push(error);
        }
      }
      return next();
    };
    await ask(twice);
    expect(errors).toHaveLength(2);
    for (const error of errors) expect(String(error)).toContain(message);
  });

  test('are checked if they only look like those of the request', async () => {
    const copies: Middleware = (context, next) =>
      next({
        messages: context.request.messages.map((message) => ({ ...message, role: 'robot' as 'user' })),
      });
    expect((await failureOf(ask(copies))).message).toContain('messages[0].role');
  });

  test('are what a layer has made of them if it changes one that was checked', async () => {
    const sent: unknown[] = [];
    const model: Middleware = async function* model(context) {
      sent.push(context.request.messages.at(-1)?.content);
      yield { type: 'content', content: 'a' };
      return { finishReason: 'stop' };
    };
    const changes: Middleware = async function* changes(context, next) {
      const mine: Message = { role: 'user', content: 'first' };
      const messages = [...context.request.messages, mine];
      yield* next({ messages });
      mine.content = 'second';
      return yield* next({ messages });
    };
    await new Pipeline([changes, model]).execute('user', 'hi');
    expect(sent).toEqual(['first', 'second']);
  });
});

describe('the tools that a layer passes to next()', () => {
  /** A tool, and how often its name was read, which each check does. */
  function watched(): { tool: ToolDefinition; reads: () => number } {
    let reads = 0;
    const tool = {
      parameters: {},
      get name() {
        reads++;
        return 'look';
      },
    };
    return { tool, reads: () => reads };
  }

  /** Asks several times, with these changes. */
  const again = (changes: (round: number) => object, rounds = 3): Middleware =>
    function again(_context, next) {
      let round = 1;
      return next(changes(0)).followedBy(() => (round < rounds ? next(changes(round++)) : undefined));
    };

  test('are checked once, and again only beside other changes', async () => {
    const { tool, reads } = watched();
    const checks: number[] = [];
    const rounds: Middleware = function rounds(_context, next) {
      for (const more of [{}, {}, { messages: [] }, { parameters: { temperature: 1 } }]) {
        const before = reads();
        next({ tools: [tool], ...more });
        checks.push(reads() - before);
      }
      return next();
    };
    await ask(rounds);
    expect(checks.map((count) => count > 0)).toEqual([true, false, false, true]);
  });

  test('are checked if one of them is new', async () => {
    const known = { name: 'known', parameters: {} };
    const error = await failureOf(
      ask(again((round) => ({ tools: round === 0 ? [known] : [known, { name: '', parameters: {} }] }))),
    );
    expect(error.message).toContain('tools.1.name is a string: give one that is not empty');
  });

  test('are checked each time if they are wrong', async () => {
    const wrong = { name: 'wrong', parameters: 1 };
    const errors: string[] = [];
    const twice: Middleware = function twice(_context, next) {
      for (const _try of [1, 2]) {
        try {
          Reflect.apply(next, undefined, [{ tools: [wrong] }]);
        } catch (error) {
          errors.push(String(error));
        }
      }
      return next();
    };
    await ask(twice);
    expect(errors).toHaveLength(2);
    for (const error of errors) expect(error).toContain('tools.0.parameters is a number');
  });

  test('do not make a wrong change right that comes with them', async () => {
    const tool = { name: 'known', parameters: {} };
    for (const wrong of [{ tool: 1 }, { model: 1 }, { parameters: undefined }, { messages: 1 }]) {
      const error = await failureOf(ask(again((round) => ({ tools: [tool], ...(round === 1 && wrong) }))));
      expect(error.message).toMatch(
        new RegExp(`called next\\(\\) with a wrong change: .*${Object.keys(wrong)[0]} is`),
      );
    }
  });
});
