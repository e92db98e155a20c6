import { describe, expect, it } from 'vitest';

import { MessagesDecoder } from '../../providers/anthropic/reply/decoder.ts';
import { ChatDecoder } from '../../providers/openai/chat/reply/decoder.ts';
import { ResponsesDecoder } from '../../providers/openai/responses/reply/decoder.ts';
import { EventReader } from '../../providers/wire/reply/event-reader.ts';
import { limitsSchema, originOf, type Decoder, type ResponseInfo } from '../../providers/wire/index.ts';
import { isSluiceError } from '../../src/index.ts';
import type { Wire } from '../../testing/upstream/wires.ts';
import { ask, providerCall } from '../providers/openai/support.ts';
import { GARBAGE, type Garbage } from './garbage.ts';
import { withoutStackTraces } from './stage.ts';
import { SUBJECTS } from './subjects.ts';
import { eventsBefore, subject, type Subject } from './subject.ts';

const limits = limitsSchema.parse({});

function decoderOf(wire: Wire, info: ResponseInfo): Decoder {
  const options = {
    provider: 'test',
    call: providerCall(ask()),
    limits,
    info,
    origin: originOf(wire, 'test', undefined),
  };
  if (wire === 'anthropic-messages') return new MessagesDecoder(options);
  return wire === 'openai-chat' ? new ChatDecoder(options) : new ResponsesDecoder(options);
}

/** Reads pieces of a body without a socket. Returns the chunks as JSON, and how it ended. */
function read(wire: Wire, pieces: readonly Uint8Array[]): { chunks: string[]; end: string } {
  const call = providerCall(ask());
  const reader = new EventReader(
    {
      provider: 'test',
      open: () => Promise.reject(new Error('There is no network.')),
      decoder: (info) => decoderOf(wire, info),
      call,
      limits,
      secrets: [],
    },
    { status: 200, secrets: [] },
  );
  let end = 'completed';
  try {
    for (const piece of pieces) reader.feed(piece);
    reader.end();
  } catch (error) {
    end = isSluiceError(error) ? error.code : String(error);
  }
  return { chunks: (reader.take() ?? []).map((chunk) => JSON.stringify(chunk)), end };
}

/** The events in the first 4 KiB of a recording, and one more. */
function beginningOf({ bytes, ends }: Subject): Buffer {
  const last = ends.findIndex((end) => end > 4_096);
  return bytes.subarray(0, last === -1 ? bytes.length : (ends[last + 1] ?? bytes.length));
}

describe('every kind of garbage at every byte', () => {
  it.each(SUBJECTS)(
    '$wire/$name: only a beginning of the reply is delivered, and it is complete if the stream completes',
    async ({ wire, name }) => {
      const recorded = subject(wire, name);
      const bytes = beginningOf(recorded);
      const clean = read(wire, [bytes]);
      const countAt = [0, ...recorded.ends.filter((end) => end <= bytes.length)].map(
        (end) => read(wire, [bytes.subarray(0, end), Buffer.from('\n\u0001\n')]).chunks.length,
      );
      const problems: string[] = [];
      let cells = 0;
      await withoutStackTraces(() => {
        for (let offset = 0; offset <= Math.min(bytes.length, 4_096); offset++) {
          for (const garbage of GARBAGE) check(offset, garbage, (offset + cells++) % 2 === 0);
        }
      });
      expect(problems.slice(0, 12), `${problems.length} of ${cells} cells`).toEqual([]);
      expect(cells).toBe(GARBAGE.length * (Math.min(bytes.length, 4_096) + 1));
      expect(cells).toBeGreaterThan(10_000);

      function check(offset: number, garbage: Garbage, whole: boolean): void {
        const pieces = [bytes.subarray(0, offset), garbage.bytes, bytes.subarray(offset)];
        const { chunks, end } = read(wire, whole ? [Buffer.concat(pieces)] : pieces);
        const wrong = chunks.findIndex((chunk, at) => chunk !== clean.chunks[at]);
        const least = countAt[eventsBefore(recorded, offset)] ?? 0;
        const right =
          wrong === -1 &&
          chunks.length >= least &&
          (end === clean.end
            ? chunks.length === clean.chunks.length
            : end === 'protocol' || end === 'truncated');
        if (right) return;
        const how = whole ? 'in one read' : 'in three reads';
        problems.push(`${garbage.name} at byte ${offset}, ${how}: ${end} after ${chunks.length} chunks`);
      }
    },
  );
});
