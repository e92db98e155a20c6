/**
 * Which nulls of an answer stand for nothing. A wire may want each property of an object, so that what the schema leaves open is written as null. One of these is for one
 * value and what is in it.
 */
export interface Nulls {
  /** Whether a null under this key is left out. */
  drops(key: string): boolean;
  /** The same for the value under a key, or for the items of an array. Undefined: nothing in it is left out. */
  under(key: string | undefined): Nulls | undefined;
}
