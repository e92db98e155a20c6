import { blockFrom, isDeeper, isRecord } from '../../../wire/index.ts';
import { CARRIES_DATA } from '../../shared/paired-messages.ts';
import type { Origin, ToolCallPiece } from '../../../wire/index.ts';

type Fields = Record<string, unknown>;

/** The fields of a call that are read. All others belong to the server and go back to it. */
const KNOWN: ReadonlySet<string> = new Set([
  'index',
  'id',
  'type',
  'function',
  'custom',
  'name',
  'arguments',
  'input',
]);

/** A call, or a piece of one, of Chat Completions. `place` is its position in a list without indices. */
export function chatPiece(call: Fields, origin: Origin, place?: number): ToolCallPiece {
  const { index = place, id, custom } = call;
  const fields = withData(id, ownFields(call));
  if (isRecord(custom)) {
    const block = blockFrom(origin, { type: 'custom', ...fields });
    return { index, id, name: custom['name'], input: custom['input'] ?? '', block };
  }
  const called = isRecord(call['function']) ? call['function'] : call;
  const piece = { index, id, name: called['name'], arguments: called['arguments'] };
  return fields === undefined
    ? piece
    : { ...piece, block: blockFrom(origin, { type: 'function', ...fields }) };
}

/** With the id of the call, if the server keeps data in it: a layer may give the call another one. No other call has its id here. */
function withData(id: unknown, fields: Fields | undefined): Fields | undefined {
  return typeof id === 'string' && CARRIES_DATA.test(id) ? { ...fields, id } : fields;
}

/** The fields that the server wants back with the call, such as Gemini's `extra_content`. */
function ownFields(call: Fields): Fields | undefined {
  let fields: [string, unknown][] | undefined;
  for (const key in call) {
    if (KNOWN.has(key) || call[key] === null || isDeeper(call[key])) continue;
    (fields ??= []).push([key, call[key]]);
  }
  return fields === undefined ? undefined : Object.fromEntries(fields);
}
