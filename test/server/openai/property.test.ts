import fc from 'fast-check';
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream';
import { ResponseStream } from 'openai/lib/responses/ResponseStream';
import { describe, expect, it } from 'vitest';
import { chatCompletion, chatCompletions } from '../../../server/formats/chat-completions.ts';
import type { EncoderOptions, Format, Frame } from '../../../server/formats/format.ts';
import { response, responses } from '../../../server/formats/responses.ts';
import { parseCursor } from '../../../server/stream/cursor.ts';
import { EventFold } from '../../../server/stream/event-fold.ts';
import type { SentChunk, SentEnd } from '../../../server/stream/parts.ts';
import type { SentItem } from '../../../server/stream/sent-stream.ts';
import { Accumulator, noUsage } from '../../../src/index.ts';
import type { Part, StreamChunk } from '../../../src/index.ts';

/** What a random model does next. Calls are written side by side: each step adds to one of them. */
type Step =
  | { do: 'text'; text: string }
  | { do: 'thinking'; text: string; ends: boolean }
  | { do: 'write'; call: number; characters: number }
  | { do: 'file'; image: boolean }
  | { do: 'attempt'; resets: boolean };

const text = fc.string({ unit: 'grapheme', maxLength: 8 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('text' as const), text }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('thinking' as const), text, ends: fc.boolean() }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('write' as const), call: fc.nat(3), characters: fc.nat(12) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('file' as const), image: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('attempt' as const), resets: fc.boolean() }) },
);
/** Without -0, which JSON writes as 0. */
const json = fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value)));
/** Tools 0 and 1 are the client's, 2 is the pipeline's own. */
const call = fc.record({
  tool: fc.nat(2),
  value: fc.dictionary(text, json, { maxKeys: 3 }),
  id: fc.nat(2),
});
const script = fc.record({
  refuses: fc.boolean(),
  steps: fc.array(step, { maxLength: 40 }),
  calls: fc.array(call, { minLength: 4, maxLength: 4 }),
});

const TOOLS = ['weather', 'time', 'secret'];
const options: EncoderOptions = {
  clientTools: new Set(TOOLS.slice(0, 2)),
  model: 'gpt-x',
  includeUsage: true,
};

function chunksOf({
  refuses,
  steps,
  calls,
}: {
  refuses: boolean;
  steps: Step[];
  calls: { tool: number; value: unknown; id: number }[];
}): SentChunk[] {
  const chunks: SentChunk[] = [];
  /** How many characters of each call were written; undefined: it was not begun. */
  const written = calls.map((): number | undefined => undefined);
  let number = 1;
  const say = (chunk: StreamChunk): void => {
    chunks.push({ ...chunk, call: number, index: chunks.length } as SentChunk);
  };
  const write = (at: number, characters: number): void => {
    const { tool, value, id } = calls[at] ?? { tool: 0, value: {}, id: 0 };
    const json = JSON.stringify(value, undefined, at === 1 ? 1 : 0);
    const from = written[at] ?? 0;
    if (from > json.length) return;
    const argumentsDelta = json.slice(from, from + characters);
    // Ids may come twice, but not in two calls that are written at the same time.
    const name = TOOLS[tool] ?? '';
    const key = `call_${id}_${at}`;
    say({ type: 'tool_call_delta', id: key, ...(written[at] === undefined && { name }), argumentsDelta });
    written[at] = from + characters;
    if (from + characters < json.length) return;
    written[at] = json.length + 1;
    say({ type: 'tool_call', id: key, name, arguments: value });
    if (tool === 2) say({ type: 'tool_result', id: key, name, content: 'done', isError: false });
  };
  const finish = (): void => {
    calls.forEach((_, at) => {
      if (written[at] !== undefined) write(at, 10_000);
    });
  };
  for (const one of steps) {
    if (one.do === 'text') say({ type: 'content', content: one.text, ...(refuses && { refusal: true }) });
    else if (one.do === 'thinking')
      say({
        type: 'thinking',
        content: one.text,
        ...(one.ends && { block: { provider: 'anthropic', data: { type: 'thinking', signature: 's' } } }),
      });
    else if (one.do === 'write') write(one.call, one.characters);
    else if (one.do === 'file')
      say({ type: 'file', mediaType: one.image ? 'image/png' : 'audio/wav', data: 'AAAA' });
    else {
      if (!one.resets) finish();
      const voided = number;
      number++;
      written.fill(undefined);
      if (one.resets) say({ type: 'reset', from: voided, calls: [voided], reason: 'again' });
    }
  }
  finish();
  return chunks;
}

function itemsOf(chunks: readonly SentChunk[]): SentItem[] {
  const end: SentEnd = {
    outcome: 'completed',
    finishReason: 'stop',
    usage: { ...noUsage(), totalTokens: 3 },
  };
  return [
    { type: 'start', start: { turnId: 'turn-1', startedAt: 1_000_000 } },
    ...chunks.map((chunk): SentItem => ({ type: 'chunk', chunk, position: chunk.index + 1, at: 0 })),
    { type: 'end', end, position: chunks.length + 1, at: 0 },
  ];
}

function framesOf(format: Format, items: readonly SentItem[]): Frame[] {
  const frames: Frame[] = [];
  const fold = new EventFold(format, options);
  for (const item of items) fold.add(item, (frame) => frames.push(frame));
  return frames;
}

/** The frames as the accumulators of the official client read them: one JSON a line. */
function readable(frames: readonly Frame[]): ReadableStream {
  const lines = frames.filter(({ data }) => data !== '[DONE]').map(({ data }) => `${data}\n`);
  return new Blob(lines).stream();
}

/** Whether a reset takes back what the client has been shown: the stream then ends with an error. */
function isCut(format: Format, chunks: readonly SentChunk[]): boolean {
  const encoder = format.encoder(options);
  encoder.start({ turnId: 'turn-1', startedAt: 0 });
  const shown = new Set<number>();
  return chunks.some((chunk, at) => {
    if (chunk.type === 'reset') return chunk.calls.some((call) => shown.has(call));
    if (encoder.chunk(chunk, at + 1, 0).length > 0) shown.add(chunk.call);
    return false;
  });
}

interface Joined {
  content: string;
  refusal: string;
  thinking: string;
  calls: [name: string | undefined, value: unknown][];
}

function joined(chunks: readonly SentChunk[]): Joined {
  const accumulator = new Accumulator();
  for (const chunk of chunks) accumulator.add(chunk);
  const { parts } = accumulator;
  const texts = (isRefusal: boolean): string =>
    parts
      .map((part: Part) => (part.type === 'text' && (part.refusal === true) === isRefusal ? part.text : ''))
      .join('');
  return {
    content: texts(false),
    refusal: texts(true),
    thinking: accumulator.thinking,
    calls: accumulator.toolCalls
      .filter(({ name }) => options.clientTools?.has(name))
      .map(({ name, arguments: value }) => [name, value]),
  };
}

const sorted = (calls: Joined['calls']): string[] => calls.map((one) => JSON.stringify(one)).sort();

interface ChatMessage {
  content: string | null;
  refusal: string | null;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
}

function ofChat({ content, refusal, tool_calls: calls = [] }: ChatMessage): Omit<Joined, 'thinking'> {
  expect(new Set(calls.map(({ id }) => id)).size).toBe(calls.length);
  return {
    content: content ?? '',
    refusal: refusal ?? '',
    calls: calls.map(({ function: fn }) => [fn.name, JSON.parse(fn.arguments)]),
  };
}

interface Item {
  id?: string;
  type: string;
  content?: { type: string; text?: string; refusal?: string }[];
  summary?: { text: string }[];
  name?: string;
  arguments?: string;
}

function ofResponse(output: readonly Item[]): Joined {
  const parts = output.flatMap(({ type, content }) => (type === 'message' ? (content ?? []) : []));
  expect(new Set(output.map(({ id }) => id)).size).toBe(output.length);
  return {
    content: parts.map((part) => part.text ?? '').join(''),
    refusal: parts.map((part) => part.refusal ?? '').join(''),
    thinking: output.flatMap(({ summary = [] }) => summary.map((part) => part.text)).join(''),
    calls: output.flatMap((item): Joined['calls'] =>
      item.type === 'function_call' ? [[item.name, JSON.parse(item.arguments ?? '')]] : [],
    ),
  };
}

describe('a random stream', () => {
  it.each([
    ['Chat Completions', chatCompletions],
    ['Responses', responses],
  ])('of %s goes on after any of its events with what follows, and nothing twice', (_name, format) => {
    fc.assert(
      fc.property(script, fc.nat(), (made, seed) => {
        const items = itemsOf(chunksOf(made));
        const all: { data: string; id: string | undefined }[] = [];
        const fold = new EventFold(format, options);
        for (const item of items) fold.add(item, ({ data }, id) => all.push({ data, id }));
        const cut = seed % all.length;
        const last = all[cut]?.id;
        // What ends a stream that was reset has no id: it is said again.
        if (last === undefined) return;
        const rest: string[] = [];
        const again = new EventFold(format, options, parseCursor(last));
        for (const item of items) again.add(item, ({ data }) => rest.push(data));
        expect(rest).toEqual(all.slice(cut + 1).map(({ data }) => data));
      }),
      { numRuns: 300 },
    );
  });

  it('is joined to our response by the accumulator of Chat Completions, or ends with an error', async () => {
    let cut = 0;
    await fc.assert(
      fc.asyncProperty(script, async (made) => {
        const chunks = chunksOf(made);
        const items = itemsOf(chunks);
        const frames = framesOf(chatCompletions, items);
        const final = ChatCompletionStream.fromReadableStream(readable(frames));
        if (isCut(chatCompletions, chunks)) {
          cut++;
          expect(frames.at(-1)?.data).toContain('"error"');
          await expect(final.finalChatCompletion()).rejects.toThrow('The answer stopped before its end.');
        } else {
          const { choices } = await final.finalChatCompletion();
          const [choice] = choices;
          const { thinking, ...expected } = joined(chunks);
          const got = ofChat(choice?.message as ChatMessage);
          expect({ ...got, calls: sorted(got.calls) }).toEqual({
            ...expected,
            calls: sorted(expected.calls),
          });
          expect(choice?.finish_reason).toBe(expected.calls.length > 0 ? 'tool_calls' : 'stop');
          const deltas = frames.slice(0, -1).map(({ data }) => JSON.parse(data).choices[0]?.delta ?? {});
          expect(deltas.map((delta) => delta.reasoning_content ?? '').join('')).toBe(thinking);
          expect(deltas.map((delta) => delta.role).filter(Boolean)).toEqual(['assistant']);
        }
        const { body } = chatCompletion(items, options, 'req');
        const [first] = (body as { choices: { message: ChatMessage }[] }).choices;
        expect(first && ofChat(first.message)).toEqual({
          content: joined(chunks).content,
          refusal: joined(chunks).refusal,
          calls: joined(chunks).calls,
        });
      }),
      { numRuns: 200 },
    );
    expect(cut).toBeGreaterThan(10);
  });

  it('is joined to our response by the accumulator of Responses, or ends with an error', async () => {
    let cut = 0;
    await fc.assert(
      fc.asyncProperty(script, async (made) => {
        const chunks = chunksOf(made);
        const items = itemsOf(chunks);
        const frames = framesOf(responses, items);
        const events = frames.map(({ data }) => JSON.parse(data));
        expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, at) => at));
        expect(frames.map(({ event }) => event)).toEqual(events.map(({ type }) => type));
        if (isCut(responses, chunks)) {
          cut++;
          expect(events.at(-1).type).toBe('response.failed');
        } else {
          const stream = ResponseStream.fromReadableStream(readable(frames));
          const final = await stream.finalResponse();
          const expected = joined(chunks);
          const got = ofResponse(final.output as Item[]);
          expect({ ...got, calls: sorted(got.calls) }).toEqual({
            ...expected,
            calls: sorted(expected.calls),
          });
          expect(final.status).toBe('completed');
          // The client adds what it has parsed.
          expect(final.output).toMatchObject(events.at(-1).response.output);
        }
        const { body } = response(items, options, 'req');
        expect(ofResponse((body as { output: Item[] }).output)).toEqual(joined(chunks));
      }),
      { numRuns: 200 },
    );
    expect(cut).toBeGreaterThan(10);
  });
});
