import type { StreamChunk } from '../../../src/index.ts';
import { blockFrom, isRecord, replyWarning, text, type Origin, type ReplyContext } from '../../wire/index.ts';
import { addDelta, sizeOf } from './values.ts';

/** A content block whose deltas are still coming. */
export interface OpenBlock {
  /**
   * Takes a delta, pushes its chunks, and returns how many characters it has. Undefined if the delta belongs to a block of
   * another kind.
   */
  delta(delta: Record<string, unknown>, out: StreamChunk[]): number | undefined;
  /** Completes the block, and pushes its last chunks. A second call does nothing. */
  close(out: StreamChunk[]): void;
}

/** A block of thinking. */
export interface ThinkingBlock extends OpenBlock {
  /** Whether the signature has come, which ends the block. */
  readonly isSigned: boolean;
  readonly isClosed: boolean;
}

/** The kind of block that a delta belongs to. Undefined for a delta that only the block at its index can know. */
export function kindOfDelta(type: unknown): 'text' | 'thinking' | 'call' | undefined {
  switch (type) {
    case 'text_delta':
    case 'citations_delta':
      return 'text';
    case 'thinking_delta':
    case 'signature_delta':
      return 'thinking';
    case 'input_json_delta':
      return 'call';
    default:
      return undefined;
  }
}

/** Opens a block of text. Citations come with its start, or as deltas. */
export function textBlock(start: Record<string, unknown>, out: StreamChunk[]): OpenBlock {
  pushText(text(start['text']), out);
  const cited = citationsIn(start['citations']);
  pushCitations(cited, out);
  // Some servers send the citations of the start again as deltas.
  const given = cited.length === 0 ? undefined : new Set(cited.map((one) => JSON.stringify(one)));
  return {
    delta(delta, out) {
      if (delta['type'] === 'text_delta') return pushText(text(delta['text']), out);
      if (delta['type'] === 'citations_delta') {
        const all = citationsIn(delta['citation'] ?? delta['citations']);
        pushCitations(given === undefined ? all : all.filter((one) => !given.has(JSON.stringify(one))), out);
        return sizeOf(all) ?? 0;
      }
      if (delta['type'] === undefined) return pushText(text(delta['text']), out);
      return kindOfDelta(delta['type']) === undefined ? 0 : undefined;
    },
    close() {},
  };
}

function pushText(content: string | undefined, out: StreamChunk[]): number {
  if (content === undefined || content === '') return 0;
  out.push({ type: 'content', content, call: 0 });
  return content.length;
}

/** The citations in a field that holds one citation or a list. */
function citationsIn(value: unknown): unknown[] {
  const all: unknown[] = Array.isArray(value) ? value : [value];
  return all.filter((one) => isRecord(one) && sizeOf(one) !== undefined);
}

function pushCitations(citations: unknown[], out: StreamChunk[]): void {
  if (citations.length > 0) out.push({ type: 'content', content: '', citations, call: 0 });
}

/**
 * Opens a block of thinking. When it is closed it pushes the complete block, which goes back byte for byte with the next
 * turn.
 */
export function thinkingBlock(
  start: Record<string, unknown>,
  origin: Origin,
  out: StreamChunk[],
): ThinkingBlock {
  const block = { ...start };
  let thinking = text(start['thinking']) ?? '';
  let signature = text(start['signature']) ?? '';
  let closed = false;
  if (thinking !== '') out.push({ type: 'thinking', content: thinking, call: 0 });

  const pushBlock = (out: StreamChunk[]): void => {
    block['thinking'] = thinking;
    if (signature !== '') block['signature'] = signature;
    out.push({ type: 'thinking', content: '', block: blockFrom(origin, { ...block }), call: 0 });
  };

  const think = (content: string | undefined, out: StreamChunk[]): number => {
    if (content === undefined || content === '') return 0;
    thinking += content;
    out.push({ type: 'thinking', content, call: 0 });
    return content.length;
  };

  const sign = (piece: string | undefined, out: StreamChunk[]): number => {
    if (piece === undefined || piece === '') return 0;
    if (!closed) signature = joinedSignature(signature, piece);
    else if (signature === '') {
      // Some proxies send the signature after the end of its block. The block is then pushed again, with the signature.
      signature = piece;
      pushBlock(out);
    }
    return piece.length;
  };

  return {
    get isSigned() {
      return signature !== '';
    },
    get isClosed() {
      return closed;
    },
    delta(delta, out) {
      // Some proxies put thinking into the field of a text delta.
      if (delta['type'] === 'thinking_delta') {
        return closed ? undefined : think(text(delta['thinking']) ?? text(delta['text']), out);
      }
      if (delta['type'] === 'signature_delta') return sign(text(delta['signature']), out);
      if (kindOfDelta(delta['type']) !== undefined) return undefined;
      const size = sizeOf(delta);
      if (size !== undefined) addDelta(block, delta);
      return size ?? 0;
    },
    close(out) {
      if (closed) return;
      closed = true;
      pushBlock(out);
    },
  };
}

/** The API sends a signature in one delta. Some proxies send it in pieces, or repeat the earlier pieces. */
function joinedSignature(before: string, piece: string): string {
  return piece.startsWith(before) ? piece : before + piece;
}

/** Opens a block of encrypted thinking. Nothing in it can be read, and it goes back as it came. */
export function redactedBlock(start: Record<string, unknown>, origin: Origin): OpenBlock {
  return wholeBlock(start, (block, out) => {
    out.push({ type: 'thinking', content: '', block: blockFrom(origin, block), call: 0 });
  });
}

/** Opens a block that comes complete in its start. Deltas of unknown types are added to its fields. */
export function wholeBlock(
  start: Record<string, unknown>,
  push: (block: Record<string, unknown>, out: StreamChunk[]) => void,
): OpenBlock {
  const block = { ...start };
  let closed = false;
  return {
    delta(delta) {
      if (closed || kindOfDelta(delta['type']) !== undefined) return undefined;
      const size = sizeOf(delta);
      if (size !== undefined) addDelta(block, delta);
      return size ?? 0;
    },
    close(out) {
      if (closed) return;
      closed = true;
      push(block, out);
    },
  };
}

/**
 * Opens a block of an unknown type (compaction, an upload to a container, future types). It is put together from its start
 * and its deltas, and kept for the next turn.
 */
export function keptBlock(start: Record<string, unknown>, context: ReplyContext): OpenBlock {
  const block = { ...start };
  let json = '';
  let closed = false;
  let problem: string | undefined;
  return {
    delta(delta) {
      if (closed) return undefined;
      if (delta['type'] === 'input_json_delta') {
        const piece = text(delta['partial_json']) ?? '';
        json += piece;
        return piece.length;
      }
      const kind = kindOfDelta(delta['type']);
      if (kind !== undefined && typeof block[kind] !== 'string') return undefined;
      const size = sizeOf(delta);
      if (size === undefined) problem = 'it is nested too deep';
      else addDelta(block, delta);
      return size ?? 0;
    },
    close(out) {
      if (closed) return;
      closed = true;
      if (json.trim() !== '') {
        try {
          block['input'] = JSON.parse(json);
          if (sizeOf(block['input']) === undefined) problem = 'it is nested too deep';
        } catch {
          // The API would refuse the block.
          problem = 'its input is not valid JSON';
        }
      }
      if (problem === undefined) {
        out.push({ type: 'content', content: '', block: blockFrom(context.origin, block), call: 0 });
      } else {
        const type = JSON.stringify(text(start['type'])?.slice(0, 60) ?? '');
        replyWarning(context, `a block of type ${type} is left out: ${problem}`);
      }
    },
  };
}
