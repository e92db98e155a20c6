import type { StreamChunk } from '../../../../src/index.ts';
import { isRecord } from '../../../wire/index.ts';
import { plainItem, recordsOf } from './item-table.ts';
import type { TextItem } from './text-item.ts';

type Json = Record<string, unknown>;

/** The fields that say what a citation points to, and from where. */
const PLACE = ['url', 'file_id', 'container_id', 'start_index', 'end_index', 'index'] as const;

/** A citation that is announced with its text. */
export function cite(item: TextItem, at: unknown, annotation: unknown, out: StreamChunk[]): void {
  if (!isRecord(annotation)) return;
  const citation = plainItem(annotation);
  if (item.cited.has(keyOf(citation))) return;
  item.cited.add(keyOf(citation));
  item.part('text', at).citations++;
  out.push({ type: 'content', content: '', citations: [citation], call: 0 });
}

/**
 * The citations of whole parts: those that were not announced. One that was may look otherwise here, so there are never more
 * of a part than the part has.
 */
export function citeParts(item: TextItem, parts: readonly Json[], at: unknown, out: StreamChunk[]): void {
  parts.forEach((part, index) => {
    const place = at ?? index;
    const citations = recordsOf(part['annotations']).map(plainItem);
    const fresh = citations.filter((citation) => !item.cited.has(keyOf(citation)));
    const missing = Math.max(0, citations.length - item.part('text', place).citations);
    for (const citation of fresh.slice(Math.max(0, fresh.length - missing))) cite(item, place, citation, out);
  });
}

function keyOf(citation: Json): string {
  const place = PLACE.map((field) => citation[field] ?? null);
  return JSON.stringify(place.every((field) => field === null) ? citation : [citation['type'], ...place]);
}
