import type { StreamChunk } from '../../../../src/index.ts';
import { isRecord } from '../../../wire/index.ts';
import { plainItem, recordsOf } from './item-table.ts';
import type { TextItem } from './text-item.ts';

type Json = Record<string, unknown>;

/** Fields that say what a citation points to, and where it is in the text. */
const PLACE = ['url', 'file_id', 'container_id', 'start_index', 'end_index', 'index'] as const;

/** Takes a citation that is announced with its text. */
export function cite(item: TextItem, at: unknown, annotation: unknown, out: StreamChunk[]): void {
  if (!isRecord(annotation)) return;
  const citation = plainItem(annotation);
  if (item.cited.has(keyOf(citation))) return;
  item.cited.add(keyOf(citation));
  item.part('text', at).citations++;
  out.push({ type: 'content', content: '', citations: [citation], call: 0 });
}

/**
 * Takes the citations of complete parts, and pushes those that were not announced. The same citation may look different
 * here, so no part gets more citations than it has.
 */
export function citeParts(item: TextItem, parts: readonly Json[], at: unknown, out: StreamChunk[]): void {
  parts.forEach((part, index) => {
    const place = at ?? index;
    const citations = recordsOf(part['annotations']).map(plainItem);
    const notAnnounced = citations.filter((citation) => !item.cited.has(keyOf(citation)));
    const missing = Math.max(0, citations.length - item.part('text', place).citations);
    for (const citation of notAnnounced.slice(Math.max(0, notAnnounced.length - missing)))
      cite(item, place, citation, out);
  });
}

function keyOf(citation: Json): string {
  const place = PLACE.map((field) => citation[field] ?? null);
  return JSON.stringify(place.every((field) => field === null) ? citation : [citation['type'], ...place]);
}
