import type { FaultResponse } from '../../testing/upstream/fault-response.ts';
import { encodeStream, type Wire } from '../../testing/upstream/wires.ts';
import { plainReading, recordings, replyLines, type PlainReading } from '../support/recordings.ts';

/** The first bytes that every recording is cut in. */
const FIRST_BYTES = 4_096;

/** A recorded reply as the bytes of its body, and what a plain reading says of it. */
export interface Subject {
  readonly name: string;
  readonly wire: Wire;
  readonly lines: readonly string[];
  readonly bytes: Buffer;
  /** For each event, the sentinel too, the offset behind its blank line. */
  readonly ends: readonly number[];
  readonly reading: PlainReading;
  /** The offset from which on the wire's end has been sent. */
  readonly terminalAt: number;
  /** The offset from which on a finish reason has been sent. On some wires a reply is whole from there on. */
  readonly finishedAt: number;
  /** Text and thinking of the first `count` events, the sentinel counted as one. */
  readonly said: readonly Said[];
}

/** What the events up to some place say. */
export interface Said {
  readonly text: string;
  readonly thinking: string;
}

/** The first reply of a recording. */
export function subject(wire: Wire, name: string): Subject {
  const found = recordings(wire).find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no recording ${wire}/${name}`);
  const lines = replyLines(wire, found.lines)[0] ?? [];
  return { name: `${wire}/${name}`, wire, lines, ...measured(wire, lines) };
}

function measured(wire: Wire, lines: readonly string[]) {
  const frames = [...encodeStream({ lines, wire }, wire)];
  const ends: number[] = [];
  let end = 0;
  for (const frame of frames) ends.push((end += frame.bytes.length));
  const said = ends.map((_, at) => saidBy(wire, lines.slice(0, at + 1)));
  const finished = lines.findIndex((line) => plainReading(wire, spoken([line])).finishReason !== undefined);
  return {
    bytes: Buffer.concat(frames.map(({ bytes }) => bytes)),
    ends,
    reading: plainReading(wire, lines),
    terminalAt: end,
    finishedAt: wire === 'openai-chat' ? (ends[finished] ?? end) : end,
    said: [{ text: '', thinking: '' }, ...said],
  };
}

function saidBy(wire: Wire, lines: readonly string[]): Said {
  const { text, thinking } = plainReading(wire, spoken(lines));
  return { text, thinking };
}

/** Without the pieces of tool calls: the arguments of a part of them are no JSON. */
function spoken(lines: readonly string[]): string[] {
  return lines.filter((line) => !line.includes('"tool_calls":['));
}

/** The answer that holds a recording, encoded once for all requests. */
export function answerOf({ bytes }: Subject): FaultResponse {
  return { body: bytes, headers: { 'content-type': 'text/event-stream' } };
}

/** How many events lie whole before an offset. */
export function eventsBefore({ ends }: Subject, offset: number): number {
  let count = 0;
  while ((ends[count] ?? Infinity) <= offset) count++;
  return count;
}

/** What the events say that lie whole before an offset. */
export function saidBefore(subject: Subject, offset: number): Said {
  return subject.said[eventsBefore(subject, offset)] ?? { text: '', thinking: '' };
}

/** The bytes at a recording's end are cut in at a part of the offsets: all that stands before them is sent each time. */
const TAIL_STEP = 3;

/** The offsets of the matrix: each of the first 4 KiB, and, where it is asked for, some of the last `tail` bytes. */
export function offsetsOf({ bytes }: Subject, tail = 0): number[] {
  const last = bytes.length;
  const offsets = Array.from({ length: Math.min(FIRST_BYTES, last) + 1 }, (_, offset) => offset);
  for (let offset = last - tail; offset < last; offset += TAIL_STEP)
    if (offset > FIRST_BYTES) offsets.push(offset);
  if (last > FIRST_BYTES && tail > 0) offsets.push(last);
  return offsets;
}
