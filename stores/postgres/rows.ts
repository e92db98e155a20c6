import * as z from 'zod';
import { sumsSchema } from './sum-columns.ts';

// The results of statements. Columns are text, so that they do not depend on the type parsers of `pg`.

const number = z.string().transform(Number);
const flag = z.string().transform((text) => text === 'true');
const json = z.string().transform((text): unknown => JSON.parse(text));
const sums = json.pipe(sumsSchema);
const fields = json.pipe(z.record(z.string(), z.string()));

/** Any row. */
export const noRow = z.unknown();
/** The version and the newest token after a write. */
export const writtenRow = z.object({ version: number, token: number });
/** A number of rows. */
export const countRow = z.object({ count: number });
/** The new end of a lease. */
export const untilRow = z.object({ until: number });
/** A lease. */
export const leaseRow = z.object({ token: number, until: number });
/** Sums. */
export const sumsRow = z.object({ sums });
/** The existence of a row. */
export const keyRow = z.object({ key: z.string() });
/** A session of a list. */
export const listRow = z.object({ id: z.string(), version: number, updated: number });
/** What a write found. */
export const lookRow = z.object({
  version: number,
  token: number,
  held: flag,
  alive: flag,
  now: number,
  size: number,
});
/** A row of a write on the line of the head. Its numbers stay texts: a load has many, and a transformation of each takes as long as all else. */
export const windowRow = z.object({
  version: z.string(),
  messages: z.string(),
  content: z.string(),
  upto: z.string(),
  at: z.string(),
});
/** A row of a write. */
export const turnRow = windowRow.extend({ line: z.string() });
const sessionSchema = z.object({
  line: z.number(),
  updated: z.number(),
  expires: z.number().nullable(),
  sums: sumsSchema,
});
/** The session, or a row on the line of its head. */
export const loadRow = z.union([
  windowRow,
  z.object({
    upto: z.null(),
    version: number,
    messages: number,
    content: fields,
    at: number,
    session: json.pipe(sessionSchema),
  }),
]);
/** What is copied, and the row that the copy cuts. */
export const originRow = z.object({
  key: z.string(),
  line: number,
  messages: number,
  version: number.nullable(),
  upto: number.nullable(),
  row_messages: number.nullable(),
  content: z.string().nullable(),
});
