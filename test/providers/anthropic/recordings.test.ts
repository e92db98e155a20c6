import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { anthropic } from '../../../providers/anthropic/index.ts';
import { isSluiceError } from '../../../src/index.ts';
import { faultServer, type FaultServer } from '../../../testing/upstream/fault-server.ts';
import type { Split } from '../../../testing/upstream/fault-response.ts';
import { at, listAt, numberAt, parseLine, textAt } from '../../support/json.ts';
import { plainReading, replyLines } from '../../support/plain-reading.ts';
import { recordings } from '../../support/recordings.ts';
import { ask, decode, fakeCall, keptBlocks, readingOf, readStream } from './support.ts';

const WIRE = 'anthropic-messages';

/** Each reply of each recording. Some files hold several replies. */
const replies = recordings(WIRE).flatMap(({ name, lines }) =>
  replyLines(WIRE, lines).map((reply, index) => ({ name: `${name}, reply ${index + 1}`, lines: reply })),
);
const { good, bad } = {
  good: replies.filter(({ lines }) => isReply(lines)),
  bad: replies.filter(({ lines }) => !isReply(lines)),
};

function isReply(lines: readonly string[]): boolean {
  const { error, spliced, finishReason } = plainReading(WIRE, lines);
  return error === undefined && !spliced && finishReason !== undefined;
}

function expected(lines: readonly string[]) {
  const { error: _error, spliced: _spliced, ...reading } = plainReading(WIRE, lines);
  return reading;
}

/** The blocks of server tools and their container, read only from the lines. */
function plainBlocks(lines: readonly string[]): unknown[] {
  const blocks: unknown[] = [];
  const container = lines.map((line) => at(parseLine(line), 'delta', 'container')).findLast(Boolean);
  for (const [place, line] of lines.entries()) {
    const event = parseLine(line);
    const start = at(event, 'content_block');
    if (
      start === undefined ||
      ['text', 'thinking', 'redacted_thinking', 'tool_use'].includes(textAt(start, 'type'))
    )
      continue;
    const index = numberAt(event, 'index');
    const json = lines
      .slice(place)
      .map(parseLine)
      .filter((each) => at(each, 'index') === index)
      .map((each) => textAt(each, 'delta', 'partial_json'))
      .join('');
    blocks.push({ ...Object(start), ...(json !== '' && { input: parseLine(json) }) });
  }
  return container === undefined ? blocks : [...blocks, { ...Object(container), type: 'container' }];
}

const SPLITS: readonly Split[] = [
  'event',
  { everyBytes: 7 },
  { seed: 1 },
  { seed: 2 },
  { seed: 3, maxBytes: 9 },
];

describe('every recording of the Messages API', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterAll(() => server.close());

  it.each(good)('$name decodes to what its lines say', ({ lines }) => {
    const { chunks, reply } = decode(lines.map(eventOf));
    expect(readingOf(chunks, reply)).toEqual(expected(lines));
    expect(keptBlocks(chunks)).toEqual(plainBlocks(lines));
  });

  it.each(good)('$name reads the same over a socket, however it is split', async ({ lines }) => {
    const provider = anthropic({ apiKey: 'k', baseURL: server.url });
    const small = JSON.stringify(lines).length < 20_000;
    // A large reply with few bytes in each write would take seconds.
    for (const split of small
      ? SPLITS
      : [
          { seed: 1, maxBytes: 4096 },
          { seed: 2, maxBytes: 4096 },
        ]) {
      server.enqueue({ stream: { wire: WIRE, lines }, split });
      const { chunks, reply } = await readStream(provider.stream(ask('Hi'), fakeCall()));
      expect(readingOf(chunks, reply)).toEqual(expected(lines));
      expect(keptBlocks(chunks)).toEqual(plainBlocks(lines));
    }
    await provider.close?.();
  });

  it.each(bad)('R3 R8 $name is refused', async ({ lines }) => {
    const provider = anthropic({ apiKey: 'k', baseURL: server.url });
    server.enqueue({ stream: { wire: WIRE, lines } });
    const error: unknown = await readStream(provider.stream(ask('Hi'), fakeCall())).catch(
      (thrown: unknown) => thrown,
    );
    if (!isSluiceError(error)) throw error;
    const { spliced, error: said } = plainReading(WIRE, lines);
    if (spliced) expect(error.code).toBe('protocol');
    else expect(error.message).toContain(said);
    await provider.close?.();
  });

  it('the recordings hold both kinds, with texts, calls and kept blocks', () => {
    const readings = good.map(({ lines }) => expected(lines));
    expect([good.length > 5, bad.length > 1]).toEqual([true, true]);
    expect(readings.some(({ text }) => text.length > 40)).toBe(true);
    expect(readings.some(({ toolCalls }) => listAt(toolCalls).length > 0)).toBe(true);
    expect(good.some(({ lines }) => plainBlocks(lines).length > 1)).toBe(true);
  });
});

function eventOf(line: string): object {
  const event = parseLine(line);
  return typeof event === 'object' && event !== null ? event : {};
}
