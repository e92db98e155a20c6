import { expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import type { ChunkLog } from '../../../server/chunk-log.ts';
import { resumable } from '../../../server/resumable/resumable.ts';
import { parseCursor } from '../../../server/stream/cursor.ts';
import { EventFold } from '../../../server/stream/event-fold.ts';
import type { SentChunk } from '../../../server/stream/parts.ts';
import type { SentItem } from '../../../server/stream/sent-stream.ts';
import { says } from '../../core/harness.ts';
import { framesOf } from '../formats/folded.ts';
import type { SentFrame } from '../formats/folded.ts';
import { asked, joined, timeless } from '../stream/trimmed.ts';

/** More than a log keeps: mostly reports, some of it void, and text of two rounds. */
const said: SentChunk[] = [
  ...['It was ', 'taken back.'].map((content) => ({ type: 'content' as const, content, call: 1 })),
  { type: 'reset' as const, from: 1, calls: [1], reason: 'again', call: 2 },
  ...['Let me ', 'think.'].map((content) => ({ type: 'thinking' as const, content, call: 2 })),
  { type: 'content' as const, content: 'First é ', call: 2 },
  { type: 'tool_call_delta' as const, id: 'c1', name: 'look', argumentsDelta: '{"a":1,', call: 2 },
  { type: 'tool_call_delta' as const, id: 'c1', argumentsDelta: '"b":2}', call: 2 },
  { type: 'tool_call' as const, id: 'c1', name: 'look', arguments: { a: 1, b: 2 }, call: 2 },
  ...Array.from({ length: 40 }, (_, at) => ({
    ...{ type: 'tool_progress' as const, id: 'c1', name: 'look', call: 2 },
    data: { said: `${at} `.padEnd(400, 'x') },
  })),
  { type: 'tool_result' as const, id: 'c1', name: 'look', content: '3', isError: false, call: 2 },
  ...Array.from({ length: 12 }, (_, at) => ({ type: 'content' as const, content: `word ${at} `, call: 3 })),
  // The order of the keys is that of the logs in databases.
].map(({ call, ...chunk }, index) => ({ ...chunk, call, index }));

/** That a stream in a log with room for 12,000 bytes goes on as if the log had room for all of it. */
export function trimmedCuts(makeLog: () => Promise<ChunkLog>): void {
  test('R63 a stream that its log has trimmed goes on behind each event, in each format', async () => {
    const log = await makeLog();
    await using runs = resumable(new Pipeline([says('x')]), { log });
    const key = { owner: 'trimmed', id: crypto.randomUUID() };
    const opened = await log.open(key, { turnId: key.id }, { leaseMs: 60_000 });
    if (opened.as !== 'owner') throw new Error('expected the owner');
    const chunks: SentItem[] = [];
    for (const chunk of said) {
      const { next: position, at } = await log.append(opened.held, chunk.index, [chunk]);
      chunks.push({ type: 'chunk', chunk, position, at });
    }
    await log.append(opened.held, said.length, [], { outcome: 'completed', finishReason: 'stop' });
    const page = await log.read(key, { after: 0 });
    if (page?.end === undefined) throw new Error('the stream has no end');
    const { first, startedAt, next, end, endedAt = 0 } = page;
    expect(first).toBeGreaterThan(20);
    expect(first).toBeLessThan(next);
    const { start } = page;
    const items = joined(
      [
        { type: 'start', start: { ...start, startedAt } },
        ...chunks,
        { type: 'end', end, position: next + 1, at: endedAt },
      ],
      next,
    );
    for (const { format, options, hasGap } of asked) {
      const connection = async (id: string | undefined): Promise<SentFrame[]> => {
        const after = id === undefined ? undefined : parseCursor(id);
        const answer = await runs.read(key, { after });
        if (answer.as !== 'stream') throw new Error(`expected a stream, got ${answer.as}`);
        const fold = new EventFold(format, options, after);
        const sent: SentFrame[] = [];
        for (let some = await answer.stream.next(); some !== undefined; some = await answer.stream.next())
          for (const item of some) fold.add(item, (frame, of) => sent.push({ frame, id: of }));
        return sent;
      };
      const all = framesOf(items, format, options);
      for (const { id } of all) {
        if (id === undefined) continue;
        if (parseCursor(id).position >= first)
          expect(await connection(id)).toEqual(framesOf(items, format, options, id));
      }
      const joining = await connection(undefined);
      const isGap = ({ frame }: SentFrame): boolean => frame.data.startsWith('{"type":"gap"');
      expect(joining.filter(isGap).length).toBe(hasGap === true ? 1 : 0);
      if (hasGap !== true && !format.showsResets(options))
        expect(joining.map(({ frame }) => timeless(frame))).toEqual(all.map(({ frame }) => timeless(frame)));
    }
    await log.forget(key.owner);
  });
}
