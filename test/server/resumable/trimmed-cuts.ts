import { expect, test } from 'vitest';
import { Pipeline } from 'sluice';
import type { Middleware, StreamChunk } from 'sluice';
import type { ChunkLog, Entry } from '../../../server/chunk-log.ts';
import { resumable } from '../../../server/resumable/resumable.ts';
import { parseCursor } from '../../../server/stream/cursor.ts';
import { EventFold } from '../../../server/stream/event-fold.ts';
import type { SentChunk } from '../../../server/stream/parts.ts';
import type { SentItem } from '../../../server/stream/sent-stream.ts';
import { framesOf } from '../formats/folded.ts';
import type { SentFrame } from '../formats/folded.ts';
import { asked, joined, timeless } from '../stream/trimmed.ts';

/** More than a log keeps: mostly reports, some of it void, and text of two rounds. */
const said: StreamChunk[] = [
  { type: 'content', content: 'It was ' },
  { type: 'content', content: 'taken back.' },
  { type: 'reset', from: 0, reason: 'again' },
  { type: 'thinking', content: 'Let me ' },
  { type: 'thinking', content: 'think.' },
  { type: 'content', content: 'First é ' },
  { type: 'tool_call_delta', id: 'c1', name: 'look', argumentsDelta: '{"a":1,' },
  { type: 'tool_call_delta', id: 'c1', argumentsDelta: '"b":2}' },
  { type: 'tool_call', id: 'c1', name: 'look', arguments: { a: 1, b: 2 } },
  ...Array.from({ length: 40 }, (_, at): StreamChunk => ({
    ...{ type: 'tool_progress', id: 'c1', name: 'look', data: { said: `${at} `.padEnd(400, 'x') } },
  })),
  { type: 'tool_result', id: 'c1', name: 'look', content: '3', isError: false },
  ...Array.from({ length: 30 }, (_, at): StreamChunk => ({ type: 'content', content: `word ${at} ` })),
];

const talkative: Middleware = async function* talkative() {
  for (const [at, chunk] of said.entries()) {
    yield { ...chunk };
    if (at % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return { finishReason: 'stop', model: 'talkative' };
};

/** Notes what a log has kept. */
function noting(log: ChunkLog): Entry[] {
  const noted: Entry[] = [];
  const append = log.append.bind(log);
  log.append = async (held, from, chunks, end) => {
    const appended = await append(held, from, chunks, end);
    if (chunks.length > 0) noted.push({ from, chunks: [...chunks], at: appended.at, epoch: held.token });
    return appended;
  };
  return noted;
}

/** That a stream in a log with room for 12,000 bytes goes on as if the log had room for all of it. */
export function trimmedCuts(makeLog: () => Promise<ChunkLog>): void {
  test('R63 a stream that its log has trimmed goes on behind each event, in each format', async () => {
    const log = await makeLog();
    const noted = noting(log);
    await using runs = resumable(new Pipeline([talkative]), { log, coalesceMs: 0 });
    const key = { owner: 'trimmed', id: crypto.randomUUID() };
    const stream = runs.stream(undefined, 'hi', { owner: key.owner, turnId: key.id });
    while ((await stream.next()) !== undefined);
    const page = await log.read(key, { after: 0 });
    if (page?.end === undefined) throw new Error('the stream has no end');
    const { first, startedAt, next, end, endedAt = 0 } = page;
    expect(first).toBeGreaterThan(20);
    expect(first).toBeLessThan(next);
    const chunks = noted.flatMap(({ from, at, chunks: some }) =>
      some.map((chunk: SentChunk, place): SentItem => {
        const index = from + place;
        return { type: 'chunk', chunk: { ...chunk, index }, position: index + 1, at };
      }),
    );
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
