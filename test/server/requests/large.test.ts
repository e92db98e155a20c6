import { describe, expect, test, vi } from 'vitest';
import { parseAgUi } from '../../../server/requests/ag-ui.ts';
import { parseChatCompletion } from '../../../server/requests/chat-completions.ts';
import { parseUiMessages } from '../../../server/requests/ui-message.ts';
import { isList } from '../../../server/requests/read.ts';

const asked = { id: 'u', role: 'user', parts: [{ type: 'text', text: 'Hi' }] };

/** A request of a page whose newest message has calls in a state. */
function pageWith(ids: readonly string[], fields: (id: string) => object): object {
  const parts = ids.map((id) => ({ type: 'tool-ask', toolCallId: id, input: {}, ...fields(id) }));
  return { id: 'chat', messages: [asked, { id: 'a', role: 'assistant', parts }] };
}

/** A request of AG-UI that answers interrupts. */
function answering(ids: readonly string[]): object {
  const resume = ids.map((interruptId) => ({ interruptId, status: 'resolved', payload: true }));
  return { threadId: 't', runId: 'r', messages: [{ id: 'm', role: 'user', content: 'Hi' }], resume };
}

describe('S15 a large request is read in linear time', () => {
  /** How often a list is looked through while something runs. */
  function searches(run: () => void): number {
    const spies = (['indexOf', 'some', 'find', 'includes'] as const).map((name) =>
      vi.spyOn(Array.prototype, name),
    );
    run();
    const count = spies.reduce((sum, { mock }) => sum + mock.calls.length, 0);
    vi.restoreAllMocks();
    return count;
  }

  test('the calls in the newest message of a page', () => {
    const searchesFor = (count: number): number => {
      const ids = Array.from({ length: count }, (_, at) => `call-${at}`);
      const page = pageWith(ids, () => ({ state: 'output-available', output: 1 }));
      return searches(() => parseUiMessages({ ...page, trigger: 'regenerate-message' }, { session: true }));
    };
    expect(searchesFor(100)).toBe(searchesFor(10));
  });

  test('tools that a client allows', () => {
    const searchesFor = (allowed: number): number => {
      const tools = Array.from({ length: 100 }, (_, at) => ({
        ...{ type: 'function', function: { name: `tool-${at}` } },
      }));
      const choice = { mode: 'auto', tools: tools.slice(0, allowed) };
      return searches(() =>
        parseChatCompletion({
          ...{ model: 'm', messages: [{ role: 'user', content: 'Hi' }], tools },
          tool_choice: { type: 'allowed_tools', allowed_tools: choice },
        }),
      );
    };
    // The type of each is one of two, and is looked for among them.
    expect(searchesFor(100) - searchesFor(10)).toBe(90);
  });
});

describe('the turn of decisions', () => {
  const many = Array.from({ length: 30 }, (_, at) => `call_${String(at).padStart(24, '0')}`);
  const approved = { state: 'approval-responded', approval: { approved: true } };

  test('has an id that differs for other calls, however many they are', () => {
    const ofPage = (ids: readonly string[]) =>
      parseUiMessages(
        pageWith(ids, () => approved),
        { session: true },
      ).turnId;
    const ofRun = (ids: readonly string[]) => parseAgUi(answering(ids), { session: true }).turnId;
    for (const idOf of [ofPage, ofRun]) {
      expect(idOf(many)).not.toBe(idOf(many.slice(0, -1)));
      expect(idOf(many)).toBe(idOf(many.toReversed()));
      expect(idOf(['é'.repeat(400), 'b'])).toMatch(/^decide:[ -~]{1,400}$/);
      expect(idOf(['a', 'b'])).toBe('decide:a,b');
    }
  });
});

describe('the arguments of a call in a message of AG-UI', () => {
  const callWith = (text: string): unknown => {
    const { input } = parseAgUi({
      ...{ threadId: 't', runId: 'r' },
      messages: [
        {
          ...{ id: 'a', role: 'assistant' },
          toolCalls: [{ id: 'c', type: 'function', function: { name: 'ask', arguments: text } }],
        },
        { id: 'r', role: 'tool', toolCallId: 'c', content: 'done' },
      ],
    });
    const content = isList(input) ? input[0]?.content : undefined;
    return Array.isArray(content) ? content[0] : undefined;
  };

  test('are data, or text that is marked if it is not JSON, or is deeper than a body may be', () => {
    expect(callWith('{"city":"Rome"}')).toMatchObject({ arguments: { city: 'Rome' } });
    expect(callWith(' ')).toMatchObject({ arguments: {} });
    expect(callWith('{"x":')).toMatchObject({ arguments: {}, invalid: { raw: '{"x":' } });
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(callWith(deep)).toMatchObject({ arguments: {}, invalid: { raw: deep } });
  });
});
