import { describe, expect, it } from 'vitest';
import { summaryOf } from '../fuzz/check.ts';
import { bytesOf, play } from '../fuzz/play.ts';
import { recordings, replyLines } from '../support/recordings.ts';

describe('a recording that is split at every byte', () => {
  it.each(recordings().map((recording) => ({ ...recording })))(
    'reads the same as in one piece: $wire $name',
    async ({ wire, lines }) => {
      for (const reply of replyLines(wire, lines)) {
        const bytes = bytesOf(
          wire,
          reply.map((line): unknown => JSON.parse(line)),
        );
        const whole = summaryOf(await play(wire, bytes, bytes.length));
        expect(summaryOf(await play(wire, bytes, 1))).toEqual(whole);
      }
    },
  );
});
