import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Message, Part } from 'sluice';
import { wholeTurns } from '../../src/session/repair.ts';
import { repaired } from './stage.ts';

const id = fc.constantFrom('a', 'b', 'c');
const text = fc.constantFrom('', ' ', 'x');
const part: fc.Arbitrary<Part> = fc.oneof(
  fc.record({ type: fc.constant('text' as const), text }),
  fc.record({ type: fc.constant('thinking' as const), text }),
  fc.record({ type: fc.constant('tool_call' as const), id, name: id, arguments: fc.constant({}) }),
  fc.record({ type: fc.constant('tool_result' as const), id, name: id, content: text }),
  fc.record({
    type: fc.constant('provider' as const),
    block: fc.record({
      provider: fc.constant('anthropic'),
      data: fc.oneof(
        fc.record({ type: fc.constant('server_tool_use'), id }),
        fc.record({ type: fc.constant('web_search_tool_result'), tool_use_id: id }),
      ),
    }),
  }),
);
const ofRole = (role: Message['role'], ...kinds: Part['type'][]): fc.Arbitrary<Message> =>
  fc.record({
    role: fc.constant(role),
    content: fc.oneof(
      text,
      fc.array(
        part.filter(({ type }) => kinds.includes(type)),
        { maxLength: 4 },
      ),
    ),
  });
const message = fc.oneof(
  ofRole('system', 'text'),
  ofRole('user', 'text', 'tool_result'),
  ofRole('assistant', 'text', 'thinking', 'tool_call', 'provider'),
  ofRole('tool', 'tool_result').filter(({ content }) => typeof content !== 'string'),
);
const conversation = fc.array(message, { maxLength: 8 });

const partsOf = ({ content }: Message): readonly Part[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : content;
const isAnswer = (one: Message | undefined): boolean =>
  one !== undefined && (one.role === 'tool' || partsOf(one).some(({ type }) => type === 'tool_result'));

/** The error of a strict provider for a conversation; undefined if it accepts it. Written independently of the repair: message by message. */
function complaintOf(messages: readonly Message[]): string | undefined {
  let open: string[] = [];
  for (const [at, one] of messages.entries()) {
    const parts = partsOf(one);
    if (parts.every((each) => each.type === 'text' && each.text.trim() === '')) return `${at} is empty`;
    if (!isAnswer(one) && open.length > 0) return `${open.join()} not answered before ${at}`;
    for (const each of parts) {
      if (each.type !== 'tool_result') continue;
      if (!open.includes(each.id)) return `${each.id} answered in ${at} without a call`;
      open = open.filter((other) => other !== each.id);
    }
    if (one.role === 'user' && open.length > 0 && parts.some(({ type }) => type !== 'tool_result'))
      return `the user speaks in ${at} before ${open.join()} is answered`;
    if (one.role !== 'assistant') continue;
    open = parts.flatMap((each) => (each.type === 'tool_call' ? [each.id] : []));
    if (parts.at(-1)?.type === 'thinking') return `${at} ends with thinking`;
  }
  return open.length > 0 ? `${open.join()} not answered at the end` : undefined;
}

/** Two calls of one id in one reply: no provider makes them, and no result says which it is of. */
const isAmbiguous = (messages: readonly Message[]): boolean =>
  messages.some((one) => {
    const ids = partsOf(one).flatMap((each) => (each.type === 'tool_call' ? [each.id] : []));
    return new Set(ids).size < ids.length;
  });

test('R27 whatever is stored, a strict provider accepts what is sent', () => {
  fc.assert(
    fc.property(conversation, (messages) => {
      fc.pre(!isAmbiguous(messages));
      const { messages: sent, warning } = repaired(messages);
      expect(complaintOf(sent)).toBeUndefined();
      expect(warning === undefined).toBe(JSON.stringify(sent) === JSON.stringify(messages));
      expect(repaired(sent)).toEqual({ messages: sent, warning: undefined });
    }),
    { numRuns: 2_000 },
  );
});

test('R27 a valid conversation is left unchanged', () => {
  fc.assert(
    fc.property(conversation, (messages) => {
      const sound = repaired(messages).messages;
      const cut = messages.filter((one) => sound.includes(one));
      if (complaintOf(messages) === undefined && cut.length === messages.length)
        expect(sound).toEqual(messages);
    }),
  );
});

test('the newest messages of a conversation are accepted, and start with a turn if there is one', () => {
  fc.assert(
    fc.property(conversation, fc.nat(8), (messages, last) => {
      fc.pre(!isAmbiguous(messages));
      const sound = repaired(messages).messages;
      const window = wholeTurns(sound.slice(Math.max(0, sound.length - last)));
      const { messages: sent } = repaired(window);
      expect(complaintOf(sent)).toBeUndefined();
      const begins = window.find((one) => one.role === 'user' && !isAnswer(one));
      if (begins !== undefined) expect([window[0], repaired(window).warning]).toEqual([begins, undefined]);
    }),
  );
});
