/** A random id: a UUID of version 4. Node builds one as a tree of twenty short strings, which takes eight times the memory of the text for as long as the id is kept: changing its case makes one string of it. */
export function newId(): string {
  return crypto.randomUUID().toLowerCase();
}
