import type { Wire } from '../../testing/upstream/wires.ts';

/** A stream that is written after the documentation of its wire, in the form of a recording. */
export interface Made {
  /** Begins with `made-`. */
  readonly name: string;
  readonly wire: Wire;
  /** The JSON payload of each event, in order. */
  readonly lines: readonly string[];
}

/** A recording of these events. */
export function made(wire: Wire, name: string, events: readonly object[]): Made {
  return { name, wire, lines: events.map((event) => JSON.stringify(event)) };
}

/** A text in pieces of so many characters, as tokens cut it. No piece ends within a character. */
export function pieces(text: string, width = 6): string[] {
  const characters = Array.from(text);
  const cut: string[] = [];
  for (let at = 0; at < characters.length; at += width) cut.push(characters.slice(at, at + width).join(''));
  return cut;
}
