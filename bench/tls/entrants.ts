import { contestant } from '../contestants/list.ts';
import type { Contestant, ContestantId } from '../contestants/list.ts';

/** A contestant over TLS, and what is set for its process. */
export interface Entrant {
  id: EntrantId;
  label: string;
  contestant: ContestantId;
  env?: Readonly<Record<string, string>>;
}

export type EntrantId = 'sluice' | 'sluice-http1' | 'floor-to-end' | 'openai-sdk' | 'ai-sdk' | 'langchain';

/** All of them. Each speaks what it speaks by default, except for Sluice over HTTP/1.1, which shows what HTTP/2 is worth. */
export const entrants: readonly Entrant[] = [
  asItIs('sluice'),
  {
    id: 'sluice-http1',
    label: 'Sluice, five middleware, HTTP/1.1',
    contestant: 'sluice',
    env: { SLUICE_HTTP2: '0' },
  },
  asItIs('floor-to-end'),
  asItIs('openai-sdk'),
  asItIs('ai-sdk'),
  asItIs('langchain'),
];

/** The entrant with this id. */
export function entrant(id: EntrantId): Entrant {
  const found = entrants.find((one) => one.id === id);
  if (found === undefined) throw new Error(`There is no entrant ${id}.`);
  return found;
}

function asItIs(id: EntrantId & ContestantId): Entrant {
  const { label }: Contestant = contestant(id);
  return { id, label, contestant: id };
}
