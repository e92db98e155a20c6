import { isVoided } from '../../src/index.ts';
import type { SentChunk } from '../stream/parts.ts';
import type { Entry, SentReset, SnapshotRun } from './chunk-log.ts';

/**
 * The snapshot of a stream after some more of its oldest entries are dropped. `before`: the snapshot so far, `[]` if nothing was dropped yet.
 *
 * It has the text of all chunks with the places at which each began, so each of them can be made again, at its own index. Of the reports about the progress of a call it has the
 * newest. Of what a reset voids, if that is dropped too, it has no more than where it was: the first letter of each piece of text, and no arguments, results and files.
 */
export function snapshotOf(before: readonly SnapshotRun[], dropped: Iterable<Entry>): SnapshotRun[] {
  const runs = new Runs(before);
  for (const { from, at, chunks } of dropped)
    for (const [place, chunk] of chunks.entries()) {
      const index = from + place;
      runs.add(chunk.index === index ? chunk : { ...chunk, index }, at);
    }
  return runs.list();
}

/** The chunks of a snapshot behind so many, in order, each at its index. Chunks that follow each other and are void may be missing. */
export function* chunksOfSnapshot(
  runs: readonly SnapshotRun[],
  after: number,
): Generator<{ chunk: SentChunk; at: number }, undefined> {
  /** The runs that have begun and have pieces left. */
  let open: Pieces[] = [];
  for (let begun = 0; begun < runs.length || open.length > 0;) {
    let first: Pieces | undefined;
    for (const pieces of open) if (first === undefined || pieces.index < first.index) first = pieces;
    const next = runs[begun];
    if (next !== undefined && (first === undefined || next.chunk.index < first.index)) {
      open.push(new Pieces(next));
      begun++;
      continue;
    }
    if (first === undefined) return undefined;
    if (first.index >= after) yield { chunk: first.chunk, at: first.at };
    if (!first.next()) open = open.filter((pieces) => pieces !== first);
  }
}

/**
 * Adds a chunk to others that a client is given in one event: text goes on where it can, a report about a call replaces the one before, and what a reset voids is not told at
 * all. The index of a chunk stays that of its first piece.
 */
export function addMerged(chunks: SentChunk[], chunk: SentChunk): void {
  if (chunk.type === 'reset') {
    const kept = chunks.filter((one) => one.type === 'reset' || !isVoided(chunk, one.call));
    chunks.splice(0, chunks.length, ...kept, chunk);
    return;
  }
  const key = keyOf(chunk);
  if (chunk.type === 'tool_progress') {
    const same = chunks.findIndex((one) => one.type === 'tool_progress' && keyOf(one) === key);
    if (same >= 0) chunks.splice(same, 1);
  }
  const isText = textOf(chunk) !== undefined && !('block' in chunk) && !('citations' in chunk);
  // Reports about calls do not part a text.
  const at = isText ? chunks.findLastIndex(({ type }) => type !== 'tool_progress') : -1;
  const last = chunks[at];
  if (last !== undefined && keyOf(last) === key)
    chunks[at] = withText(last, (textOf(last) ?? '') + (textOf(chunk) ?? ''));
  else chunks.push(chunk);
}

/** The pieces of one run, one at a time. */
class Pieces {
  readonly at: number;
  readonly #run: SnapshotRun;
  readonly #text: string | undefined;
  #place = 0;
  #offset = 0;
  index: number;

  constructor(run: SnapshotRun) {
    this.#run = run;
    this.at = run.at;
    this.#text = textOf(run.chunk);
    this.index = run.chunk.index;
  }

  get chunk(): SentChunk {
    const { chunk, pieces } = this.#run;
    if (pieces === undefined) return chunk;
    const length = pieces[this.#place] ?? 0;
    const text = this.#text?.slice(this.#offset, this.#offset + length);
    return { ...(text === undefined ? chunk : withText(chunk, text)), index: this.index };
  }

  /** Goes on to the next one. False if there is none. */
  next(): boolean {
    const { pieces = [] } = this.#run;
    this.#offset += pieces[this.#place] ?? 0;
    this.#place++;
    this.index++;
    const skip = pieces[this.#place];
    if (skip !== undefined && skip < 0) {
      this.index -= skip;
      this.#place++;
    }
    return this.#place < pieces.length;
  }
}

/** A run to which pieces are added. */
interface OpenRun {
  chunk: SentChunk;
  /** The newest report about the progress of a call. */
  newest?: SentChunk;
  readonly at: number;
  text: string | undefined;
  pieces: number[];
  /** The index behind its last piece. */
  next: number;
}

function chunkOf({ chunk, newest, text }: OpenRun): SentChunk {
  if (newest !== undefined) return { ...newest, index: chunk.index };
  return text === undefined ? chunk : withText(chunk, text);
}

class Runs {
  readonly #runs: OpenRun[] = [];
  /** The runs that go on, by what their chunks have in common. */
  readonly #open = new Map<string, OpenRun>();

  constructor(runs: readonly SnapshotRun[]) {
    for (const { chunk, at, pieces = [lengthOf(chunk)] } of runs) {
      let next = chunk.index;
      for (const piece of pieces) next += piece < 0 ? -piece : 1;
      this.#begin({ chunk, at, text: textOf(chunk), pieces: [...pieces], next });
    }
  }

  add(chunk: SentChunk, at: number): void {
    const key = keyOf(chunk);
    const run = key === undefined ? undefined : this.#open.get(key);
    if (run === undefined) {
      const { index } = chunk;
      this.#begin({ chunk, at, text: textOf(chunk), pieces: [lengthOf(chunk)], next: index + 1 });
      return;
    }
    if (chunk.index > run.next) run.pieces.push(run.next - chunk.index);
    run.pieces.push(lengthOf(chunk));
    run.next = chunk.index + 1;
    if (run.text !== undefined) run.text += textOf(chunk) ?? '';
    if (chunk.type === 'tool_progress') run.newest = chunk;
  }

  list(): SnapshotRun[] {
    return this.#runs.map((run) => ({
      chunk: chunkOf(run),
      at: run.at,
      ...(run.pieces.length > 1 && { pieces: run.pieces }),
    }));
  }

  #begin(run: OpenRun): void {
    const { chunk } = run;
    if (chunk.type === 'reset') this.#void(chunk);
    this.#runs.push(run);
    const key = keyOf(chunk);
    if (key !== undefined) this.#open.set(key, run);
  }

  /** What is void is cut, and does not go on: the same number may be used again. */
  #void(reset: SentReset): void {
    for (const run of this.#runs) {
      const { chunk } = run;
      if (chunk.type === 'reset' || !isVoided(reset, chunk.call)) continue;
      const key = keyOf(chunk);
      if (key !== undefined && this.#open.get(key) === run) this.#open.delete(key);
      cut(run);
    }
  }
}

/**
 * Cuts a run that is void. What is left opens and closes the parts of a message where they were opened and closed, since what is not void may go on in one of them. So of pieces that
 * follow each other the first is left, and the first that has text.
 */
function cut(run: OpenRun): void {
  run.chunk = emptied(run.chunk);
  delete run.newest;
  const { text, pieces } = run;
  const left: number[] = [];
  let kept = '';
  let offset = 0;
  let skipped = 0;
  let [isFirst, hasText] = [true, false];
  for (const length of pieces) {
    if (length < 0) {
      skipped -= length;
      [isFirst, hasText] = [true, false];
      continue;
    }
    if (isFirst || (length > 0 && !hasText)) {
      if (skipped > 0) left.push(-skipped);
      skipped = 0;
      const letter = text?.slice(offset, offset + Math.min(1, length)) ?? '';
      kept += letter;
      left.push(letter.length);
      hasText ||= length > 0;
    } else skipped++;
    isFirst = false;
    offset += length;
  }
  run.pieces = left;
  if (text !== undefined) run.text = kept;
}

function emptied(chunk: SentChunk): SentChunk {
  switch (chunk.type) {
    case 'tool_call': {
      const { invalid: _invalid, block: _block, ...rest } = chunk;
      return { ...rest, arguments: {} };
    }
    case 'tool_result': {
      const { parts: _parts, block: _block, ...rest } = chunk;
      return { ...rest, content: '' };
    }
    case 'file': {
      const { data: _data, url: _url, block: _block, ...rest } = chunk;
      return rest;
    }
    case 'tool_progress':
      return { ...chunk, data: null };
    default:
      return chunk;
  }
}

/** What chunks have in common that go on in one run. Undefined for those that never do. */
function keyOf(chunk: SentChunk): string | undefined {
  switch (chunk.type) {
    case 'content':
    case 'thinking': {
      // Nearly all chunks have nothing else. Tens of thousands of them may be dropped at once.
      if (isPlain(chunk, 'content')) return `${chunk.type}${chunk.call}`;
      // A block is a whole of its own: one that equals it is another one.
      if (chunk.block !== undefined) return undefined;
      const { content: _content, index: _index, ...rest } = chunk;
      return JSON.stringify(rest);
    }
    case 'tool_call_delta': {
      const { argumentsDelta: _delta, index: _index, ...rest } = chunk;
      return JSON.stringify(rest);
    }
    case 'tool_progress': {
      const { data: _data, index: _index, ...rest } = chunk;
      return JSON.stringify(rest);
    }
    default:
      return undefined;
  }
}

/** Whether a chunk has nothing but what it says, and of which call. */
function isPlain(chunk: SentChunk, says: string): boolean {
  for (const name in chunk)
    if (name !== 'type' && name !== 'call' && name !== 'index' && name !== says) return false;
  return true;
}

/** The text that pieces add up to. Undefined for chunks without one. */
function textOf(chunk: SentChunk): string | undefined {
  if (chunk.type === 'content' || chunk.type === 'thinking') return chunk.content;
  return chunk.type === 'tool_call_delta' ? chunk.argumentsDelta : undefined;
}

function lengthOf(chunk: SentChunk): number {
  return textOf(chunk)?.length ?? 0;
}

function withText(chunk: SentChunk, text: string): SentChunk {
  if (chunk.type === 'content' || chunk.type === 'thinking') return { ...chunk, content: text };
  return chunk.type === 'tool_call_delta' ? { ...chunk, argumentsDelta: text } : chunk;
}
