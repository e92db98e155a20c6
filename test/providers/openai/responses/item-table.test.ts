import fc from 'fast-check';
import { expect, it } from 'vitest';

import { eventsOf, madeReply, sending, sends } from './reply.ts';
import { callsOf, decode, joined } from '../support.ts';

it('R45 each text and each call is delivered once, whatever a stream does to ids, indices and final events', () => {
  fc.assert(
    fc.property(madeReply, sending, (reply, how) => {
      fc.pre(sends(reply, how));
      const { chunks, error } = decode('responses', eventsOf(reply, how));
      expect(error).toBeUndefined();
      const [text, thinking] = [joined(chunks, 'content'), joined(chunks, 'thinking')];
      const textsOf = (kind: string): string[] =>
        reply.flatMap((item) => (item.kind === kind ? item.texts : [])).toSorted();
      expect((text.match(/\[[^\]]*\]/g) ?? []).toSorted()).toEqual(textsOf('message'));
      expect(text).toHaveLength(textsOf('message').join('').length);
      expect((thinking.match(/\[[^\]]*\]/g) ?? []).toSorted()).toEqual(textsOf('reasoning'));
      expect(thinking).toHaveLength(textsOf('reasoning').join('').length);
      const calls = callsOf(chunks).map((call) => ({
        name: call.name,
        arguments: JSON.stringify(call.arguments),
      }));
      const expected = reply.flatMap(({ kind, texts: [args = ''] }, at) =>
        kind === 'call' ? [{ name: `tool_${at}`, arguments: args }] : [],
      );
      expect(calls.toSorted((one, other) => one.name.localeCompare(other.name))).toEqual(expected);
    }),
    { numRuns: Number(process.env['RUNS'] ?? 2_000) },
  );
});
