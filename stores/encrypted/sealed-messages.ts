import { storedText } from '../../src/index.ts';
import type { Message, SessionEntry, SessionKey } from '../../src/index.ts';
import type { About, SessionCipher } from './session-cipher.ts';

/** The place of a message: its append, its index there, and the number of messages in the append. */
interface Position {
  readonly turnId: string;
  readonly version: number;
  readonly index: number;
  readonly count: number;
}

/** Encrypts the messages of an append. Each becomes a message whose content is its place and the encrypted text. */
export function sealedEntries(
  cipher: SessionCipher,
  entries: readonly SessionEntry[],
  { turnId, version }: { turnId: string; version: number },
): SessionEntry[] {
  const count = entries.length;
  return entries.map((entry, index) => {
    const position = { turnId, version, index, count };
    const sealed = cipher.seal(storedText.messages.write([entry.message]), about(position));
    const place = [version, index, count, Buffer.from(turnId).toString('base64url')];
    // The real role is encrypted, too.
    return { message: { role: 'user', content: `${place.join('.')} ${sealed}` } };
  });
}

/** Which messages are decrypted. */
interface Way {
  /** Whether there are none before them. */
  readonly isAll: boolean;
  /** The turn whose messages they are. */
  readonly turnId?: string;
  /** The places at which an append may be cut, as {@link cutAt} names them. */
  readonly cuts?: ReadonlySet<string>;
  /** Whether the last append may be cut at any place. */
  readonly endsAnywhere?: boolean;
}

/** Names the place after the last of these messages; undefined if that is the end of its append. */
export function cutAt(cipher: SessionCipher, messages: readonly Message[]): string | undefined {
  const last = messages.at(-1);
  if (last === undefined) return undefined;
  const { position } = split(cipher, last.content);
  return isLast(position) ? undefined : cutName(position);
}

/** Decrypts messages, which must be in the places where they were appended: none missing from an append, none moved, none twice. */
export function openedMessages(
  cipher: SessionCipher,
  key: SessionKey,
  messages: readonly Message[],
  { isAll, turnId, cuts = new Set(), endsAnywhere = false }: Way,
): Message[] {
  let before: Position | undefined;
  const opened: Message[] = [];
  for (const { content } of messages) {
    const { position, sealed } = split(cipher, content);
    const row = rowOf(position);
    if (before === undefined ? isAll && position.index !== 0 : !follows(position, before, cuts))
      throw cipher.fault(row, 'does not stand where it was stored');
    if (turnId !== undefined && (position.turnId !== turnId || opened.length !== position.index))
      throw cipher.fault(row, 'belongs to another turn');
    for (const message of storedText.messages.read(cipher.open(sealed, about(position), row), { key, row }))
      opened.push(message);
    before = position;
  }
  if (before !== undefined && !endsAnywhere && !mayEnd(before, cuts))
    throw cipher.fault(rowOf(before), 'is not whole');
  return opened;
}

function follows(next: Position, before: Position, cuts: ReadonlySet<string>): boolean {
  if (next.version === before.version) return next.index === before.index + 1;
  return next.version > before.version && mayEnd(before, cuts) && next.index === 0;
}

/** Whether another append may follow. */
function mayEnd(position: Position, cuts: ReadonlySet<string>): boolean {
  return isLast(position) || cuts.has(cutName(position));
}

function isLast({ index, count }: Position): boolean {
  return index === count - 1;
}

function cutName({ version, index }: Position): string {
  return `${version}.${index}`;
}

function split(cipher: SessionCipher, content: Message['content']): { position: Position; sealed: string } {
  const [, version, index, count, turn = '', sealed = ''] =
    (typeof content === 'string' ? /^(\d+)\.(\d+)\.(\d+)\.([\w-]+) (.+)$/.exec(content) : undefined) ?? [];
  if (sealed === '') throw cipher.fault('messages', 'are not encrypted');
  const turnId = Buffer.from(turn, 'base64url').toString();
  return {
    position: { turnId, version: Number(version), index: Number(index), count: Number(count) },
    sealed,
  };
}

function about({ turnId, version, index, count }: Position): About {
  return ['message', turnId, version, index, count];
}

function rowOf({ version }: Position): string {
  return `turn at version ${version}`;
}
