import fc from 'fast-check';
import { expect, test } from 'vitest';

import { isSluiceError, type Message, type Part } from '../../src/index.ts';
import { at, listAt } from '../support/json.ts';
import { seedOf } from '../session/seed.ts';
import { messagesOf } from './anthropic/request/requests.ts';
import { ask, bodyOf } from './openai/support.ts';

/** Ids that are too long, have other characters, become equal, or hold half of a surrogate pair. */
const id = fc.constantFrom(
  'call_0',
  'f:1',
  'f.1',
  'f_1',
  `x${'y'.repeat(70)}`,
  `x${'y'.repeat(71)}`,
  'é',
  '\ud83d',
  '\ude00',
);
const text = fc.constantFrom('', ' ', '\n', 'x', 'half \ud83d');
const name = fc.constantFrom('add', 'now');
const ran = fc.constantFrom<{ providerExecuted?: true }>({}, {}, {}, { providerExecuted: true });
const ownBlock = fc.constantFrom(
  { provider: 'anthropic', data: { type: 'server_tool_use', id: 'f_1', name: 'search', input: {} } },
  { provider: 'openai.responses', data: { type: 'reasoning', id: 'rs_1', encrypted_content: 'x' } },
  { provider: 'openai.responses', data: { type: 'web_search_call', id: 'ws_1', call_id: 'call_0' } },
  { provider: 'openai.chat', data: { type: 'message', reasoning_details: [] } },
);
const textPart = fc.record({ type: fc.constant('text' as const), text });
const call: fc.Arbitrary<Part> = fc
  .tuple(fc.record({ type: fc.constant('tool_call' as const), id, name, arguments: fc.constant({}) }), ran)
  .map(([part, more]) => ({ ...part, ...more }));
const content = fc.oneof(text, fc.array(textPart, { maxLength: 2 }));
const result: fc.Arbitrary<Part> = fc.record({
  type: fc.constant('tool_result' as const),
  id,
  name,
  content,
  isError: fc.boolean(),
});
const kept: fc.Arbitrary<Part> = fc.oneof(
  ownBlock.map((block) => ({ type: 'provider' as const, block })),
  ownBlock.map((block) => ({ type: 'thinking' as const, text: 'hm', block })),
  fc.constant<Part>({ type: 'file', mediaType: 'image/png', data: 'AAAA' }),
);

function messageOf(role: Message['role'], ...parts: fc.Arbitrary<Part>[]): fc.Arbitrary<Message> {
  const list = fc.array(fc.oneof(...parts), { maxLength: 4 });
  return fc.record({ role: fc.constant(role), content: role === 'tool' ? list : fc.oneof(text, list) });
}

const anyConversation = fc.array(
  fc.oneof(
    messageOf('system', textPart),
    messageOf('user', textPart, result),
    messageOf('assistant', textPart, call, call, kept),
    messageOf('assistant', call),
    messageOf('tool', result),
  ),
  { maxLength: 10 },
);

/** A conversation in which each call has its result. The results come in any order. */
const answered = fc
  .array(
    fc.array(id, { minLength: 1, maxLength: 4 }).chain((ids) =>
      fc.tuple(
        fc.constant(ids),
        fc.shuffledSubarray(
          ids.map((_, place) => place),
          { minLength: ids.length },
        ),
      ),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((rounds) =>
    rounds.flatMap(([ids, order], round): Message[] => {
      const tool = (place: number): string => `t${round}_${place}`;
      return [
        { role: 'user', content: `Turn ${round}` },
        {
          role: 'assistant',
          content: ids.map((each, place) => ({
            type: 'tool_call',
            id: each,
            name: tool(place),
            arguments: {},
          })),
        },
        {
          role: 'tool',
          content: order.map((place) => ({
            type: 'tool_result',
            id: ids[place] ?? '',
            name: tool(place),
            content: `result of ${tool(place)}`,
          })),
        },
      ];
    }),
  );

/** A call or a result as it is sent, in the order of the body. */
interface Sent {
  kind: 'call' | 'result';
  id: unknown;
  name: unknown;
  content: unknown;
  /** The position of the message or item. */
  at: number;
}

const wires = {
  chat: {
    idShape: /^[^]{1,40}$/u,
    body: (messages: Message[]) => bodyOf(ask({ messages })).body,
    read: (body: unknown): Sent[] =>
      listAt(body, 'messages').flatMap((message, place): Sent[] =>
        at(message, 'role') === 'tool'
          ? [
              {
                kind: 'result',
                id: at(message, 'tool_call_id'),
                name: '',
                content: at(message, 'content'),
                at: place,
              },
            ]
          : listAt(message, 'tool_calls').map((each) => ({
              ...{
                kind: 'call',
                id: at(each, 'id'),
                name: at(each, 'function', 'name'),
                content: '',
                at: place,
              },
            })),
      ),
  },
  responses: {
    idShape: /^[^]{1,64}$/u,
    body: (messages: Message[]) => bodyOf(ask({ messages }), { api: 'responses' }).body,
    read: (body: unknown): Sent[] =>
      listAt(body, 'input').flatMap((item, place): Sent[] => {
        const more = { id: at(item, 'call_id'), name: at(item, 'name'), at: place };
        if (at(item, 'type') === 'function_call') return [{ kind: 'call', ...more, content: '' }];
        const isOutput = at(item, 'type') === 'function_call_output';
        return isOutput ? [{ kind: 'result', ...more, content: at(item, 'output') }] : [];
      }),
  },
  messages: {
    idShape: /^[a-zA-Z0-9_-]+$/,
    body: (messages: Message[]) => messagesOf(messages).body,
    read: (body: unknown): Sent[] =>
      listAt(body, 'messages').flatMap((message, place) =>
        listAt(message, 'content').flatMap((block): Sent[] => {
          if (at(block, 'type') === 'tool_use') {
            return [{ kind: 'call', id: at(block, 'id'), name: at(block, 'name'), content: '', at: place }];
          }
          const isResult = at(block, 'type') === 'tool_result';
          const more = { name: '', content: at(block, 'content'), at: place };
          return isResult ? [{ kind: 'result', id: at(block, 'tool_use_id'), ...more }] : [];
        }),
      ),
  },
};

type Wire = (typeof wires)[keyof typeof wires];

/** The API's error for the calls and results of a body. Undefined if there is none. */
function complaintOf({ idShape, read }: Wire, body: unknown): string | undefined {
  const open = new Set<unknown>();
  const called = new Set<unknown>();
  for (const sent of read(body)) {
    if (typeof sent.id !== 'string' || !idShape.test(sent.id)) return `the id ${String(sent.id)}`;
    if (sent.kind === 'call') {
      if (called.has(sent.id)) return `two calls ${sent.id}`;
      called.add(sent.id);
      open.add(sent.id);
    } else if (!open.delete(sent.id)) return `a result without a call ${sent.id}`;
  }
  return undefined;
}

/** The API's error for the rest. */
function otherComplaintOf(body: unknown): string | undefined {
  if (/\\ud[89a-f]/.test(JSON.stringify(body))) return 'half a character';
  const itemIds = listAt(body, 'input').flatMap((item) => at(item, 'id') ?? []);
  if (new Set(itemIds).size < itemIds.length) return 'two items of one id';
  if ([...listAt(body, 'messages'), ...listAt(body, 'input')].length === 0) return 'no messages';
  return undefined;
}

/** The error of the Messages API for the order and for blank blocks. */
function messagesComplaintOf(body: unknown): string | undefined {
  const messages = listAt(body, 'messages');
  for (const [place, message] of messages.entries()) {
    if (place > 0 && at(message, 'role') === at(messages[place - 1], 'role'))
      return `${place} has the same role`;
    const blocks = listAt(message, 'content');
    if (blocks.length === 0) return `${place} is empty`;
    const before = listAt(messages[place - 1], 'content').map((block) => at(block, 'id'));
    const kinds = blocks.map((block) => at(block, 'type') === 'tool_result');
    if (kinds.lastIndexOf(true) > kinds.indexOf(false) && kinds.includes(false))
      return `${place}: results come late`;
    for (const block of blocks) {
      if (at(block, 'type') === 'tool_result' && !before.includes(at(block, 'tool_use_id')))
        return 'a result elsewhere';
      if (at(block, 'text') !== undefined && String(at(block, 'text')).trim() === '') return 'a blank text';
      if (
        at(block, 'is_error') === true &&
        listAt(block, 'content').length + String(at(block, 'content') ?? '').length === 0
      )
        return 'an empty error';
    }
  }
  return undefined;
}

/** The error of Chat Completions for the order. */
function chatComplaintOf(body: unknown): string | undefined {
  let open: unknown[] = [];
  for (const message of listAt(body, 'messages')) {
    const { role, content: said } = { role: at(message, 'role'), content: at(message, 'content') };
    if (role === 'tool' && !open.includes(at(message, 'tool_call_id'))) return 'a result elsewhere';
    if (role !== 'tool') open = listAt(message, 'tool_calls').map((each) => at(each, 'id'));
    if (Array.isArray(said) && said.length === 0) return 'no parts';
  }
  return undefined;
}

const seed = seedOf('histories on the wires');

test.each(Object.entries(wires))(
  'whatever the history, what goes over %s is valid, or an error names a message',
  (_name, wire) => {
    fc.assert(
      fc.property(anyConversation, (messages) => {
        let body: unknown;
        try {
          body = wire.body(messages);
        } catch (error) {
          expect(isSluiceError(error) && error.code).toBe('invalid_request');
          expect(String(error)).toMatch(/messages(?:\[\d+\]\.content(?:\[\d+\])?)? (?:is|holds|of)/);
          return;
        }
        const complaints = [
          complaintOf(wire, body),
          otherComplaintOf(body),
          wire === wires.messages ? messagesComplaintOf(body) : undefined,
          wire === wires.chat ? chatComplaintOf(body) : undefined,
        ];
        expect(complaints).toEqual([undefined, undefined, undefined, undefined]);
      }),
      { seed, numRuns: 2_000 },
    );
  },
);

test.each(Object.entries(wires))(
  'over %s each result has the id of its own call, and nothing is lost',
  (_name, wire) => {
    fc.assert(
      fc.property(answered, (messages) => {
        const sent = wire.read(wire.body(messages));
        const names = new Map(
          sent.flatMap(({ kind, id: key, name: tool }) => (kind === 'call' ? [[key, tool]] : [])),
        );
        const results = sent.filter(({ kind }) => kind === 'result');
        expect(results.map(({ id: key }) => `result of ${String(names.get(key))}`)).toEqual(
          results.map(({ content: answer }) => answer),
        );
        expect(results).toHaveLength(sent.length / 2);
        expect(names.size).toBe(sent.length / 2);
      }),
      { seed, numRuns: 500 },
    );
  },
);

test.each(Object.entries(wires))(
  'over %s the ids of a turn are the same on every later turn',
  (_name, wire) => {
    fc.assert(
      fc.property(answered, (messages) => {
        const whole = wire.read(wire.body(messages));
        for (let length = 3; length < messages.length; length += 3) {
          const early = wire.read(wire.body(messages.slice(0, length)));
          expect(whole.slice(0, early.length)).toEqual(early);
        }
      }),
      { seed, numRuns: 200 },
    );
  },
);
