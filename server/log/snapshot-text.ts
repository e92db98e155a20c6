import * as z from 'zod';
import type { Entry, SnapshotRun } from './chunk-log.ts';
import { isChunk } from './chunk-text.ts';
import { snapshotOf } from './snapshot.ts';

// Only this library writes these texts, so what is checked is what a reader would stumble over.
const runs = z.array(
  z.custom<SnapshotRun>((value) => {
    if (typeof value !== 'object' || value === null || !('chunk' in value)) return false;
    const { chunk } = value;
    if (typeof chunk !== 'object' || chunk === null || !isChunk(chunk)) return false;
    return !('pieces' in value) || Array.isArray(value.pieces);
  }),
);

/** A snapshot from its JSON. Throws a `SyntaxError` or a `ZodError` if it is not one. */
export function snapshotOfText(text: string): SnapshotRun[] {
  return runs.parse(JSON.parse(text));
}

/**
 * The JSON of the snapshot of a stream after some more of its oldest entries are dropped. `first`: how many chunks were dropped before, and `before` the JSON of their snapshot.
 * Undefined if the beginning of the stream is lost.
 */
export function snapshotText(first: number, before: string, dropped: readonly Entry[]): string | undefined {
  if (first > 0 && before === '') return undefined;
  return JSON.stringify(snapshotOf(before === '' ? [] : snapshotOfText(before), dropped));
}
