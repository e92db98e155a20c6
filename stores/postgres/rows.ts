import * as z from 'zod';
import { decodeTurn } from '../../src/index.ts';
import type { Message, SessionKey, TurnEnd } from '../../src/index.ts';

// What statements answer: text, so that it does not depend on how the driver was told to read other types.

const number = z.string().transform(Number);
const flag = z.string().transform((text) => text === 'true');

/** Whatever there is. */
export const noRow = z.unknown();
/** The version after a write. */
export const versionRow = z.object({ version: number });
/** How many there were. */
export const countRow = z.object({ count: number });
/** The new end of a lease. */
export const untilRow = z.object({ until: number });
/** A lease. */
export const leaseRow = z.object({ token: number, until: number });
/** A sum, as `decodeSpend` reads it. */
export const spendRow = z.object({ spend: z.string() });
/** That there is a row. */
export const keyRow = z.object({ key: z.string() });
/** A session of a list. */
export const listRow = z.object({ id: z.string(), version: number, updated: number });
/** What a write found, and the last part of its turn where that is stored. */
export const lookRow = z.object({
  version: number,
  token: number,
  content: z.string(),
  alive: flag,
  stored: z.string().nullable(),
});
/** A part of an append. */
export const partRow = z.object({ version: number, messages: number, content: z.string(), upto: number });
/** The session, or a part of it. */
export const loadRow = z.union([
  partRow,
  z.object({
    upto: z.null(),
    version: number,
    messages: number,
    content: z.string(),
    spend: z.string(),
    created: number,
    updated: number,
    expires: number.nullable(),
  }),
]);
/** What is forked, and the part that is cut. */
export const originRow = z.object({
  key: z.string(),
  version: number,
  messages: number,
  content: z.string(),
  turn: number.nullable(),
  upto: number.nullable(),
  part_messages: number.nullable(),
  part: z.string().nullable(),
});

/** The messages of parts in their order, and the end that the last one has. */
export function joined(
  parts: readonly z.output<typeof partRow>[],
  key: SessionKey,
): { messages: Message[]; end: TurnEnd | undefined } {
  const messages: Message[] = [];
  let end: TurnEnd | undefined;
  for (const { version, content } of parts) {
    const part = decodeTurn(content, { key, row: `turn ${version}` });
    for (const message of part.messages) messages.push(message);
    end = part.end;
  }
  return { messages, end };
}
