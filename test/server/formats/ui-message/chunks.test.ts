import * as ai7 from 'ai';
import * as ai5 from 'ai-5';
import * as ai6 from 'ai-6';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Accumulator } from 'sluice';
import { noUsage } from '../../../../src/index.ts';
import { keptItems } from '../../../../server/formats/kept-items.ts';
import { uiMessageFormat } from '../../../../server/formats/ui-message.ts';
import type { SentItem } from '../../../../server/stream/sent-stream.ts';
import { dataOfFrames, framesOf } from '../folded.ts';
import { CLIENT_TOOLS, randomItems } from '../random-items.ts';

const RUNS = 150;

interface Schema {
  validate?: (value: unknown) => unknown;
}

type Read = (options: {
  stream: ReadableStream<never>;
  onError: (error: unknown) => void;
}) => AsyncIterable<{ parts: unknown }>;

/** The majors of `ai`, each with its own schema of a chunk and its own reader. */
const MAJORS = [
  { version: 5 as const, schema: ai5.uiMessageChunkSchema, read: ai5.readUIMessageStream as unknown as Read },
  { version: 6 as const, schema: ai6.uiMessageChunkSchema, read: ai6.readUIMessageStream as unknown as Read },
  { version: 7 as const, schema: ai7.uiMessageChunkSchema, read: ai7.readUIMessageStream as unknown as Read },
];

type Json = Record<string, unknown>;

async function requireValid(schema: unknown, chunk: Json): Promise<void> {
  const made = (typeof schema === 'function' ? (schema as () => unknown)() : schema) as Schema;
  const found = (await made.validate?.(chunk)) as { success: boolean; error?: Error } | undefined;
  expect(found?.success, `${JSON.stringify(chunk)}: ${found?.error?.message}`).toBe(true);
}

function streamOf(chunks: readonly Json[]): ReadableStream<never> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk as never);
      controller.close();
    },
  });
}

/** The message that the reader of a major makes, and the errors that it got. */
async function readBy(read: Read, chunks: readonly Json[]): Promise<{ parts: Json[]; errors: string[] }> {
  const errors: string[] = [];
  let parts: Json[] = [];
  const options = {
    stream: streamOf(chunks),
    onError: (error: unknown) => errors.push(error instanceof Error ? error.message : String(error)),
  };
  for await (const message of read(options)) parts = structuredClone(message.parts as Json[]);
  return { parts, errors };
}

function joined(items: readonly SentItem[]): Accumulator {
  const accumulator = new Accumulator();
  for (const item of keptItems(items)) if (item.type === 'chunk') accumulator.add(item.chunk);
  return accumulator;
}

function textOf(parts: readonly Json[], type: string): string {
  return parts.flatMap((part) => (part['type'] === type ? [part['text']] : [])).join('');
}

const isCall = ({ type }: Json): boolean =>
  typeof type === 'string' && (type === 'dynamic-tool' || type.startsWith('tool-'));

describe.each(MAJORS)('the UI message stream for ai $version', ({ version, schema, read }) => {
  const options = { version, clientTools: CLIENT_TOOLS };

  test('has chunks that its schema takes, and its reader makes the joined response of them', async () => {
    await fc.assert(
      fc.asyncProperty(randomItems({ resets: version === 7 }), async (items) => {
        const frames = framesOf(items, uiMessageFormat, options);
        expect(frames.at(-1)?.frame.data).toBe('[DONE]');
        const chunks = dataOfFrames(frames);
        for (const chunk of chunks) await requireValid(schema, chunk);
        const { parts, errors } = await readBy(read, chunks);
        const isError = chunks.at(-1)?.['type'] === 'error';
        expect(errors).toEqual(isError ? [chunks.at(-1)?.['errorText']] : []);
        // A reset that could not be shown.
        if (
          isError &&
          items.at(-1)?.type === 'end' &&
          chunks.at(-1)?.['errorText'] !== 'The provider is overloaded.'
        )
          return;
        const whole = joined(items);
        expect(textOf(parts, 'text')).toBe(whole.content);
        expect(textOf(parts, 'reasoning')).toBe(whole.thinking);
        const known = new Set(whole.toolCalls.map(({ id }) => id));
        const calls = parts.filter(isCall).filter((part) => known.has(String(part['toolCallId'])));
        expect(calls.map(({ toolCallId, input }) => ({ toolCallId, input }))).toEqual(
          expect.arrayContaining(
            whole.toolCalls.map(({ id, arguments: input }) => ({ toolCallId: id, input })),
          ),
        );
      }),
      { numRuns: RUNS },
    );
  });

  test('goes on after a cut behind any event with the same chunks', () => {
    fc.assert(
      fc.property(randomItems({ resets: true }), (items) => {
        const all = framesOf(items, uiMessageFormat, options);
        const ids = all.flatMap(({ id }) => (id === undefined ? [] : [id]));
        expect(new Set(ids).size).toBe(ids.length);
        ids.forEach((id, at) => {
          expect(framesOf(items, uiMessageFormat, options, id)).toEqual(all.slice(at + 1));
        });
      }),
      { numRuns: 40 },
    );
  });
});

test('what a turn has used is told to a page that asks for it, as far as it is known', () => {
  const end = {
    outcome: 'completed',
    finishReason: 'stop',
    model: 'm',
    provider: 'p',
    latencyMs: 7,
  } as const;
  const finished = (include: string[], more: object = {}): unknown => {
    const items: SentItem[] = [
      { type: 'start', start: { turnId: 't1', startedAt: 0 } },
      { type: 'end', end: { ...end, ...more }, position: 1, at: 1 },
    ];
    const chunks = dataOfFrames(framesOf(items, uiMessageFormat, { include: new Set(include) }));
    return chunks.find(({ type }) => type === 'finish')?.['messageMetadata'];
  };
  const known = { model: 'm', provider: 'p', latencyMs: 7 };
  expect(finished(['metadata'])).toEqual(known);
  const spent = { usage: noUsage(), cost: { status: 'exact', totalUsd: 1 } };
  expect(finished(['metadata'], spent)).toEqual({ ...known, ...spent });
  expect(finished([], spent)).toBeUndefined();
});
