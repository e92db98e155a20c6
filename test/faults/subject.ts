import type { FaultResponse } from '../../testing/upstream/fault-response.ts';
import { encodeStream, type Wire } from '../../testing/upstream/wires.ts';
import { plainReading, recordings, replyLines, type PlainReading } from '../support/recordings.ts';

/** Faults strike within this many bytes from the start. */
const FIRST_BYTES = 4_096;

/** A recorded reply: the bytes of its body and its plain reading. */
export interface Subject {
  readonly name: string;
  readonly wire: Wire;
  readonly lines: readonly string[];
  readonly bytes: Buffer;
  /** The offset after the blank line of each event, including the sentinel. */
  readonly ends: readonly number[];
  readonly reading: PlainReading;
  /** The offset at which the wire's end has been sent. */
  readonly terminalAt: number;
  /** The offset at which a finish reason has been sent. On some wires, the reply is complete from there on. */
  readonly finishedAt: number;
  /** The text and thinking of the first events, by their number. The sentinel counts as an event. */
  readonly said: readonly Said[];
}

/** The text and thinking of some events. */
export interface Said {
  readonly text: string;
  readonly thinking: string;
}

/** The first reply of a recording. */
export function subject(wire: Wire, name: string): Subject {
  const found = recordings(wire).find((each) => each.name === name);
  if (found === undefined) throw new Error(`There is no recording ${wire}/${name}.`);
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

/** Leaves out the pieces of tool calls, because the arguments of an unfinished call are not valid JSON. */
function spoken(lines: readonly string[]): string[] {
  return lines.filter((line) => !line.includes('"tool_calls":['));
}

/** An answer with a recording. It is encoded only once. */
export function answerOf({ bytes }: Subject): FaultResponse {
  return { body: bytes, headers: { 'content-type': 'text/event-stream' } };
}

/** How many events are complete before an offset. */
export function eventsBefore({ ends }: Subject, offset: number): number {
  let count = 0;
  while ((ends[count] ?? Infinity) <= offset) count++;
  return count;
}

/** The text and thinking of the events that are complete before an offset. */
export function saidBefore(subject: Subject, offset: number): Said {
  return subject.said[eventsBefore(subject, offset)] ?? { text: '', thinking: '' };
}

/** The step between offsets at the end of a recording. They are expensive, because everything before them is sent each time. */
const TAIL_STEP = 3;

/** The offsets of the matrix: all in the first 4 KiB, and some in the last `tail` bytes. */
export function offsetsOf({ bytes }: Subject, tail = 0): number[] {
  const last = bytes.length;
  const offsets = Array.from({ length: Math.min(FIRST_BYTES, last) + 1 }, (_, offset) => offset);
  for (let offset = last - tail; offset < last; offset += TAIL_STEP)
    if (offset > FIRST_BYTES) offsets.push(offset);
  if (last > FIRST_BYTES && tail > 0) offsets.push(last);
  return offsets;
}
