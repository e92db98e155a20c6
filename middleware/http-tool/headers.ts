import { isRecord } from '../tools/values.ts';

/** Header fields by their names in lower case. */
export type Fields = Record<string, string>;

const NAME = /^[!#$%&'*+.^_`|~\da-z-]+$/;
/** Printable characters of Latin-1, and tabs: above all no line break, which would begin another header. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** These say how a message is framed and whom it is for, which is ours. */
const OURS: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The headers with names in lower case. Throws an `Error` that names the wrong one, never a value. */
export function checkedHeaders(given: unknown): Fields {
  if (!isRecord(given)) throw new Error('headers is not an object of names and values');
  const fields: Fields = {};
  for (const [written, value] of Object.entries(given)) {
    const name = written.toLowerCase();
    if (!NAME.test(name))
      throw new Error(`headers: ${JSON.stringify(written.slice(0, 64))} is not a name of a header`);
    if (OURS.has(name))
      throw new Error(`headers.${name} cannot be set, because it says how the request is sent`);
    if (typeof value !== 'string') throw new Error(`headers.${name} is not a string`);
    if (!VALUE.test(value)) throw new Error(`headers.${name} contains a character that a header cannot hold`);
    fields[name] = value;
  }
  return fields;
}

/** A key as a header can hold it: characters that it cannot are escaped as in a URL. */
export function headerOfKey(key: string): string {
  return key.toWellFormed().replace(/[^\x21-\x7e]|%/gu, (one) => encodeURIComponent(one));
}
