import type { ToolCallPart } from '../../src/index.ts';

/** The deepest nesting of arguments. */
const MAX_DEPTH = 64;

/** A call that the model made, with the JSON text of its arguments. Text that is not JSON stays as it is, marked. */
export function callOf(id: string, name: string, json: string): ToolCallPart {
  const part = { type: 'tool_call' as const, id, name };
  if (json.trim() === '') return { ...part, arguments: {} };
  try {
    const value: unknown = JSON.parse(json);
    if (!isDeeper(value, MAX_DEPTH)) return { ...part, arguments: value };
    return { ...part, arguments: {}, invalid: { raw: json, reason: 'the arguments are nested too deep' } };
  } catch {
    return { ...part, arguments: {}, invalid: { raw: json, reason: 'the arguments are not valid JSON' } };
  }
}

function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((inner) => isDeeper(inner, depth - 1));
}
