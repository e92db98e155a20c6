import type { Usage } from '../../../src/index.ts';
import { countAt, field, textAt } from './fields.ts';

/** A part of a usage that has a price of its own. */
export interface UsagePart {
  usage: Usage;
  /** The model that it was made by, if that is another one than the call's. */
  model?: string | undefined;
}

/** The parts of a usage, and whether they add up to the whole. */
export interface UsageParts {
  parts: readonly UsagePart[];
  addUp: boolean;
}

/** The iterations whose tokens the counts beside the list include. */
const INNER = 'message';
/** The one that served the reply after another model had declined. */
const FALLBACK = 'fallback_message';
/** Iterations whose tokens those counts leave out. */
const OUTER: ReadonlySet<unknown> = new Set(['compaction', 'advisor_message']);

/**
 * The parts of a usage. Anthropic lists the model calls of one request as `iterations`: those of a compaction and of an advisor are not in the
 * counts beside the list, and each has a model and a long-context price of its own.
 * Source: the type `BetaUsage` of @anthropic-ai/sdk
 */
export function partsOf(usage: Usage): UsageParts {
  const listed = field(usage.raw, 'iterations');
  if (!Array.isArray(listed) || listed.length === 0) return { parts: [{ usage }], addUp: true };
  const all: unknown[] = listed;
  const entries = all.map((entry) => ({ type: textAt(entry, 'type'), part: partOf(entry) }));
  const known = entries.every(({ type }) => type === INNER || type === FALLBACK || OUTER.has(type));
  const outer = entries.filter(({ type }) => type !== INNER && type !== FALLBACK).map(({ part }) => part);
  const rest = includes(usage, outer) ? without(usage, outer) : usage;
  const inner = entries.filter(({ type }) => type === INNER).map(({ part }) => part);
  const fallback = entries.filter(({ type }) => type === FALLBACK).map(({ part }) => part);
  const detailed = [inner, [...inner, ...fallback], fallback].find((some) => isSumOf(some, rest));
  // The searches are counted beside the list, once.
  const searches = { server_tool_use: field(usage.raw, 'server_tool_use') };
  const [first, ...others] = detailed ?? [{ usage: rest }];
  const head = first === undefined ? [] : [withRaw(first, { ...rawOf(first), ...searches })];
  const addUp = known && fallback.length === 0 && (detailed !== undefined || inner.length === 0);
  return { parts: [...head, ...others, ...outer], addUp };
}

function partOf(entry: unknown): UsagePart {
  const cachedInputTokens = countAt(entry, 'cache_read_input_tokens');
  const cacheWriteTokens = countAt(entry, 'cache_creation_input_tokens');
  const inputTokens = countAt(entry, 'input_tokens') + cachedInputTokens + cacheWriteTokens;
  const outputTokens = countAt(entry, 'output_tokens');
  const totalTokens = inputTokens + outputTokens;
  return {
    usage: {
      ...{ inputTokens, outputTokens, totalTokens, cachedInputTokens, cacheWriteTokens },
      reasoningTokens: 0,
      raw: { cache_creation: field(entry, 'cache_creation') },
    },
    model: textAt(entry, 'model'),
  };
}

const COUNTS = [
  'inputTokens',
  'outputTokens',
  'totalTokens',
  'cachedInputTokens',
  'cacheWriteTokens',
] as const;

/** Whether a usage has been added up with parts that the counts beside the list leave out. */
function includes(usage: Usage, parts: readonly UsagePart[]): boolean {
  const beside = partOf(usage.raw).usage.inputTokens;
  return usage.inputTokens >= parts.reduce((sum, part) => sum + part.usage.inputTokens, beside);
}

/** A usage without some parts of it. */
function without(usage: Usage, parts: readonly UsagePart[]): Usage {
  const rest = { ...usage };
  for (const name of COUNTS) {
    rest[name] = Math.max(
      0,
      parts.reduce((left, part) => left - part.usage[name], usage[name]),
    );
  }
  return rest;
}

function isSumOf(parts: readonly UsagePart[], usage: Usage): boolean {
  if (parts.length === 0) return false;
  return COUNTS.every((name) => parts.reduce((sum, part) => sum + part.usage[name], 0) === usage[name]);
}

function rawOf({ usage }: UsagePart): object {
  return typeof usage.raw === 'object' && usage.raw !== null ? usage.raw : {};
}

function withRaw(part: UsagePart, raw: object): UsagePart {
  return { ...part, usage: { ...part.usage, raw } };
}
