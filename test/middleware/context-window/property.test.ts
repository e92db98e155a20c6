import fc from 'fast-check';
import { Pipeline, isSluiceError, type Message, type Part } from 'sluice';
import { contextWindow, type ContextWindowOptions, type WindowCut } from 'sluice/middleware/context-window';
import { provider } from 'sluice/middleware/provider';
import { scripted } from 'sluice/testing';
import { expect, test } from 'vitest';
import { weight } from './support.ts';

const text = fc.oneof(fc.string({ maxLength: 200 }), fc.string({ unit: 'grapheme', maxLength: 40 }));
// Few ids, so that they match, repeat and stay alone.
const id = fc.constantFrom('1', '2', '3', '4');
const call: fc.Arbitrary<Part> = fc.record({
  type: fc.constant('tool_call' as const),
  id,
  name: fc.constant('t'),
  arguments: fc.jsonValue(),
});
const result: fc.Arbitrary<Part> = fc.record({
  type: fc.constant('tool_result' as const),
  id,
  name: fc.constant('t'),
  content: text,
});
const textPart: fc.Arbitrary<Part> = fc.record({ type: fc.constant('text' as const), text });
const thinking: fc.Arbitrary<Part> = fc.record({ type: fc.constant('thinking' as const), text });
const image: fc.Arbitrary<Part> = fc.constant({ type: 'image', url: 'https://a/b.png', detail: 'low' });

const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    role: fc.constantFrom('user' as const, 'assistant' as const, 'system' as const),
    content: text,
  }),
  fc.record({
    role: fc.constant('user' as const),
    content: fc.array(fc.oneof(textPart, image, result), { maxLength: 3 }),
  }),
  fc.record({
    role: fc.constant('assistant' as const),
    content: fc.array(fc.oneof(textPart, thinking, call), { maxLength: 4 }),
  }),
  fc.record({
    role: fc.constant('tool' as const),
    content: fc.array(result, { minLength: 1, maxLength: 3 }),
  }),
);
const anyHistory = fc.array(anyMessage, { minLength: 1, maxLength: 40 });

/** Rounds of parallel calls with all of their results, in any order and spread over messages. */
const rounds: fc.Arbitrary<Message[]> = fc
  .array(fc.uniqueArray(id, { minLength: 1, maxLength: 4 }), { maxLength: 3 })
  .chain((ids) =>
    fc.tuple(
      ...ids.map((round) =>
        fc.tuple(fc.constant(round), fc.shuffledSubarray(round, { minLength: round.length }), fc.boolean()),
      ),
    ),
  )
  .map((all) =>
    all.flatMap(([calls, answers, apart]): Message[] => {
      const results = answers.map((one): Part => ({
        type: 'tool_result',
        id: one,
        name: 't',
        content: 'r'.repeat(30),
      }));
      return [
        {
          role: 'assistant',
          content: calls.map((one): Part => ({ type: 'tool_call', id: one, name: 't', arguments: {} })),
        },
        ...(apart
          ? results.map((one): Message => ({ role: 'tool', content: [one] }))
          : [{ role: 'tool' as const, content: results }]),
      ];
    }),
  );
const goodTurn: fc.Arbitrary<Message[]> = fc
  .tuple(fc.option(text), text, rounds, text)
  .map(([prompt, question, middle, answer]): Message[] => [
    ...(prompt === null ? [] : [{ role: 'system' as const, content: prompt }]),
    { role: 'user', content: question },
    ...middle,
    { role: 'assistant', content: answer },
  ]);
const goodHistory = fc
  .tuple(fc.array(goodTurn, { maxLength: 8 }), text, rounds)
  .map(([turns, question, middle]): Message[] => [
    ...turns.flat(),
    { role: 'user', content: question },
    ...middle,
  ]);

const options = fc.record({
  maxTokens: fc.integer({ min: 20, max: 1_500 }),
  maxMessages: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
  strategy: fc.constantFrom('drop-oldest' as const, 'summarize' as const, 'fail' as const),
  remote: fc.constantFrom(undefined, 0.5, 1, 2.5),
});

interface Sent {
  /** Undefined: it failed with `context_length`. */
  messages: readonly Message[] | undefined;
  cuts: WindowCut[];
  tokens: (messages: readonly Message[]) => number;
  warnings: string[];
}

async function sentOf(
  history: readonly Message[],
  given: typeof options extends fc.Arbitrary<infer T> ? T : never,
): Promise<Sent> {
  const { remote, ...rest } = given;
  const tokens = (messages: readonly Message[]): number => weight(messages) * (remote ?? 1);
  const counter: ContextWindowOptions['counter'] =
    remote === undefined ? 'heuristic' : ({ messages }) => tokens(messages);
  const cuts: WindowCut[] = [];
  const model = scripted('short', { repeat: true });
  const window = contextWindow({ ...rest, counter, onCut: (cut) => cuts.push(cut) });
  try {
    const { warnings } = await new Pipeline([window, provider(model)]).execute(history);
    return { messages: model.requests.at(-1)?.messages, cuts, tokens, warnings };
  } catch (error) {
    if (isSluiceError(error) && error.code === 'context_length')
      return { messages: undefined, cuts, tokens, warnings: [] };
    throw error;
  }
}

/** Checks calls and results in their order: every result belongs to an open call, and at the end no call is open. */
function isPaired(messages: readonly Message[]): boolean {
  const open: string[] = [];
  for (const { content } of messages) {
    if (typeof content === 'string') continue;
    for (const part of content) {
      if (part.type === 'tool_call') open.push(part.id);
      if (part.type !== 'tool_result') continue;
      const at = open.indexOf(part.id);
      if (at === -1) return false;
      open.splice(at, 1);
    }
  }
  return open.length === 0;
}

function isSubsequence(some: readonly unknown[], all: readonly unknown[]): boolean {
  let at = 0;
  for (const one of all) if (JSON.stringify(one) === JSON.stringify(some[at])) at++;
  return at === some.length;
}

/** Parts in order, each message's role with them. */
const piecesOf = (messages: readonly Message[]): unknown[] =>
  messages.flatMap(({ role, content }): unknown[] =>
    typeof content === 'string' ? [{ role, content }] : content.map((part) => ({ role, part })),
  );

const isSummaryTurn = ({ content }: Message): boolean => content === 'Summarize our conversation so far.';
const runs = { numRuns: 400, verbose: true };

test('for any history: calls and results are paired, the messages are in order and within the limit', async () => {
  await fc.assert(
    fc.asyncProperty(anyHistory, options, async (history, given) => {
      const { messages, tokens } = await sentOf(history, given);
      if (messages === undefined) return;
      const said = messages.some(isSummaryTurn)
        ? messages.filter((_, at) => !isSummaryAt(messages, at))
        : messages;
      expect(isPaired(messages)).toBe(true);
      expect(isSubsequence(piecesOf(said), piecesOf(history))).toBe(true);
      expect(tokens(messages)).toBeLessThanOrEqual(given.maxTokens);
      for (const { content } of messages)
        expect(Array.isArray(content) && content.length === 0).toBe(
          Array.isArray(content) &&
            content.length === 0 &&
            history.some((message) => message.content === content),
        );
    }),
    runs,
  );
});

test('for a valid history: whole turns from the end and every system message are sent, or the question and whole rounds from the end, and it fails only if not even the last round fits', async () => {
  await fc.assert(
    fc.asyncProperty(goodHistory, options, async (history, given) => {
      const { messages, cuts, tokens, warnings } = await sentOf(history, given);
      const spoken = history.filter(({ role }) => role !== 'system');
      const newest = spoken.slice(spoken.findLastIndex(({ role }) => role === 'user'));
      const roundStarts = newest.flatMap(({ role }, at) => (role === 'assistant' ? [at] : []));
      const least = [...newest.slice(0, 1), ...newest.slice(roundStarts.at(-1) ?? 1)];
      const systems = [
        ...new Map(
          history.filter(({ role }) => role === 'system').map((one) => [String(one.content), one]),
        ).values(),
      ];
      const fits = (some: readonly Message[]): boolean => tokens(some) <= given.maxTokens;
      const within = given.maxMessages === undefined || spoken.length <= given.maxMessages;
      if (messages === undefined) {
        expect(given.strategy === 'fail' ? fits(history) && within : fits([...systems, ...least])).toBe(
          false,
        );
        return;
      }
      if (fits(history) && within) expect(messages).toEqual(history);
      if (cuts.length === 0) expect(messages).toEqual(history);
      const said = messages.filter((message, at) => message.role !== 'system' && !isSummaryAt(messages, at));
      expect(said[0]?.role).toBe('user');
      if (fits([...systems, ...newest])) {
        expect(said).toEqual(spoken.slice(spoken.length - said.length));
        expect(said.length).toBeGreaterThanOrEqual(newest.length);
      } else {
        // The question, and as many whole rounds from the end as fit.
        const from = newest.length - said.length + 1;
        expect(said).toEqual([newest[0], ...newest.slice(from)]);
        expect(roundStarts).toContain(from);
        const [more] = roundStarts.filter((at) => at < from).slice(-1);
        expect(cuts.at(-1)?.droppedRounds).toBe(roundStarts.indexOf(from));
        if (more !== undefined && given.remote === undefined && said.length === messages.length)
          expect(fits([...systems, ...newest.slice(0, 1), ...newest.slice(more)])).toBe(false);
      }
      if (given.maxMessages !== undefined && said.length > newest.length)
        expect(said.length).toBeLessThanOrEqual(given.maxMessages);
      const kept = new Set(messages.filter(({ role }) => role === 'system').map(({ content }) => content));
      for (const { content } of systems) expect(kept.has(content)).toBe(true);
      expect(warnings.filter((warning) => warning.includes('result'))).toEqual([]);
    }),
    runs,
  );
});

function isSummaryAt(messages: readonly Message[], at: number): boolean {
  const [one, before] = [messages[at], messages[at - 1]];
  return (one !== undefined && isSummaryTurn(one)) || (before !== undefined && isSummaryTurn(before));
}
