import * as z from 'zod';
import { SUM_NAMES } from '../../src/index.ts';
import type { Loaded, StoredRow, Sums } from '../../src/index.ts';
import { UnknownFormError } from './failures.ts';

const texts = z.array(z.string());
const loaded = z.union([z.tuple([]), z.tuple([texts, texts, texts])]);
const page = z.tuple([texts, texts, z.string()]);

/** A reply as an array of texts. */
export function textsOf(reply: unknown): string[] {
  return parsed(texts, reply);
}

/** The answer of a write. */
export interface Answer {
  /** Such as `stored`, or the condition that did not hold. */
  word: string;
  values: string[];
  /** Ids in the index that may be stale. */
  others: string[];
}

/** A reply as the answer of a write. */
export function answerOf(reply: unknown): Answer {
  const items = parsed(z.array(z.union([z.string(), texts])), reply);
  const values = items.filter((item) => typeof item === 'string');
  const others = items.filter((item) => typeof item !== 'string').flat();
  return { word: values[0] ?? '', values: values.slice(1), others };
}

/** Sums, old tickets and the server's time in microseconds. */
export function spentOf(reply: unknown): { sums: Sums; old: string[]; micros: number } {
  const [fields, old, micros] = parsed(page, reply);
  return { sums: sumsOf(pairsOf(fields)), old, micros: Number(micros) };
}

/** The ticket, ids that may be stale, and old tickets. */
export function registeredOf(reply: unknown): { ticket: string; others: string[]; old: string[] } {
  const [ticket, others, old] = parsed(z.tuple([z.string(), texts, texts]), reply);
  return { ticket, others, old };
}

/** A session as the script `LOAD` answers with it; undefined if there is none. */
export function loadedOf(reply: unknown): Loaded | undefined {
  const [flat, contents = [], rows = []] = parsed(loaded, reply);
  if (flat === undefined) return undefined;
  const fields = pairsOf(flat);
  const count = (name: string): number => Number(fields.get(name) ?? '0');
  const names = fields.get('names')?.split('\n') ?? [];
  return {
    version: count('version'),
    messages: count('messages'),
    head: fields.has('head') ? count('head') : count('rows'),
    fields: Object.fromEntries(contents.map((content, at) => [names[at] ?? '', content])),
    sums: sumsOf(fields, 'sum:'),
    createdAt: count('createdAt'),
    updatedAt: count('updatedAt'),
    expiresAt: fields.has('expiresAt') ? count('expiresAt') : undefined,
    rows: rows.map(rowOf).reverse(),
  };
}

/**
 * A row as the scripts answer with it: its position, the numbers before its content, and the content. A row that something else has written has no
 * numbers and is returned as it is: the core reports that it cannot be read.
 */
export function rowOf(text: string): StoredRow {
  const numbers: number[] = [];
  let from = 0;
  while (numbers.length < 6) {
    const space = text.indexOf(' ', from);
    const number = space < 0 ? Number.NaN : Number(text.slice(from, space));
    if (Number.isNaN(number)) return { position: 0, weight: 0, version: 0, at: 0, content: text };
    numbers.push(number);
    from = space + 1;
  }
  const [position = 0, , weight = 0, , version = 0, at = 0] = numbers;
  return { position, weight, version, at, content: text.slice(from) };
}

/** The sums among the fields. The core refuses a sum that is not a number. */
function sumsOf(fields: ReadonlyMap<string, string>, prefix = ''): Sums {
  const known = SUM_NAMES.filter((name) => fields.has(prefix + name));
  return Object.fromEntries(known.map((name) => [name, Number(fields.get(prefix + name))]));
}

/** Fields and values of a hash. */
function pairsOf(flat: readonly string[]): Map<string, string> {
  const pairs = new Map<string, string>();
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.set(flat[at] ?? '', flat[at + 1] ?? '');
  return pairs;
}

function parsed<S extends z.ZodType>(schema: S, reply: unknown): z.output<S> {
  const result = schema.safeParse(reply);
  if (result.success) return result.data;
  throw new UnknownFormError('The answer has an unknown form.');
}
