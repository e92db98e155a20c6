import type { StreamChunk } from '../../src/index.ts';
import { blockFrom, checkedArguments, isRecord, readArguments, text } from '../wire/index.ts';
import type { Limits, Origin, ReadArguments } from '../wire/index.ts';
import { define } from './usage.ts';

/** A content block that is being received. */
export interface OpenBlock {
  /** Takes a delta, pushes what it says, and returns how many characters it brought. */
  delta(delta: Record<string, unknown>, out: StreamChunk[]): number;
  /** The block is complete: pushes what closes it. */
  close(out: StreamChunk[]): void;
}

/** A tool call; the decoder decides when it is finished. */
export interface ToolBlock extends OpenBlock {
  /** Whether its arguments are there and whole. */
  isWhole(): boolean;
}

/** Opens a block of text; citations arrive as deltas of it. */
export function textBlock(start: Record<string, unknown>, out: StreamChunk[]): OpenBlock {
  pushText(text(start['text']), out);
  if (Array.isArray(start['citations']) && start['citations'].length > 0) {
    out.push({ type: 'content', content: '', citations: start['citations'], call: 0 });
  }
  return {
    delta(delta, out) {
      if (delta['type'] === 'text_delta') return pushText(text(delta['text']), out);
      if (delta['type'] === 'citations_delta' && isRecord(delta['citation'])) {
        out.push({ type: 'content', content: '', citations: [delta['citation']], call: 0 });
        return sizeOf(delta['citation']);
      }
      return 0;
    },
    close() {},
  };
}

function pushText(content: string | undefined, out: StreamChunk[]): number {
  if (content === undefined || content === '') return 0;
  out.push({ type: 'content', content, call: 0 });
  return content.length;
}

/** Opens a block of thinking; its close carries the whole block, which goes back byte for byte on the next turn. */
export function thinkingBlock(start: Record<string, unknown>, origin: Origin, out: StreamChunk[]): OpenBlock {
  const block = { ...start };
  let thinking = text(start['thinking']) ?? '';
  if (thinking !== '') out.push({ type: 'thinking', content: thinking, call: 0 });
  return {
    delta(delta, out) {
      const content = delta['type'] === 'thinking_delta' ? text(delta['thinking']) : undefined;
      if (content !== undefined && content !== '') {
        thinking += content;
        out.push({ type: 'thinking', content, call: 0 });
        return content.length;
      }
      const signature = delta['type'] === 'signature_delta' ? text(delta['signature']) : undefined;
      if (signature === undefined) return 0;
      block['signature'] = signature;
      return signature.length;
    },
    close(out) {
      block['thinking'] = thinking;
      out.push({ type: 'thinking', content: '', block: blockFrom(origin, block), call: 0 });
    },
  };
}

/** Opens a block of encrypted thinking, which has nothing to read and goes back as it came. */
export function redactedBlock(start: Record<string, unknown>, origin: Origin): OpenBlock {
  return {
    delta: () => 0,
    close: (out) =>
      void out.push({ type: 'thinking', content: '', block: blockFrom(origin, start), call: 0 }),
  };
}

/**
 * Opens a call of one of the caller's tools. Its input comes as deltas of JSON text, or whole in the start; empty text is
 * `{}`.
 */
export function toolBlock(
  start: Record<string, unknown>,
  place: number,
  { origin, limits }: { origin: Origin; limits: Limits },
  out: StreamChunk[],
): ToolBlock {
  const id = text(start['id']) || `call_${place}`;
  const name = text(start['name']) ?? '';
  const given =
    isRecord(start['input']) && Object.keys(start['input']).length > 0 ? start['input'] : undefined;
  let json = '';
  out.push({ type: 'tool_call_delta', id, name, argumentsDelta: '', call: 0 });

  const read = (): ReadArguments =>
    json.trim() === '' && given !== undefined ? checkedArguments(given, limits) : readArguments(json, limits);

  return {
    delta(delta, out) {
      const argumentsDelta = delta['type'] === 'input_json_delta' ? text(delta['partial_json']) : undefined;
      if (argumentsDelta === undefined || argumentsDelta === '') return 0;
      json += argumentsDelta;
      out.push({ type: 'tool_call_delta', id, argumentsDelta, call: 0 });
      return argumentsDelta.length;
    },
    isWhole: () => (json.trim() !== '' || given !== undefined) && read().invalid === undefined,
    close(out) {
      const args = read();
      if (json.trim() === '' && given !== undefined) {
        out.push({ type: 'tool_call_delta', id, argumentsDelta: JSON.stringify(given), call: 0 });
      }
      const block = hasMore(start)
        ? { block: blockFrom(origin, { ...start, input: args.arguments }) }
        : undefined;
      out.push({ type: 'tool_call', id, name, ...args, ...block, call: 0 });
    },
  };
}

const CALL_FIELDS: ReadonlySet<string> = new Set(['type', 'id', 'name', 'input']);

/** Whether a call has fields that must go back with it, as the code that called it. */
function hasMore(start: Record<string, unknown>): boolean {
  return Object.entries(start).some(function isMore([name, value]) {
    if (CALL_FIELDS.has(name) || value === null) return false;
    return name !== 'caller' || !isRecord(value) || value['type'] !== 'direct';
  });
}

/**
 * Opens any other block (server tools and their results, compaction, what is yet to be invented): it is put together
 * from its start and its deltas and kept for the next turn.
 */
export function keptBlock(start: Record<string, unknown>, origin: Origin): OpenBlock {
  const block = { ...start };
  let json = '';
  return {
    delta(delta) {
      if (delta['type'] === 'input_json_delta') {
        const piece = text(delta['partial_json']) ?? '';
        json += piece;
        return piece.length;
      }
      for (const [name, value] of Object.entries(delta)) {
        if (name === 'type') continue;
        const before = Object.hasOwn(block, name) ? block[name] : undefined;
        const grows = typeof value === 'string' && typeof before === 'string';
        if (value !== null || before === undefined) define(block, name, grows ? before + value : value);
      }
      return sizeOf(delta);
    },
    close(out) {
      if (json.trim() !== '') {
        try {
          block['input'] = JSON.parse(json);
        } catch {
          // Cut in the middle of its input: the API would refuse the block, and there is nothing to run.
          return;
        }
      }
      out.push({ type: 'content', content: '', block: blockFrom(origin, block), call: 0 });
    },
  };
}

/** How many characters of text a value holds, keys aside. */
export function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 1;
  let size = 0;
  for (const inner of Object.values(value)) size += sizeOf(inner);
  return size;
}
