// How the core names things for a driver: places, groups and fields.

/** The prefix of the names of fields with metadata values. */
const METADATA = 'metadata:';

/** The prefix of the names of fields that say which turns are open. */
export const OPEN = 'open:';

/** The field that describes the branch of the head. Without it, that is the first one. */
export const LINE = 'line';

/** The prefix of the names of fields that describe the other branches. */
export const BRANCH = 'branch:';

/** Escapes NUL in an id as `\0`, because many databases cannot store it, and a backslash as `\\`. Other ids stay as they are. */
export function encodeId(id: string): string {
  return id.includes('\\') || id.includes('\0') ? id.replaceAll('\\', '\\\\').replaceAll('\0', '\\0') : id;
}

/** Reverses {@link encodeId}. */
export function decodeId(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replaceAll(/\\(.)/gs, (_, escaped: string) => (escaped === '0' ? '\0' : escaped));
}

/** The group of the rows of an append. Its name is the turn's id: groups of another kind begin with a backslash and a letter. */
export function turnGroup(turnId: string): string {
  return encodeId(turnId);
}

/** The group of the steps of a turn. */
export function stepGroup(turnId: string): string {
  return `\\s${encodeId(turnId)}`;
}

/** The field that says that a turn is open. */
export function openField(turnId: string): string {
  return OPEN + JSON.stringify(turnId);
}

/** The turn id of a field that says that a turn is open; undefined for other fields. */
export function openTurnOfField(field: string): string | undefined {
  return field.startsWith(OPEN) ? String(JSON.parse(field.slice(OPEN.length))) : undefined;
}

/** The field of a branch that is not that of the head, named by the id of its newest message. */
export function branchField(id: string): string {
  return BRANCH + id;
}

/** The field of a metadata key. The key is written as JSON, because it may contain a lone surrogate. */
export function fieldOf(name: string): string {
  return METADATA + JSON.stringify(name);
}

/** The metadata key of a field; undefined for other fields. */
export function nameOfField(field: string): string | undefined {
  return field.startsWith(METADATA) ? String(JSON.parse(field.slice(METADATA.length))) : undefined;
}
