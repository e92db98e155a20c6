/** Where a message is stored: in which row, and its place in the append of that row, counted from 0. */
export interface MessagePlace {
  readonly position: number;
  readonly n: number;
}

/** The id of a message. It never changes, and no other message of the session gets it. */
export function messageId({ position, n }: MessagePlace): string {
  return `${position}.${n}`;
}

/** The place of a message; undefined if no message has such an id. */
export function placeOfMessage(id: string): MessagePlace | undefined {
  const [, position, n] = /^([1-9]\d{0,15})\.(0|[1-9]\d{0,8})$/.exec(id) ?? [];
  if (position === undefined || n === undefined) return undefined;
  const place = { position: Number(position), n: Number(n) };
  return Number.isSafeInteger(place.position) ? place : undefined;
}
