import { decodeSession, decodeTurn, encodeSession, encodeTurn } from '../../src/index.ts';
import type { SessionKey } from '../../src/index.ts';
import type * as z from 'zod';
import type { originRow } from './rows.ts';

/**
 * The parameters of a fork: what was appended never changes, so that whole parts are copied by the server. Only a part that `at` cuts through is
 * written anew.
 */
export function forkValues(
  origin: z.output<typeof originRow>,
  key: SessionKey,
  at: number | undefined,
  ttlMs: number | null,
): unknown[] {
  const messages = Math.min(at ?? origin.messages, origin.messages);
  const { metadata, pending } = decodeSession(origin.content, { key, row: 'metadata' });
  const content = encodeSession({ metadata, pending: messages === origin.messages ? pending : [] });
  const from = (origin.upto ?? messages) - (origin.part_messages ?? 0);
  if (origin.part === null || from >= messages)
    return [origin.key, content, messages, ttlMs, messages, 0, null];
  const part = decodeTurn(origin.part, { key, row: `turn ${origin.turn ?? 0}` });
  const cut = part.messages.slice(0, messages - from);
  const entries = cut.map((message) => ({ message }));
  return [origin.key, content, messages, ttlMs, from, cut.length, encodeTurn(entries)];
}
