import { describe, expect, it } from 'vitest';

import type { Split } from '../../../testing/upstream/fault-response.ts';
import { faultServer } from '../../../testing/upstream/fault-server.ts';
import { describeRealRecordings, plainReplies, recordings, replyLines } from '../../support/recordings.ts';
import type { PlainReading } from '../../support/recordings.ts';
import { joined, run } from './support.ts';
import type { Told } from './support.ts';

const WIRES = [
  { wire: 'openai-chat', api: 'chat' },
  { wire: 'openai-responses', api: 'responses' },
] as const;

/** The delivered reply, in the form of a plain reading of the lines. */
function readingOf({ chunks, reply, error, call }: Told): Partial<PlainReading> {
  const { raw: _raw, ...usage } = call.usage ?? {};
  return {
    text: joined(chunks, 'content'),
    thinking: joined(chunks, 'thinking'),
    toolCalls: chunks.flatMap((chunk) => {
      if (chunk.type !== 'tool_call') return [];
      const { id, name, arguments: args, providerExecuted } = chunk;
      return [{ id, name, arguments: args, ...(providerExecuted && { providerExecuted }) }];
    }),
    finishReason: reply?.finishReason,
    usage: call.usage === undefined ? undefined : (usage as PlainReading['usage']),
    error: error?.message,
  };
}

function expected({
  rawFinishReason: _raw,
  spliced: _spliced,
  ...reading
}: PlainReading): Partial<PlainReading> {
  return reading;
}

describe.each(WIRES)('the recordings of $wire over a socket', ({ wire, api }) => {
  describe('read as their lines say', () => {
    const splits: [string, Split | undefined][] = [
      ['as they came', undefined],
      ['in pieces of seed 1', { seed: 1, maxBytes: 2_000 }],
      ['in pieces of seed 2', { seed: 2, maxBytes: 300 }],
      ['event by event', 'event'],
    ];
    describe.each(splits)('%s', (_name, split) => {
      it.each(recordings(wire).map((recording) => ({ ...recording })))('$name', async ({ lines, name }) => {
        await using server = await faultServer();
        const readings = plainReplies(wire, lines);
        for (const [index, reply] of replyLines(wire, lines).entries()) {
          server.enqueue({ stream: { lines: reply, wire }, ...(split !== undefined && { split }) });
          const told = await run({ baseURL: server.openaiBaseURL, api });
          const plain = readings[index];
          if (plain === undefined) throw new Error(`no reading of ${name}`);
          if (plain.error === undefined) {
            expect(readingOf(told)).toEqual(expected(plain));
          } else {
            expect(told.error?.message).toContain(plain.error.slice(0, 40));
            expect(told.reply).toBeUndefined();
          }
        }
        server.assertDrained();
      });
    });
  });
});

describeRealRecordings('single recordings', () => {
  it('R3 openai-error fails after status 200 with the type of its error', async () => {
    await using server = await faultServer();
    const found = recordings('openai-responses').find(({ name }) => name.startsWith('openai-error'));
    if (found === undefined) throw new Error('the recording is not there');
    server.enqueue({ stream: found });
    const { error, chunks } = await run({ baseURL: server.openaiBaseURL, api: 'responses' });
    expect(error).toMatchObject({
      code: 'rate_limited',
      retryable: false,
      provider: 'openai',
      requestId: 'req_0',
    });
    expect(chunks).toEqual([]);
  });
});
