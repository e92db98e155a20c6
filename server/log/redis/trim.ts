import * as z from 'zod';
import { UnknownFormError } from '../../../stores/redis/shared.ts';
import type { Server, StoreCall } from '../../../stores/redis/shared.ts';
import type { StreamLease } from '../chunk-log.ts';
import { snapshotText } from '../snapshot-text.ts';
import { entryOf } from './replies.ts';
import { DROP, OLDEST } from './scripts.ts';

const text = z.string();
const oldest = z.union([z.tuple([]), z.tuple([text, text, text, text, text, text, z.array(z.unknown())])]);

/**
 * Drops the oldest entries of a stream that is larger than that, and keeps a snapshot of them. The snapshot is made here, so that the server does not spend its time on it. It changes
 * nothing if another owner has taken the stream. Resolves to whether it is still too large.
 */
export async function trimStream(
  server: Server,
  call: StoreCall,
  keys: string[],
  { token }: StreamLease,
  maxBytes: number,
): Promise<boolean> {
  const reply = await server.run(call, OLDEST, { keys, args: [String(token), String(maxBytes)] });
  const found = oldest.safeParse(reply);
  if (!found.success) throw new UnknownFormError('The answer has an unknown form.');
  const [first = '0', snapshot = '', bytes = '0', all = '0', began = '0', base = '0', rows = []] = found.data;
  const entries = rows.map((row) => entryOf(row, Number(began), Number(base)));
  const last = entries.at(-1);
  if (last === undefined) return false;
  const kept = snapshotText(Number(first), snapshot, entries);
  const args = [
    String(token),
    first,
    String(last.from + last.chunks.length),
    bytes,
    kept ?? '',
    String(maxBytes),
  ];
  await server.run(call, DROP, { keys, args });
  return Number(all) - Number(bytes) > maxBytes;
}
