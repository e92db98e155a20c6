import { expect } from 'vitest';
import { agUiFormat } from '../../../server/formats/ag-ui.ts';
import { agentFormat } from '../../../server/formats/agent.ts';
import { anthropicFormat } from '../../../server/formats/anthropic.ts';
import { chatCompletions } from '../../../server/formats/chat-completions.ts';
import type { EncoderOptions, Format, Frame } from '../../../server/formats/format.ts';
import { responses } from '../../../server/formats/responses.ts';
import { sluiceFormat } from '../../../server/formats/sluice.ts';
import { uiMessageFormat } from '../../../server/formats/ui-message.ts';
import type { Entry, SnapshotRun } from '../../../server/chunk-log.ts';
import { Resets } from '../../../server/log/resets.ts';
import { chunksOfSnapshot, snapshotOf } from '../../../server/log/snapshot.ts';
import { parseCursor } from '../../../server/stream/cursor.ts';
import type { SentItem } from '../../../server/stream/sent-stream.ts';
import { CLIENT_TOOLS } from '../formats/random-items.ts';

const clientTools = CLIENT_TOOLS;
const all = new Set(['reset', 'tool_call_delta', 'tool_progress', 'file', 'interrupted']);

/** A format, and what a client asks for. */
export interface Asked {
  name: string;
  format: Format;
  options: EncoderOptions;
  /** It tells in one event what is missed. */
  hasGap?: true;
}

/** All formats, and the ways to ask for them that change what is told. */
export const asked: Asked[] = [
  { name: 'sluice', format: sluiceFormat, options: {}, hasGap: true },
  { name: 'agent', format: agentFormat, options: {} },
  { name: 'agent with all events', format: agentFormat, options: { include: all } },
  {
    name: 'agent with gap',
    format: agentFormat,
    options: { include: new Set(['gap', 'tool_call_delta']) },
    hasGap: true,
  },
  {
    name: 'agent with gap and reset',
    format: agentFormat,
    options: { include: new Set([...all, 'gap']) },
    hasGap: true,
  },
  { name: 'openai', format: chatCompletions, options: { clientTools } },
  { name: 'responses', format: responses, options: { clientTools, include: all } },
  { name: 'anthropic', format: anthropicFormat, options: { clientTools, verbatim: true } },
  { name: 'ui-message 5', format: uiMessageFormat, options: { clientTools } },
  { name: 'ui-message 7', format: uiMessageFormat, options: { clientTools, version: 7 } },
  { name: 'ag-ui', format: agUiFormat, options: { clientTools } },
];

/** The items of a stream as a log gives them to a reader that joins when there are `known` chunks. */
export function joined(items: readonly SentItem[], known: number): SentItem[] {
  const resets = new Resets();
  for (const item of items) if (item.type === 'chunk' && item.position <= known) resets.add(item.chunk);
  return items.map((item) => (item.type === 'start' ? { ...item, resets: resets.list, count: known } : item));
}

/** The same after the log has dropped entries, each up to one of the places. */
export function trimmed(items: readonly SentItem[], places: readonly number[]): SentItem[] {
  let snapshot: SnapshotRun[] = [];
  let first = 0;
  for (const place of [...places].sort((a, b) => a - b)) {
    const entries = items.flatMap((item): Entry[] =>
      item.type === 'chunk' && item.position > first && item.position <= place
        ? [{ from: item.position - 1, epoch: 1, at: item.at, chunks: [item.chunk] }]
        : [],
    );
    // As a log in a database keeps it.
    snapshot = JSON.parse(JSON.stringify(snapshotOf(snapshot, entries))) as SnapshotRun[];
    first = Math.max(first, place);
  }
  const [start, ...rest] = items;
  const made = [...chunksOfSnapshot(snapshot, 0)].map(({ chunk, at }): SentItem => ({
    ...{ type: 'chunk', chunk, position: chunk.index + 1, at },
    trimmed: true,
  }));
  expect(start?.type).toBe('start');
  const kept = rest.filter((item) => item.type !== 'start' && item.position > first);
  return [...(start === undefined ? [] : [start]), ...made, ...kept];
}

/** The numbers in the id of a frame. */
export function placesIn(id: string): [position: number, sub: number] {
  const { position, sub } = parseCursor(id);
  return [position, sub];
}

/** A frame without its time, and without the data of a report about a call: of several reports the newest is kept. */
export function timeless({ event, data }: Frame): unknown {
  if (data === '[DONE]') return data;
  const value = JSON.parse(data) as Record<string, unknown> &
    Record<'metadata' | 'content', { data?: unknown }>;
  delete value['timestamp'];
  if (value['type'] === 'data-tool-progress') delete value['data'];
  if (value['type'] === 'tool_progress') delete value.metadata.data;
  if (value['activityType'] === 'tool_progress') delete value.content.data;
  return { event, ...value };
}
