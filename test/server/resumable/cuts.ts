import { describe, expect, test } from 'vitest';
import type { Middleware, StreamChunk } from 'sluice';
import { Pipeline } from 'sluice';
import { agentFormat } from '../../../server/formats/agent.ts';
import { anthropicFormat } from '../../../server/formats/anthropic.ts';
import type { Format } from '../../../server/formats/format.ts';
import { sluiceFormat } from '../../../server/formats/sluice.ts';
import { uiMessageFormat } from '../../../server/formats/ui-message.ts';
import type { ChunkLog } from '../../../server/chunk-log.ts';
import { resumable } from '../../../server/resumable/resumable.ts';
import type { Resumable } from '../../../server/resumable/resumable.ts';
import { parseCursor } from '../../../server/stream/cursor.ts';
import { EventFold } from '../../../server/stream/event-fold.ts';

const formats: Format[] = [sluiceFormat, agentFormat, anthropicFormat, uiMessageFormat];

const said: StreamChunk[] = [
  { type: 'thinking', content: 'Let me ' },
  { type: 'thinking', content: 'think.' },
  { type: 'content', content: 'First ' },
  { type: 'content', content: 'some\ntext. ' },
  { type: 'tool_call_delta', id: 'c1', name: 'add', argumentsDelta: '{"a":1,' },
  { type: 'tool_call_delta', id: 'c1', argumentsDelta: '"b":2}' },
  { type: 'tool_call', id: 'c1', name: 'add', arguments: { a: 1, b: 2 } },
  { type: 'tool_progress', id: 'c1', name: 'add', data: { part: 0.5 } },
  { type: 'tool_result', id: 'c1', name: 'add', content: '3', isError: false },
  { type: 'content', content: 'The sum is 3. ' },
  { type: 'content', content: '\u{1F600} done.' },
];

/** A model that says all kinds of chunks, one at a time. */
const talkative: Middleware = async function* talkative() {
  for (const chunk of said) {
    yield { ...chunk };
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { finishReason: 'stop', model: 'talkative' };
};

interface Sent {
  id: string | undefined;
  text: string;
}

/** What a client gets behind a cursor, up to so many frames. It then drops the connection. */
async function connection(
  runs: Resumable,
  key: { owner: string; id: string },
  format: Format,
  after: string | undefined,
  most = Number.POSITIVE_INFINITY,
): Promise<Sent[]> {
  const cursor = after === undefined ? undefined : parseCursor(after);
  const answer = await runs.read(key, { after: cursor });
  if (answer.as !== 'stream') throw new Error(`expected a stream, got ${answer.as}`);
  const include = new Set(['reset', 'tool_call_delta', 'tool_progress', 'metadata']);
  const clientTools = new Set(['add']);
  const fold = new EventFold(format, { model: 'm', include, clientTools }, cursor);
  const sent: Sent[] = [];
  for (let items = await answer.stream.next(); items !== undefined; items = await answer.stream.next()) {
    for (const item of items)
      fold.add(item, ({ event, data }, id) => sent.push({ id, text: `${event ?? ''}|${data}` }));
    if (sent.length >= most) break;
  }
  await answer.stream.close();
  return sent.slice(0, most);
}

/** That a stream can be cut behind any frame, in each format, over a log. */
export function cuts(makeLog: () => Promise<ChunkLog>): void {
  describe.each(formats.map((format): [string, Format] => [format.name, format]))(
    'R63 %s',
    (_name, format) => {
      test('a stream that has ended, cut behind each of its frames, is the same byte for byte', async () => {
        const { runs, key } = await opened();
        const stream = runs.stream(undefined, 'hi', { owner: key.owner, turnId: key.id });
        while ((await stream.next()) !== undefined);
        const all = await connection(runs, key, format, undefined);
        expect(all.length).toBeGreaterThan(5);
        expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
        for (const [at, { id }] of all.entries())
          expect(await connection(runs, key, format, id)).toEqual(all.slice(at + 1));
      });

      test('a client that comes back after each frame while the turn runs gets the same bytes', async () => {
        const { runs, key } = await opened();
        const stream = runs.stream(undefined, 'hi', { owner: key.owner, turnId: key.id });
        await stream.next();
        await stream.close();
        const got: Sent[] = [];
        for (;;) {
          const [next] = await connection(runs, key, format, got.at(-1)?.id, 1);
          if (next === undefined) break;
          got.push(next);
        }
        expect(got).toEqual(await connection(runs, key, format, undefined));
      });

      async function opened() {
        const log = await makeLog();
        const runs = resumable(new Pipeline([talkative]), { log });
        return { runs, key: { owner: 'cuts', id: crypto.randomUUID() } };
      }
    },
  );
}
